"""Keys and values in 8 bits: half the memory of bfloat16.

They are e4m3, which keeps three binary digits after the first over a range of 2^15, so that one scale for each call,
layer and head serves for as long as the call lasts. It is taken from the prompt with room above, is a power of two, and
costs no digit. Nothing multiplies e4m3 by bfloat16: pages are widened for the moment of their use, which costs more
memory traffic than bfloat16 would. 8 bits are for more calls, not for faster ones.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import torch
from torch import Tensor

from bridge.engine.personaplex.quantise import FP8_MAX

_HEADROOM: Final = 4.0
"""What is said later may be so many times as great as the greatest of the prompt."""

WIDENED: Final = 256
"""Pages that are widened at a time: 0.27 GB at the published size."""


class Keys(StrEnum):
    """How keys and values are held. `bf16` stands for the model's own dtype."""

    BF16 = "bf16"
    FP8 = "fp8"


class Packing:
    """Scales of keys and values: float32 [layers, 2, slots, heads].

    What is packed is uint8, which all operations take.
    """

    def __init__(self, layers: int, slots: int, heads: int, device: torch.device) -> None:
        self.scale = torch.ones(layers, 2, slots, heads, device=device)

    def reset(self, which: Tensor) -> None:
        """The slots of a bool mask [B] have no prompt, for all that is known."""
        self.scale.masked_fill_(which[:, None], 1.0)

    def fit(self, slot: int, kv: Tensor) -> None:
        """Take a slot's scales from a prompt [layers, 2, n, heads, head_dim]."""
        greatest = kv.float().abs().amax((2, 4)).clamp(min=1e-6)
        self.scale[:, :, slot] = (greatest * _HEADROOM / FP8_MAX).log2().ceil().exp2()

    def pack(self, new: Tensor, scale: Tensor) -> Tensor:
        """[..., heads, head_dim] of any float dtype by scales [..., heads] → uint8, as `new`."""
        scaled = (new.float() / scale[..., None]).clamp(-FP8_MAX, FP8_MAX)
        return scaled.to(torch.float8_e4m3fn).view(torch.uint8)


def widen(packed: Tensor, dtype: torch.dtype) -> Tensor:
    """What was packed, still divided by its scale; what was not packed, as it is."""
    if packed.dtype != torch.uint8:
        return packed
    return packed.view(torch.float8_e4m3fn).to(dtype)
