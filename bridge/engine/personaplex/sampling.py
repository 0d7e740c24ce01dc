"""Drawing tokens: noise that belongs to one call alone, and the ranking of tokens by it.

Noise is a function of (call seed, position, row, rank) and of nothing else, so a neighbour on the same GPU cannot
change what a call says, and the same call repeated with its seed is repeated word for word.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The widest top-k that a call may ask for. Noise has this many values per row.
TOP_K_MAX = 256

_32_BITS = 0xFFFFFFFF


def gumbel_noise(seed: Tensor, position: Tensor, rows: int) -> Tensor:
    """int64 [B], int64 [B] → float32 [B, rows, TOP_K_MAX], Gumbel-distributed.

    Adding it to logits / temperature and taking the greatest draws from the softmax; taking the greatest n draws n
    without replacement.
    """
    device = seed.device
    state = _mix(_mix(_mix(seed & _32_BITS) ^ ((seed >> 32) & _32_BITS)) ^ (position & _32_BITS))  # [B]
    state = _mix(state[:, None] ^ torch.arange(1, rows + 1, device=device))  # [B, rows]
    state = _mix(state[:, :, None] ^ torch.arange(1, TOP_K_MAX + 1, device=device))  # [B, rows, K]
    uniform = ((state >> 9).float() + 0.5) / 2**23  # never 0 and never 1, exactly representable
    return -torch.log(-torch.log(uniform))


def _mix(x: Tensor) -> Tensor:
    """A bijection of 32-bit numbers, kept in int64, that lets every input bit change half of the output bits.

    Both factors are below 2^31, so that no product leaves 63 bits. The offset keeps 0 from being a fixed point.
    """
    x = (x + 0x9E3779B9) & _32_BITS
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _32_BITS
    x = ((x ^ (x >> 15)) * 0x68E31DA5) & _32_BITS
    return x ^ (x >> 16)


def luck(noise: Tensor, temperature: Tensor, top_k: Tensor) -> Tensor:
    """What a draw adds to the token of each rank: noise, where it is wanted, and below the top-k a forfeit.

    noise float32 [..., TOP_K_MAX]; temperature float32 [...], 0 for greedy; top_k int64 [...], at most TOP_K_MAX →
    as noise.
    """
    rank = torch.arange(TOP_K_MAX, device=noise.device)
    wanted = torch.where(temperature[..., None] > 0, noise, 0.0)
    return torch.where(rank < top_k[..., None], wanted, -1e9 * (1 + rank))


def heat(temperature: Tensor) -> Tensor:
    """What a draw divides logits by: float32, as `temperature`."""
    return torch.where(temperature > 0, temperature.clamp(min=1e-6), 1.0)


def draw(logits: Tensor, luck: Tensor, heat: Tensor, count: int = 1) -> Tensor:
    """The first `count` tokens in the order in which sampling without replacement draws them.

    logits float32 [B, V]; luck [B, TOP_K_MAX]; heat [B] → int64 [B, count]. Tokens outside a slot's top-k come last, by
    their logits.
    """
    width = min(TOP_K_MAX, logits.shape[-1])
    values, tokens = logits.topk(width, dim=-1)  # [B, width], falling
    score = torch.addcdiv(luck[:, :width], values, heat[:, None])
    best = score.argmax(-1, keepdim=True) if count == 1 else score.topk(count, dim=-1).indices
    return tokens.gather(1, best)
