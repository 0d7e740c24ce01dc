"""8-bit weights for the temporal transformer's linears, which are most of the model's memory.

Weights only: one scale per output row, activations as they are. `int8` and `fp8` (e4m3) are widened on the fly, except
that a GPU with fp8 matrix units multiplies fp8 directly, each row of activations then scaled to fp8 too.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

FP8_MAX = 448.0  # the greatest float8_e4m3fn


class Weights(StrEnum):
    """What the temporal linears are kept as. `bf16` stands for the model's own dtype."""

    BF16 = "bf16"
    INT8 = "int8"
    FP8 = "fp8"


class PackedLinear(nn.Module):
    """A linear without bias whose weight [out, in] is 8 bits wide, with a float32 scale for each row."""

    scale: Tensor

    def __init__(self, dim: int, out: int, kind: Weights) -> None:
        super().__init__()
        dtype = torch.int8 if kind is Weights.INT8 else torch.float8_e4m3fn
        self.weight = nn.Parameter(torch.empty(out, dim, dtype=dtype), requires_grad=False)
        self.register_buffer("scale", torch.empty(out, dtype=torch.float32))

    def pack(self, weight: Tensor) -> None:
        """Take a weight [out, in] of any float dtype, on its own device."""
        packed, self.scale = pack(weight, self.weight.dtype)
        self.weight = nn.Parameter(packed, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:  # [..., in]
        if self.weight.dtype == torch.float8_e4m3fn and has_fp8_units(x.device) and x.dtype == torch.bfloat16:
            return _fp8_linear(x, self.weight, self.scale)
        return (functional.linear(x, self.weight.to(x.dtype)) * self.scale).to(x.dtype)


def use_packed_linears(module: nn.Module, kind: Weights) -> None:
    """Put a `PackedLinear`, still empty, in the place of every linear below `module`."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, PackedLinear(child.in_features, child.out_features, kind))


def pack(weight: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """[out, in] → the same in 8 bits, and its scales float32 [out]: weight ≈ packed · scale."""
    wide = weight.detach().float()
    greatest = wide.abs().amax(dim=1).clamp(min=1e-12)
    if dtype == torch.int8:
        scale = greatest / 127
        return (wide / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale
    scale = greatest / FP8_MAX
    return (wide / scale[:, None]).clamp(-FP8_MAX, FP8_MAX).to(dtype), scale


def has_fp8_units(device: torch.device) -> bool:
    """Whether the device multiplies fp8 matrices with a scale per row: Hopper and later."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (9, 0)


def _fp8_linear(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    rows = x.flatten(0, -2)
    row_scale = rows.float().abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / FP8_MAX
    packed = (rows / row_scale).clamp(-FP8_MAX, FP8_MAX).to(torch.float8_e4m3fn)
    y: Tensor = torch._scaled_mm(packed, weight.T, row_scale, scale[None], out_dtype=torch.bfloat16)
    return y.reshape(*x.shape[:-1], -1)
