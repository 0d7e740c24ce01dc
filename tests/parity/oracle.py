"""Replays a snapshot with the public package `moshi`, and records what it says as golden vectors.

Runs in an environment of its own (`make test-parity`): `python tests/parity/oracle.py DIR`. Reads DIR's weights and its
inputs.safetensors (`caller_codes` int64 [8, T], `pcm` float32 [n]), writes DIR/cases.safetensors. Greedy, float32.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from moshi.models import LMGen, loaders
from safetensors.torch import load_file, save_file

LOGITS = 12  # steps whose logits are recorded


def language(directory: Path, config: dict, caller: torch.Tensor) -> dict[str, torch.Tensor]:
    lm = loaders.get_moshi_lm(directory / "model.safetensors", config, dtype=torch.float32).eval()
    text: list[torch.Tensor] = []
    audio: list[torch.Tensor] = []
    for head in lm.linears:
        head.register_forward_hook(lambda _, __, logits: audio.append(logits.flatten()))
    generator = LMGen(lm, use_sampling=False, on_text_logits_hook=lambda logits: text.append(logits.flatten()))
    rows = []
    with torch.no_grad(), generator.streaming(1):
        for codes in caller.T:
            row = generator.step(codes[None, :, None])
            if row is not None:
                rows.append(row[0, :, 0])
    # The first step gives no row, so that the logits of step i + 1 chose row i's acoustic codes.
    steps = torch.stack(audio).unflatten(0, (-1, len(lm.linears)))
    return {
        "unprompted.caller_codes": caller,
        "unprompted.tokens": torch.stack(rows),
        "unprompted.text_logits": torch.stack(text[1 : LOGITS + 1]),
        "unprompted.agent_audio_logits": steps[1 : LOGITS + 1],
    }


def codec(directory: Path, config: dict, pcm: torch.Tensor) -> dict[str, torch.Tensor]:
    mimi = loaders.get_mimi(None, config, num_codebooks=config["num_codebooks"])
    weights = load_file(directory / "tokenizer-e351c8d8-checkpoint125.safetensors")
    missing, unexpected = mimi.load_state_dict(weights, strict=False)
    assert not unexpected, unexpected
    assert all(name.endswith("_initialized") for name in missing), missing
    with torch.no_grad(), mimi.streaming(1):
        codes = torch.cat([mimi.encode(frame[None, None]) for frame in pcm.split(1920)], dim=-1)
    with torch.no_grad(), mimi.streaming(1):
        sound = torch.cat([mimi.decode(frame) for frame in codes.split(1, dim=-1)], dim=-1)
    return {"mimi.pcm_in": pcm, "mimi.codes": codes[0], "mimi.pcm_out": sound[0, 0]}


def main() -> None:
    directory = Path(sys.argv[1])
    torch.set_num_threads(1)
    config = json.loads((directory / "config.json").read_text())
    inputs = load_file(directory / "inputs.safetensors")
    cases = language(directory, config["lm"], inputs["caller_codes"]) | codec(directory, config["mimi"], inputs["pcm"])
    save_file({name: tensor.contiguous() for name, tensor in cases.items()}, directory / "cases.safetensors")


if __name__ == "__main__":
    main()
