"""The sliding window: where keys and values are kept, which position stands where, who sees whom.

All arithmetic on ring entries and positions is in this file. Position p stands in entry p mod context, so an entry's
position follows from the newest one and needs no storage. Keys are kept rotated by their absolute position.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bridge.engine.personaplex.layers import Attend, attention, rotary, rotate


class KVRing:
    """Keys and values of the last `context` positions, for every layer and slot."""

    def __init__(
        self,
        *,
        layers: int,
        slots: int,
        context: int,
        heads: int,
        head_dim: int,
        max_period: float,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.context = context
        self.max_period = max_period
        self.kv = torch.zeros(layers, 2, slots, context, heads, head_dim, device=device, dtype=dtype)

    def at(self, position: Tensor, run: Tensor, length: int = 1) -> Attend:
        """The attention of one step that adds `length` positions to every running slot.

        position int64 [B]: that of the first one, for the first B slots; run bool [B]: the rings of other slots stay as
        they are.
        All new positions are written before any of them attends, so the first of several sees fewer old ones:
        the codec counts on it.
        """
        positions = position[:, None] + torch.arange(length, device=position.device)  # [B, T]
        entries = positions % self.context
        newest = positions[:, -1:]
        # [B, C]: the position each entry holds once the new ones are written; below 0 where none has been yet
        held = newest - (newest - torch.arange(self.context, device=position.device)) % self.context
        visible = (held[:, None] >= 0) & (held[:, None] <= positions[:, :, None])  # [B, T, C]
        turn = rotary(positions, self.kv.shape[-1], self.max_period)[:, :, None]
        slot = torch.arange(position.shape[0], device=position.device)[:, None]
        running = run[:, None, None, None]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            ring = self.kv[layer, :, : len(position)]  # [2, B, C, heads, head_dim]
            new = torch.stack((rotate(k, turn), v))
            ring[:, slot, entries] = torch.where(running, new, ring[:, slot, entries])
            return attention(rotate(q, turn), ring[0], ring[1], visible)

        return attend

    def place(self, slot: int, kv: Tensor, end: int) -> None:
        """Put kv [layers, 2, n, heads, head_dim], of the positions end − n … end − 1, into a slot's ring."""
        entries = torch.arange(end - kv.shape[2], end, device=self.kv.device) % self.context
        self.kv[:, :, slot, entries] = kv


class Prefill:
    """The attention of a whole prompt at once, from position 0; it collects what a ring would then hold."""

    def __init__(self, *, length: int, context: int, head_dim: int, max_period: float, device: torch.device) -> None:
        positions = torch.arange(length, device=device)
        age = positions[:, None] - positions
        self._visible = ((age >= 0) & (age < context))[None]  # [1, T, T]
        self._turn = rotary(positions[None], head_dim, max_period)[:, :, None]
        self._kept = min(length, context)
        self._layers: list[Tensor] = []

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        k = rotate(k, self._turn)
        self._layers.append(torch.stack((k[0, -self._kept :], v[0, -self._kept :])))
        return attention(rotate(q, self._turn), k, v, self._visible)

    @property
    def kv(self) -> Tensor:
        """[layers, 2, n, heads, head_dim]: the last min(length, context) positions."""
        return torch.stack(self._layers)
