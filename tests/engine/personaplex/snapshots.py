"""Writes snapshots in the published layout: random weights of any dimensions, with golden vectors of the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from .reference import ReferenceLM, ReferenceMimi, Tensors

# 3 heads, a window that wraps four times, 8 depformer sets, a feed-forward of four times the width, 4 codec
# positions per frame.
NARROW: dict[str, Any] = {
    "lm": {
        "dim": 48, "num_layers": 2, "num_heads": 3, "hidden_scale": 3.0, "context": 9, "max_period": 10000,
        "text_card": 50, "card": 20, "n_q": 16, "dep_q": 8,
        "delays": [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1],
        "depformer_dim": 24, "depformer_num_layers": 1, "depformer_num_heads": 2, "depformer_context": 8,
        "depformer_dim_feedforward": 96,
    },
    "mimi": {
        "seanet": {
            "dimension": 32, "n_filters": 2, "compress": 2, "kernel_size": 5, "residual_kernel_size": 3,
            "last_kernel_size": 3, "ratios": [8, 5, 4, 3],
        },
        "quantizer": {"dimension": 12, "n_q": 8, "bins": 20},
        "transformer": {
            "d_model": 32, "num_heads": 2, "num_layers": 2, "dim_feedforward": 40, "context": 10, "max_period": 10000,
        },
        "sample_rate": 24000, "frame_rate": 12.5, "num_codebooks": 8,
    },
    "prompt": {"silence_frames": 3, "text_padding_id": 3},
}  # fmt: skip

# 4 codebooks, delays of up to two frames, a depformer that sees two steps back only, 12 sets of which 4 are run, a
# codec window of just over one frame.
DELAYED: dict[str, Any] = {
    "lm": {
        "dim": 32, "num_layers": 3, "num_heads": 2, "hidden_scale": 4.125, "context": 14, "max_period": 500,
        "text_card": 30, "card": 15, "n_q": 8, "dep_q": 12, "delays": [0, 0, 1, 2, 2, 0, 1, 2, 2],
        "depformer_dim": 16, "depformer_num_layers": 2, "depformer_num_heads": 4, "depformer_context": 2,
        "depformer_dim_feedforward": 66,
    },
    "mimi": {
        "seanet": {
            "dimension": 16, "n_filters": 4, "compress": 2, "kernel_size": 7, "residual_kernel_size": 5,
            "last_kernel_size": 3, "ratios": [8, 6, 5, 4],
        },
        "quantizer": {"dimension": 8, "n_q": 5, "bins": 15},
        "transformer": {
            "d_model": 16, "num_heads": 4, "num_layers": 1, "dim_feedforward": 24, "context": 3, "max_period": 10000,
        },
        "sample_rate": 24000, "frame_rate": 12.5, "num_codebooks": 4,
    },
    "prompt": {"silence_frames": 4, "text_padding_id": 3},
}  # fmt: skip


class Draw:
    """Random tensors of the size at which they leave activations as large as they were."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def weight(self, *shape: int) -> Tensor:
        fan_in = torch.Size(shape[1:]).numel()
        return torch.randn(*shape, generator=self._generator) * fan_in**-0.5

    def table(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator)

    def around(self, centre: float, *shape: int) -> Tensor:
        return centre * (1 + 0.2 * torch.randn(*shape, generator=self._generator))

    def codes(self, card: int, *shape: int) -> Tensor:
        return torch.randint(card, shape, generator=self._generator)


