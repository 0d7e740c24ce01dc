"""The language model: a temporal transformer over 80 ms positions, and a depformer over the codebooks of one.

Module names follow the published file, except that `in_proj.weight` is stored as `in_proj_weight`. A position has one
token on each row: text, the agent's codebooks, the caller's codebooks. The published file also has depformer weights
for the caller's codebooks; their predictions are always overwritten by the real codes, so neither exists here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from bridge.engine.personaplex.config import LMConfig
from bridge.engine.personaplex.layers import Attend, Attention, Gating, RMSNorm, attention

# (codebook, logits [B, card]) → the token to go on with, int64 [B]
Choose = Callable[[int, Tensor], Tensor]


def published_name(name: str) -> str:
    """The name of one of our parameters in `model.safetensors`."""
    return name.replace("in_proj.weight", "in_proj_weight")


class TemporalLayer(nn.Module):
    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.norm1 = RMSNorm(config.dim)
        self.self_attn = Attention(config.dim, config.num_heads)
        self.norm2 = RMSNorm(config.dim)
        self.gating = Gating(config.dim, config.hidden)

    def forward(self, x: Tensor, layer: int, attend: Attend) -> Tensor:  # [B, T, dim]
        x = x + self.self_attn(self.norm1(x), layer, attend)
        y: Tensor = x + self.gating(self.norm2(x))
        return y


class TemporalTransformer(nn.Module):
    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TemporalLayer(config) for _ in range(config.num_layers))

    def forward(self, x: Tensor, attend: Attend) -> Tensor:  # [B, T, dim]
        for index, layer in enumerate(self.layers):
            x = layer(x, index, attend)
        return x


class StepLinears(nn.Module):
    """One linear per depformer step, stored as one tensor with a block of rows for each."""

    def __init__(self, steps: int, dim: int, out: int) -> None:
        super().__init__()
        self.out = out
        self.weight = nn.Parameter(torch.empty(steps * out, dim))

    def forward(self, x: Tensor, step: int) -> Tensor:  # [B, dim] → [B, out]
        return functional.linear(x, self.weight[step * self.out : (step + 1) * self.out])


class DepformerAttention(nn.Module):
    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        dim, steps = config.depformer_dim, config.codebooks
        self.heads = config.depformer_num_heads
        self.context = config.depformer_context
        self.in_proj = StepLinears(steps, dim, 3 * dim)
        self.out_proj = StepLinears(steps, dim, dim)

    def forward(self, x: Tensor, step: int, kv: Tensor) -> Tensor:
        """x [B, dim]; kv [2, B, steps, heads, head_dim] is written at `step` and read up to it."""
        qkv = self.in_proj(x, step).unflatten(-1, (3, self.heads, -1)).transpose(0, 1)  # [3, B, heads, head_dim]
        kv[:, :, step] = qkv[1:]
        keys, values = kv[:, :, max(0, step + 1 - self.context) : step + 1]
        y: Tensor = self.out_proj(attention(qkv[0, :, None], keys, values).flatten(1), step)
        return y


class DepformerLayer(nn.Module):
    """Norms shared by the steps, everything else one set per step."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        dim = config.depformer_dim
        self.norm1 = RMSNorm(dim)
        self.self_attn = DepformerAttention(config)
        self.norm2 = RMSNorm(dim)
        self.gating = nn.ModuleList(Gating(dim, config.depformer_hidden) for _ in range(config.codebooks))

    def forward(self, x: Tensor, step: int, kv: Tensor) -> Tensor:  # [B, dim]
        x = x + self.self_attn(self.norm1(x), step, kv)
        y: Tensor = x + self.gating[step](self.norm2(x))
        return y


class Depformer(nn.Module):
    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DepformerLayer(config) for _ in range(config.depformer_num_layers))


class LanguageModel(nn.Module):
    """Weights, and the three things they compute. Holds no state of any call."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.config = config
        dim, inner, steps = config.dim, config.depformer_dim, config.codebooks
        self.text_emb = nn.Embedding(config.text_card + 1, dim)
        self.emb = nn.ModuleList(nn.Embedding(config.card + 1, dim) for _ in range(config.n_q))
        self.transformer = TemporalTransformer(config)
        self.out_norm = RMSNorm(dim)
        self.text_linear = nn.Linear(dim, config.text_card, bias=False)
        self.depformer_in = nn.ModuleList(nn.Linear(dim, inner, bias=False) for _ in range(steps))
        self.depformer_text_emb = nn.Embedding(config.text_card + 1, inner)
        self.depformer_emb = nn.ModuleList(nn.Embedding(config.card + 1, inner) for _ in range(steps - 1))
        self.depformer = Depformer(config)
        self.linears = nn.ModuleList(nn.Linear(inner, config.card, bias=False) for _ in range(steps))

    @property
    def device(self) -> torch.device:
        return self.text_emb.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.text_emb.weight.dtype

    def embed(self, tokens: Tensor) -> Tensor:
        """int64 [..., rows] → [..., dim]: the embeddings of a position's rows, summed."""
        x: Tensor = self.text_emb(tokens[..., 0])
        for row, table in enumerate(self.emb, start=1):
            x = x + table(tokens[..., row])
        return x

    def temporal(self, x: Tensor, attend: Attend) -> Tensor:
        """[B, T, dim] → [B, T, dim], after `out_norm`: what `text_linear` and the depformer read."""
        y: Tensor = self.out_norm(self.transformer(x, attend))
        return y

    def text_logits(self, hidden: Tensor) -> Tensor:
        """[B, dim] → float32 [B, text_card]: the text of the next position."""
        y: Tensor = self.text_linear(hidden)
        return y.float()

    def depform(self, hidden: Tensor, text: Tensor, choose: Choose) -> Tensor:
        """The agent's audio tokens of the next position, one codebook after the other.

        hidden [B, dim]; text int64 [B], the token just chosen; `choose` turns each codebook's float32 logits
        [B, card] into its token. → int64 [B, codebooks].
        """
        config = self.config
        batch, layers = hidden.shape[0], config.depformer_num_layers
        head_dim = config.depformer_dim // config.depformer_num_heads
        kv = hidden.new_empty(layers, 2, batch, config.codebooks, config.depformer_num_heads, head_dim)
        chosen: list[Tensor] = []
        previous: Tensor = self.depformer_text_emb(text)
        for step in range(config.codebooks):
            x = self.depformer_in[step](hidden) + previous
            for layer, weights in enumerate(self.depformer.layers):
                x = weights(x, step, kv[layer])
            token = choose(step, self.linears[step](x).float())
            chosen.append(token)
            if step + 1 < config.codebooks:
                previous = self.depformer_emb[step](token)
        return torch.stack(chosen, dim=1)
