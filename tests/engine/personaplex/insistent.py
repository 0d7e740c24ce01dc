"""A snapshot that insists: whatever it hears and whatever it has been made to say, it says one phrase over and over.

The tiny snapshot with other weights. Nothing but the latest text token reaches the text logits: the layers add nothing,
the embeddings of sound are zero, and `text_linear` gives the successor of each token of the phrase, and the first token
of it after any other, a logit that leaves the rest no chance. The codec's decoder is made louder and loses its biases
and its memory, so that what is heard depends on the codes, and those on the text: each token has a sound of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .conftest import TINY

CODEC = "tokenizer-e351c8d8-checkpoint125.safetensors"

_LOGIT = 40.0
"""Above all others, which are 0: at a temperature of 0.7 the rest is drawn once in 10^22 steps."""

_LOUDER = 3000.0
"""So that speech is as loud as a telephone's."""


def write_insistent(directory: Path, phrase: Sequence[int]) -> Path:
    """Write the snapshot that says `phrase`, text ids of which no two are the same, after any beginning."""
    assert len(set(phrase)) == len(phrase)
    shutil.copytree(TINY, directory, ignore=shutil.ignore_patterns("*.safetensors"))
    weights = load_file(TINY / "model.safetensors")
    for name, weight in weights.items():
        silenced = name.startswith("emb.") or (
            name.startswith("transformer.layers.") and name.endswith(("out_proj.weight", "linear_out.weight"))
        )
        if silenced:
            weight.zero_()
    weights["out_norm.alpha"].fill_(1)
    text, logits = weights["text_emb.weight"], weights["text_linear.weight"]
    width = text.shape[1]
    directions = torch.eye(width)  # one for each token of the phrase, and one for all other tokens
    text.copy_(directions[0].expand_as(text))
    logits.zero_()
    for place, token in enumerate(phrase):
        text[token] = directions[1 + place]
        logits[phrase[(place + 1) % len(phrase)]] += directions[1 + place]
    logits[phrase[0]] += directions[0]
    logits *= _LOGIT / width**0.5  # the norm makes each direction as long as that
    save_file(weights, directory / "model.safetensors")
    codec = load_file(TINY / CODEC)
    for name, weight in codec.items():
        if name.startswith("decoder") and name.endswith(("bias", "scale")):
            weight.zero_()
        elif name.startswith("quantizer.") and name.endswith("output_proj.weight"):
            weight *= _LOUDER
    save_file(codec, directory / CODEC)
    return directory