def lm_tensors(c: dict[str, Any], draw: Draw) -> Tensors:
    dim, inner, sets = c["dim"], c["depformer_dim"], c["dep_q"]
    hidden, inner_hidden = (
        width * 21 // 8 if feedforward == 4 * width else feedforward * 2 // 3
        for width, feedforward in ((dim, int(c["hidden_scale"] * dim)), (inner, c["depformer_dim_feedforward"]))
    )
    t = {
        "text_emb.weight": draw.table(c["text_card"] + 1, dim),
        "text_linear.weight": draw.weight(c["text_card"], dim),
        "out_norm.alpha": draw.around(1, 1, 1, dim),
        "depformer_text_emb.weight": draw.table(c["text_card"] + 1, inner),
    }
    for row in range(c["n_q"]):
        t[f"emb.{row}.weight"] = draw.table(c["card"] + 1, dim)
    for i in range(c["num_layers"]):
        at = f"transformer.layers.{i}."
        t[at + "self_attn.in_proj_weight"] = draw.weight(3 * dim, dim)
        t[at + "self_attn.out_proj.weight"] = draw.weight(dim, dim)
        t[at + "norm1.alpha"], t[at + "norm2.alpha"] = draw.around(1, 1, 1, dim), draw.around(1, 1, 1, dim)
        t[at + "gating.linear_in.weight"] = draw.weight(2 * hidden, dim)
        t[at + "gating.linear_out.weight"] = draw.weight(dim, hidden)
    for k in range(sets):
        t[f"depformer_in.{k}.weight"] = draw.weight(inner, dim)
        t[f"linears.{k}.weight"] = draw.weight(c["card"], inner)
        if k + 1 < sets:
            t[f"depformer_emb.{k}.weight"] = draw.table(c["card"] + 1, inner)
    for j in range(c["depformer_num_layers"]):
        at = f"depformer.layers.{j}."
        t[at + "self_attn.in_proj_weight"] = draw.weight(sets * 3 * inner, inner)
        t[at + "self_attn.out_proj.weight"] = draw.weight(sets * inner, inner)
        t[at + "norm1.alpha"], t[at + "norm2.alpha"] = draw.around(1, 1, 1, inner), draw.around(1, 1, 1, inner)
        for k in range(sets):
            t[f"{at}gating.{k}.linear_in.weight"] = draw.weight(2 * inner_hidden, inner)
            t[f"{at}gating.{k}.linear_out.weight"] = draw.weight(inner, inner_hidden)
    return t


def mimi_tensors(c: dict[str, Any], draw: Draw) -> Tensors:
    s, q, tr = c["seanet"], c["quantizer"], c["transformer"]
    dim, wide = s["dimension"], s["n_filters"] * 2 ** len(s["ratios"])
    per_frame = int(c["sample_rate"] / c["frame_rate"]) // torch.Size(s["ratios"]).numel()
    t: Tensors = {}

    def conv(at: str, out: int, channels: int, kernel: int) -> None:
        t[at + ".conv.conv.weight"] = draw.weight(out, channels, kernel)
        t[at + ".conv.conv.bias"] = 0.1 * draw.table(out)

    def residual(at: str, channels: int) -> None:
        narrow = channels // s["compress"]
        conv(at + ".block.1", narrow, channels, s["residual_kernel_size"])
        conv(at + ".block.3", channels, narrow, 1)

    conv("encoder.model.0", s["n_filters"], 1, s["kernel_size"])
    conv("decoder.model.0", wide, dim, s["kernel_size"])
    width = s["n_filters"]
    for i, stride in enumerate(reversed(s["ratios"])):
        residual(f"encoder.model.{3 * i + 1}", width)
        conv(f"encoder.model.{3 * i + 3}", 2 * width, width, 2 * stride)
        width *= 2
    for i, stride in enumerate(s["ratios"]):
        at = f"decoder.model.{3 * i + 2}.convtr.convtr"
        t[at + ".weight"] = draw.table(width, width // 2, 2 * stride) * (2 * width) ** -0.5
        t[at + ".bias"] = 0.1 * draw.table(width // 2)
        width //= 2
        residual(f"decoder.model.{3 * i + 3}", width)
    last = 3 * len(s["ratios"]) + 2
    conv(f"encoder.model.{last}", dim, wide, s["last_kernel_size"])
    conv(f"decoder.model.{last}", 1, width, s["last_kernel_size"])
    for side in ("encoder", "decoder"):
        for i in range(tr["num_layers"]):
            at = f"{side}_transformer.transformer.layers.{i}."
            t[at + "self_attn.in_proj_weight"] = draw.weight(3 * dim, dim)
            t[at + "self_attn.out_proj.weight"] = draw.weight(dim, dim)
            t[at + "linear1.weight"] = draw.weight(tr["dim_feedforward"], dim)
            t[at + "linear2.weight"] = draw.weight(dim, tr["dim_feedforward"])
            for n in (1, 2):
                t[f"{at}norm{n}.weight"], t[f"{at}norm{n}.bias"] = draw.around(1, dim), 0.1 * draw.table(dim)
                t[f"{at}layer_scale_{n}.scale"] = draw.around(0.3, dim)
    t["downsample.conv.conv.conv.weight"] = draw.weight(dim, dim, 2 * per_frame)
    t["upsample.convtr.convtr.convtr.weight"] = draw.table(dim, 1, 2 * per_frame)
    for part, books in (("rvq_first", 1), ("rvq_rest", q["n_q"] - 1)):
        t[f"quantizer.{part}.input_proj.weight"] = draw.weight(q["dimension"], dim, 1)
        t[f"quantizer.{part}.output_proj.weight"] = draw.weight(dim, q["dimension"], 1)
        for book in range(books):
            at = f"quantizer.{part}.vq.layers.{book}._codebook."
            t[at + "cluster_usage"] = draw.around(3, q["bins"]).abs()
            t[at + "embedding_sum"] = draw.table(q["bins"], q["dimension"])
    return t


def write_snapshot(directory: Path, config: dict[str, Any], seed: int = 0, frames: int = 40) -> None:
    """A complete snapshot with golden vectors in `directory`."""
    draw, lm, mimi = Draw(seed), config["lm"], config["mimi"]
    (directory / "voices").mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config))
    language, codec = lm_tensors(lm, draw), mimi_tensors(mimi, draw)
    save_file(language, directory / "model.safetensors")
    save_file(codec, directory / "tokenizer-e351c8d8-checkpoint125.safetensors")

    books, speaker, coder = lm["n_q"] // 2, ReferenceLM(language, lm), ReferenceMimi(codec, mimi)
    cases = {
        "unprompted.caller_codes": draw.codes(lm["card"], books, frames),
        "prompted.voice_codes": draw.codes(lm["card"], books, 7),
        "prompted.text_prompt_tokens": draw.codes(lm["text_card"], 5),
        "prompted.caller_codes": draw.codes(lm["card"], books, 15),
        "silence_codes": draw.codes(lm["card"], books),
        "sine_codes": draw.codes(lm["card"], books),
        "mimi.pcm_in": 0.3 * draw.table(12 * 1920),
    }
    tokens, text, audio = speaker.converse(cases["unprompted.caller_codes"])
    cases |= {
        "unprompted.tokens": tokens,
        "unprompted.text_logits": text[:12].float(),
        "unprompted.agent_audio_logits": audio[:12].float(),
    }
    prompt = prompt_frames(config, cases)
    cases["prompted.tokens"] = speaker.converse(cases["prompted.caller_codes"], prompt)[0][:-1]
    cases["mimi.codes"] = coder.encode(cases["mimi.pcm_in"])
    cases["mimi.pcm_out"] = coder.decode(cases["mimi.codes"]).float()
    save_file({name: tensor.contiguous() for name, tensor in cases.items()}, directory / "cases.safetensors")
    torch.save(saved_voice(speaker, prompt, 7), directory / "voices" / "GOLD0.pt")


