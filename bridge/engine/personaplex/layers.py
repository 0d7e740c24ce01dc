"""What both the language model and the codec are made of: norms, gated layers, attention, rotary positions.

Attention does not know where keys and values are kept: it hands its projections to an `Attend`, which is either a
step of a `window.KVRing` (streaming) or a `window.Prefill` (a whole prompt at once).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

# (layer, q, k, v), each of the latter [B, T, heads, head_dim], not yet rotated → [B, T, heads, head_dim]
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]

RMS_EPS = 1e-8


class RMSNorm(nn.Module):
    """x · alpha · rsqrt(mean(x²) + 1e-8), computed in float32 whatever the weights are."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.empty(1, 1, dim))

    def forward(self, x: Tensor) -> Tensor:  # [..., dim]
        # One kernel on a GPU; torch widens to float32 inside it.
        return functional.rms_norm(x, x.shape[-1:], self.alpha.flatten(), RMS_EPS)


class Gating(nn.Module):
    """SwiGLU: the first half of `linear_in`, through SiLU, gates the second."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.linear_in = nn.Linear(dim, 2 * hidden, bias=False)
        self.linear_out = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [..., dim]
        gate, value = self.linear_in(x).chunk(2, dim=-1)
        y: Tensor = self.linear_out(functional.silu(gate) * value)
        return y


class Attention(nn.Module):
    """Multi-head attention without biases; the rows of `in_proj` are q, k, v, each heads × head_dim."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(dim, 3 * dim, bias=False)
        self.out_proj = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, layer: int, attend: Attend) -> Tensor:  # [B, T, dim]
        q, k, v = self.in_proj(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        y: Tensor = self.out_proj(attend(layer, q, k, v).flatten(-2))
        return y


def rotary(positions: Tensor, head_dim: int, max_period: float) -> Tensor:
    """The turns by position · max_period^(−2i/head_dim), as complex numbers of length 1: complex64 [..., head_dim/2].

    The angle is computed in float64: after an hour, float32 would be wrong by some thousandths.
    """
    pair = torch.arange(head_dim // 2, device=positions.device, dtype=torch.float64)
    angle = positions.double()[..., None] * max_period ** (-2.0 * pair / head_dim)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the interleaved pairs (2i, 2i+1) of x [..., head_dim]; `turn` [..., head_dim/2] is broadcast over them."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)


def attention(q: Tensor, k: Tensor, v: Tensor, visible: Tensor | None = None) -> Tensor:
    """Scaled dot products over what is visible, or over everything.

    q [B, T, heads, head_dim], k and v [B, C, heads, head_dim], visible bool [B, T, C] → as q.
    """
    mask = None if visible is None else visible[:, None]
    y = functional.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask)
    return y.transpose(1, 2)
