"""The few values that cross between host and device in a step, through memory that stays.

On a GPU the host's side is pinned, copies are queued behind the work that is under way, and the host waits only where
it needs what comes back. On a CPU the same copies are made, at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Inlet:
    """A tensor on the device that the host fills."""

    def __init__(self, tensor: Tensor) -> None:
        """The tensor keeps its address: graphs may read it."""
        self.tensor = tensor
        self._host = _host_copy(tensor)
        self._array: NDArray[Any] = self._host.numpy()
        self._sent = _event(tensor)

    def put(self, values: NDArray[Any]) -> None:
        """Copy `values`, of the shape of the tensor, to the device. Waits for nothing unless the last copy, which
        should be long over, is still under way."""
        if self._sent is not None:
            self._sent.synchronize()
        np.copyto(self._array, values)
        self.tensor.copy_(self._host, non_blocking=True)
        if self._sent is not None:
            self._sent.record()


class Outlet:
    """Tensors on the device that the host reads together."""

    def __init__(self, *tensors: Tensor) -> None:
        """Their first dimension is that of slots."""
        self._tensors = tensors
        self._hosts = [_host_copy(tensor) for tensor in tensors]
        self._come = _event(tensors[0])

    def fetch(self, count: int) -> list[NDArray[Any]]:
        """The rows of the first `count` slots, once the work before them is done. They are overwritten by the next."""
        for tensor, host in zip(self._tensors, self._hosts, strict=True):
            host[:count].copy_(tensor[:count], non_blocking=True)
        if self._come is not None:
            self._come.record()
            self._come.synchronize()
        return [host[:count].numpy() for host in self._hosts]


def _host_copy(tensor: Tensor) -> Tensor:
    return torch.zeros(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)


def _event(tensor: Tensor) -> torch.cuda.Event | None:
    return torch.cuda.Event() if tensor.is_cuda else None  # type: ignore[no-untyped-call]