def prompt_frames(config: dict[str, Any], cases: Tensors) -> Tensor:
    """[rows, frames]: voice, silence, persona, silence."""
    lm, quiet, pad = config["lm"], config["prompt"]["silence_frames"], config["prompt"]["text_padding_id"]
    books, voice, text = lm["n_q"] // 2, cases["prompted.voice_codes"], cases["prompted.text_prompt_tokens"].tolist()
    texts = [pad] * (voice.shape[1] + quiet) + text + [pad] * quiet
    frames = torch.empty(1 + 2 * books, len(texts), dtype=torch.int64)
    frames[0] = torch.tensor(texts)
    frames[1 : 1 + books] = cases["silence_codes"][:, None]
    frames[1 : 1 + books, : voice.shape[1]] = voice
    frames[1 + books :] = cases["sine_codes"][:, None]
    return frames


def saved_voice(speaker: ReferenceLM, prompt: Tensor, frames: int) -> Tensors:
    """The first `frames` frames of a prompt as voices are published."""
    c = speaker.c
    initial = [c["text_card"], *[c["card"]] * c["n_q"]]
    width = max(c["delays"]) + 3
    ring = torch.tensor(initial)[:, None].repeat(1, width)
    embeddings = []
    for position in range(frames + max(c["delays"])):
        column = [
            initial[row] if position <= delay else int(prompt[row, position - delay])
            for row, delay in enumerate(c["delays"])
        ]
        for row, delay in enumerate(c["delays"]):
            if position - delay < frames:
                ring[row, position % width] = column[row]
        if position < frames - 1:
            embeddings.append(speaker.embed(column))
    return {"embeddings": torch.stack(embeddings)[:, None, None].float(), "cache": ring[None]}
