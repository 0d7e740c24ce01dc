"""The model once more, the slow and plain way, to check the runtime against: whole sequences, no caches, float64.

Written from the description of the model alone. It shares no code with `bridge.engine.personaplex`: tensors are
looked up by their published names, and every step computes everything again from position 0.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Tensors = dict[str, Tensor]


def rms_norm(x: Tensor, alpha: Tensor) -> Tensor:
    return x * alpha.flatten() / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-8)


def turn(x: Tensor, period: float) -> Tensor:
    """Rotary positions on [T, heads, head_dim], pair by pair."""
    y = x.clone()
    for position in range(x.shape[0]):
        for pair in range(x.shape[-1] // 2):
            angle = position * period ** (-2 * pair / x.shape[-1])
            a, b = x[position, :, 2 * pair], x[position, :, 2 * pair + 1]
            y[position, :, 2 * pair] = a * math.cos(angle) - b * math.sin(angle)
            y[position, :, 2 * pair + 1] = a * math.sin(angle) + b * math.cos(angle)
    return y


def attend(x: Tensor, in_proj: Tensor, out_proj: Tensor, heads: int, sees: Tensor, period: float | None) -> Tensor:
    """x [T, dim]; sees bool [T, T]."""
    q, k, v = (part.reshape(len(x), heads, -1) for part in (x @ in_proj.T).chunk(3, dim=-1))
    if period is not None:
        q, k = turn(q, period), turn(k, period)
    score = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(q.shape[-1])
    weight = score.masked_fill(~sees, float("-inf")).softmax(-1)
    return torch.einsum("hqk,khd->qhd", weight, v).reshape(len(x), -1) @ out_proj.T


def gated(x: Tensor, linear_in: Tensor, linear_out: Tensor) -> Tensor:
    gate, value = (x @ linear_in.T).chunk(2, dim=-1)
    return (gate / (1 + torch.exp(-gate)) * value) @ linear_out.T


class ReferenceLM:
    """Greedy language model. `config` is the `lm` section with every key given; `tensors` the published file."""

    def __init__(self, tensors: Tensors, config: dict[str, Any]) -> None:
        self.t = {name: tensor.double() for name, tensor in tensors.items()}
        self.c = config
        self.books = config["n_q"] // 2

    def embed(self, column: list[int]) -> Tensor:
        x = self.t["text_emb.weight"][column[0]]
        for row, token in enumerate(column[1:]):
            x = x + self.t[f"emb.{row}.weight"][token]
        return x

    def hidden(self, inputs: Tensor) -> Tensor:
        """[T, dim] → the transformer's output at the last position."""
        x, t, c = inputs, self.t, self.c
        age = torch.arange(len(x))[:, None] - torch.arange(len(x))
        sees = (age >= 0) & (age < c["context"])
        for i in range(c["num_layers"]):
            at = f"transformer.layers.{i}."
            x = x + attend(
                rms_norm(x, t[at + "norm1.alpha"]),
                t[at + "self_attn.in_proj_weight"],
                t[at + "self_attn.out_proj.weight"],
                c["num_heads"],
                sees,
                c["max_period"],
            )
            gating = t[at + "gating.linear_in.weight"], t[at + "gating.linear_out.weight"]
            x = x + gated(rms_norm(x, t[at + "norm2.alpha"]), *gating)
        return rms_norm(x, t["out_norm.alpha"])[-1]

    def audio(self, hidden: Tensor, text: int, known: list[int | None]) -> tuple[list[int], Tensor]:
        """Tokens and logits of the agent's codebooks; `known` ones are taken as they are."""
        t, dim = self.t, self.c["depformer_dim"]
        inputs: list[Tensor] = []
        tokens: list[int] = []
        logits: list[Tensor] = []
        for book in range(self.books):
            table = "depformer_text_emb" if book == 0 else f"depformer_emb.{book - 1}"
            before = t[f"{table}.weight"][text if book == 0 else tokens[-1]]
            inputs.append(t[f"depformer_in.{book}.weight"] @ hidden + before)
            x = torch.stack(inputs)
            for layer in range(self.c["depformer_num_layers"]):
                at = f"depformer.layers.{layer}."
                x = x + self._own_attention(rms_norm(x, t[at + "norm1.alpha"]), at, dim)
                normed = rms_norm(x, t[at + "norm2.alpha"])
                x = x + torch.stack(
                    [
                        gated(row, t[f"{at}gating.{k}.linear_in.weight"], t[f"{at}gating.{k}.linear_out.weight"])
                        for k, row in enumerate(normed)
                    ]
                )
            logits.append(t[f"linears.{book}.weight"] @ x[-1])
            given = known[book]
            tokens.append(int(logits[-1].argmax()) if given is None else given)
        return tokens, torch.stack(logits)

    def _own_attention(self, x: Tensor, at: str, dim: int) -> Tensor:
        """Each step has its own projections."""
        heads = self.c["depformer_num_heads"]
        in_proj = self.t[at + "self_attn.in_proj_weight"].reshape(-1, 3 * dim, dim)
        out_proj = self.t[at + "self_attn.out_proj.weight"].reshape(-1, dim, dim)
        qkv = torch.stack([in_proj[k] @ row for k, row in enumerate(x)]).reshape(len(x), 3, heads, -1)
        q, k, v = qkv.unbind(1)
        age = torch.arange(len(x))[:, None] - torch.arange(len(x))
        score = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(q.shape[-1])
        weight = score.masked_fill((age < 0) | (age >= self.c["depformer_context"]), float("-inf")).softmax(-1)
        y = torch.einsum("hqk,khd->qhd", weight, v).reshape(len(x), -1)
        return torch.stack([out_proj[k] @ row for k, row in enumerate(y)])

    def converse(self, caller: Tensor, prompt: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Caller codes [books, T] → rows of text and agent codes, and the logits of the steps that completed them.

        prompt [rows, P]: all tokens of the frames before the caller comes.
        """
        c, delays = self.c, self.c["delays"]
        initial = [c["text_card"], *[c["card"]] * c["n_q"]]
        before = 0 if prompt is None else prompt.shape[1]
        frames: list[dict[int, int]] = [{} for _ in delays]  # row → frame → token
        if prompt is not None:
            frames = [dict(enumerate(row)) for row in prompt.tolist()]
        for row in range(self.books):
            frames[1 + self.books + row] |= {before + i: code for i, code in enumerate(caller[row].tolist())}
        inputs: list[Tensor] = []
        rows, text_logits, audio_logits = [], [], []
        for position in range(before + caller.shape[1]):
            column = [
                initial[row] if position <= delay else frames[row][position - delay] for row, delay in enumerate(delays)
            ]
            inputs.append(self.embed(column))
            if position < before - 1:
                continue
            hidden = self.hidden(torch.stack(inputs))
            due = [position + 1 - delay for delay in delays]  # the frame that each row is at, one position on
            known = [frames[row][frame] if frame < before and frame >= 0 else None for row, frame in enumerate(due)]
            logits = self.t["text_linear.weight"] @ hidden
            text = int(logits.argmax()) if known[0] is None else known[0]
            codes, heard = self.audio(hidden, text, known[1 : 1 + self.books])
            for row, token in enumerate([text, *codes]):
                frames[row][due[row]] = token
            complete = position + 1 - max(delays)
            if complete >= 1:
                rows.append([frames[row][complete] for row in range(1 + self.books)])
                text_logits.append(logits)
                audio_logits.append(heard)
        return torch.tensor(rows), torch.stack(text_logits), torch.stack(audio_logits)


class ReferenceMimi:
    """The codec over a whole signal. `config` is the `mimi` section with every key given."""

    def __init__(self, tensors: Tensors, config: dict[str, Any]) -> None:
        self.t = {name: tensor.double() for name, tensor in tensors.items()}
        self.c = config
        self.per_frame = int(config["sample_rate"] / config["frame_rate"]) // math.prod(config["seanet"]["ratios"])

    def conv(self, x: Tensor, at: str, stride: int = 1, repeat: bool = False) -> Tensor:  # [C, T]
        weight = self.t[at + ".weight"]
        left = weight.shape[-1] - stride
        padding = x[:, :1].expand(-1, left) if repeat else x.new_zeros(len(x), left)
        return functional.conv1d(torch.cat((padding, x), 1)[None], weight, self.t.get(at + ".bias"), stride)[0]

    def transposed(self, x: Tensor, at: str, stride: int, groups: int = 1) -> Tensor:
        y = functional.conv_transpose1d(
            x[None], self.t[at + ".weight"], self.t.get(at + ".bias"), stride, groups=groups
        )
        return y[0, :, : x.shape[1] * stride]

    def residual(self, x: Tensor, at: str) -> Tensor:
        y = self.conv(functional.elu(x), f"{at}.block.1.conv.conv")
        return x + self.conv(functional.elu(y), f"{at}.block.3.conv.conv")

    def transformer(self, x: Tensor, at: str) -> Tensor:  # [C, T]
        c, t, x = self.c["transformer"], self.t, x.T
        query, key = torch.arange(len(x))[:, None], torch.arange(len(x))
        newest = query // self.per_frame * self.per_frame + self.per_frame - 1  # of the query's frame
        sees = (key <= query) & (key > newest - c["context"])
        for i in range(c["num_layers"]):
            here = f"{at}.transformer.layers.{i}."
            y = attend(
                self.layer_norm(x, here + "norm1"),
                t[here + "self_attn.in_proj_weight"],
                t[here + "self_attn.out_proj.weight"],
                c["num_heads"],
                sees,
                c["max_period"],
            )
            x = x + t[here + "layer_scale_1.scale"] * y
            y = self.layer_norm(x, here + "norm2") @ t[here + "linear1.weight"].T
            y = y * 0.5 * (1 + torch.erf(y / math.sqrt(2)))
            x = x + t[here + "layer_scale_2.scale"] * (y @ t[here + "linear2.weight"].T)
        return x.T

    def layer_norm(self, x: Tensor, at: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5)
        return scaled * self.t[at + ".weight"] + self.t[at + ".bias"]

    def entries(self, part: str, book: int) -> Tensor:
        at = f"quantizer.{part}.vq.layers.{book}._codebook."
        return self.t[at + "embedding_sum"] / self.t[at + "cluster_usage"].clamp(min=1e-5)[:, None]

    def encode(self, pcm: Tensor) -> Tensor:
        """[samples] → [books, frames]."""
        x = self.conv(pcm.double()[None], "encoder.model.0.conv.conv")
        at = 1
        for stride in reversed(self.c["seanet"]["ratios"]):
            x = functional.elu(self.residual(x, f"encoder.model.{at}"))
            x = self.conv(x, f"encoder.model.{at + 2}.conv.conv", stride)
            at += 3
        x = self.conv(functional.elu(x), f"encoder.model.{at + 1}.conv.conv")
        x = self.transformer(x, "encoder_transformer")
        x = self.conv(x, "downsample.conv.conv.conv", self.per_frame, repeat=True)
        codes = []
        for part, books in (("rvq_first", 1), ("rvq_rest", self.c["num_codebooks"] - 1)):
            rest = (self.t[f"quantizer.{part}.input_proj.weight"][..., 0] @ x).T  # [frames, inner]
            for book in range(books):
                entries = self.entries(part, book)
                nearest = (rest[:, None] - entries[None]).square().sum(-1).argmin(-1)
                rest = rest - entries[nearest]
                codes.append(nearest)
        return torch.stack(codes)

    def decode(self, codes: Tensor) -> Tensor:
        """[books, frames] → [samples]."""
        x = self.t["quantizer.rvq_first.output_proj.weight"][..., 0] @ self.entries("rvq_first", 0)[codes[0]].T
        rest = sum(self.entries("rvq_rest", book)[row] for book, row in enumerate(codes[1:]))
        x = x + self.t["quantizer.rvq_rest.output_proj.weight"][..., 0] @ rest.T
        x = self.transposed(x, "upsample.convtr.convtr.convtr", self.per_frame, groups=len(x))
        x = self.transformer(x, "decoder_transformer")
        x = self.conv(x, "decoder.model.0.conv.conv")
        at = 1
        for stride in self.c["seanet"]["ratios"]:
            x = self.transposed(functional.elu(x), f"decoder.model.{at + 1}.convtr.convtr", stride)
            x = self.residual(x, f"decoder.model.{at + 2}")
            at += 3
        return self.conv(functional.elu(x), f"decoder.model.{at + 1}.conv.conv")[0]
