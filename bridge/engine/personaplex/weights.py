"""Reading published safetensors files into a model that was built on the meta device.

Each tensor goes straight to its device and to its final dtype; there is never a second copy of the model. What is
missing or mis-shaped is collected from the file's header before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from bridge.engine.personaplex.config import PersonaPlexError
from bridge.engine.personaplex.quantise import PackedLinear


class WeightsError(PersonaPlexError):
    """A weights file is missing, damaged, or is not of the configured dimensions."""


def load_weights(
    module: nn.Module,
    path: Path,
    *,
    published_name: Callable[[str], str],
    device: torch.device,
    dtype: torch.dtype,
    leading_rows: Callable[[str], bool] = lambda name: False,
) -> None:
    """Fill every parameter of `module` from `path`.

    `published_name` turns our parameter names into the file's. Where `leading_rows(name)`, the file may hold more
    rows than are needed; the first ones are read. Tensors of the file that nobody asks for are left unread.
    Raises `WeightsError` naming the file and everything that is wrong with it.
    """
    wanted = {
        f"{place}.{leaf}" if place else leaf: (owner, leaf, parameter)
        for place, owner in module.named_modules()
        for leaf, parameter in owner.named_parameters(recurse=False)
    }
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            names = file.keys()
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            _check(path, shapes, {published_name(n): (p.shape, leading_rows(n)) for n, (_, _, p) in wanted.items()})
            for name, (owner, leaf, parameter) in wanted.items():
                _put(owner, leaf, _read(file, published_name(name), parameter.shape[0]).to(dtype))
    except FileNotFoundError as error:
        raise WeightsError(f"{path} does not exist") from error
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read as safetensors, is it complete? {error}") from error


def _check(path: Path, shapes: dict[str, tuple[int, ...]], wanted: dict[str, tuple[torch.Size, bool]]) -> None:
    missing = [name for name in wanted if name not in shapes]
    misshaped = []
    for name, (shape, leading) in wanted.items():
        found = shapes.get(name)
        if found is None or found == tuple(shape):
            continue
        if not (leading and found[1:] == tuple(shape[1:]) and found[0] >= shape[0]):
            misshaped.append(f"{name} is {list(found)} instead of {list(shape)}")
    if missing or misshaped:
        lines = [*(f"missing: {name}" for name in missing), *(f"mis-shaped: {line}" for line in misshaped)]
        shown = "\n  ".join(lines[:20] + ([f"… and {len(lines) - 20} more"] if len(lines) > 20 else []))
        raise WeightsError(f"{path} does not hold the configured model:\n  {shown}")


def _read(file: Any, name: str, rows: int) -> Tensor:
    view = file.get_slice(name)
    tensor: Tensor = file.get_tensor(name) if view.get_shape()[0] == rows else view[:rows]
    return tensor


def _put(owner: nn.Module, leaf: str, tensor: Tensor) -> None:
    if isinstance(owner, PackedLinear):
        owner.pack(tensor)
    else:
        setattr(owner, leaf, nn.Parameter(tensor, requires_grad=False))
