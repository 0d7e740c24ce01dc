"""The language model's window: pages of keys and values that come as a call grows, and a prompt that stays in sight.

A window is `context` entries, and a page some of them in a row. Position p of a call stands in entry p as long as there
are entries; from then on it takes that of the oldest position that may go. The first `pinned` positions, voice and
persona, may not: with P of them, position p ≥ P stands in entry P + (p − P) mod (context − P). With P = 0 this is the
plain sliding window.

Rotary positions. The model was trained on distances below `context`. Between a query and the positions that slide they
are what they were, at most context − P − 1. A pinned position would recede for ever. It is therefore looked at by a
second query, turned as if its position were at most context − 1: the prompt stands, in its own order, right before the
oldest position that is still in sight, as if the call had begun there. No distance exceeds context − 1, nothing is
turned twice, and stored keys never change. Up to position context − 1 both queries are the same.

Attention goes page by page: each page of the pool meets the query of the slot that it belongs to, the scores (not the
keys) are gathered by slot for the softmax, and the weights go back to the pages. So a step reads the pages up to the
last one in use (`pages.PageTable.bucket`), each once, and copies none. All shapes depend on that bucket alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bridge.engine.personaplex.layers import Attend, rotary, rotate
from bridge.engine.personaplex.pages import PageTable

LARGEST_PAGE = 128


class PagedWindow:
    """Keys and values of the positions that calls can see, for every layer and slot.

    pools: for each layer [2, pages, heads, page, head_dim], keys and values. table int64 [B, places]: the page of each
    place of a slot's window. owner and place int64 [bucket]: the way back.
    """

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
        self.page = max(1, min(LARGEST_PAGE, context // 8))
        self._max_period = max_period
        self._pages = PageTable(slots, per_slot=-(-context // self.page))
        self.pools = [torch.zeros(2, 1, heads, self.page, head_dim, device=device, dtype=dtype) for _ in range(layers)]
        self._lay_out()

    # -- memory

    @property
    def bytes_used(self) -> int:
        """Bytes of the pages that belong to calls."""
        return self._pages.used * self._page_bytes

    @property
    def bytes_reserved(self) -> int:
        """Bytes of all pages that have been taken from the device; they are kept for calls to come."""
        return self.pools[0].shape[1] * self._page_bytes

    @property
    def bytes_read(self) -> int:
        """Bytes of the pages that a step reads now."""
        return len(self.owner) * self._page_bytes

    def reserve(self, slot: int, positions: int) -> None:
        """See to it that a slot has pages for its first so many positions. May raise `torch.OutOfMemoryError`."""
        if self._pages.reserve(slot, -(-min(positions, self.context) // self.page)):
            self._lay_out()

    def release(self, slot: int) -> None:
        """Take a slot's pages back. Their keys are not wiped: nobody sees an entry before writing to it."""
        if self._pages.release(slot):
            self._lay_out()

    @property
    def _page_bytes(self) -> int:
        return sum(pool[:, 0].nbytes for pool in self.pools)

    def _lay_out(self) -> None:
        """Bring pools and tables to the state of `_pages`."""
        bucket, device = self._pages.bucket, self.pools[0].device
        for layer, pool in enumerate(self.pools):  # one by one, so that only one is there twice
            if pool.shape[1] < bucket:
                larger = pool.new_zeros(2, bucket, *pool.shape[2:])
                larger[:, : pool.shape[1]] = pool
                self.pools[layer] = larger
        owner, place = [0] * bucket, [0] * bucket
        for page, slot, index in self._pages.owners():
            owner[page], place[page] = slot, index
        self.table = torch.tensor(self._pages.rows(), device=device)
        self.owner, self.place = torch.tensor(owner, device=device), torch.tensor(place, device=device)

    # -- attention

    def at(self, position: Tensor, pinned: Tensor, run: Tensor) -> Attend:
        """The attention of one step that adds a position to every running slot.

        position int64 [B]; pinned int64 [B]: how many first positions stay, fewer than `context`; run bool [B]: the
        pages of other slots stay as they are. Pages for the position must have been reserved.
        """
        slot = torch.arange(len(position), device=position.device)
        entry = self._entries(position, pinned)
        page, offset = self.table[slot, entry // self.page], entry % self.page
        places, bucket = self.table.shape[1], len(self.owner)
        entries = torch.arange(places * self.page, device=position.device)
        hidden = ~self._visible(entries, position, pinned).view(-1, places, self.page)
        stays = (entries < pinned[:, None]).view(-1, places, self.page)[self.owner, self.place][:, None]
        head_dim = self.pools[0].shape[-1]
        near = rotary(position, head_dim, self._max_period)
        far = rotary(position.clamp(max=self.context - 1), head_dim, self._max_period)
        # The scale of the scores goes into the queries.
        turns = torch.stack((near * head_dim**-0.5, far * head_dim**-0.5, near), dim=1)[:, None]  # of q, q and k
        running = run[:, None, None, None]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:  # each [B, 1, heads, head_dim]
            pool = self.pools[layer][:, :bucket]
            turned = rotate(torch.stack((q[:, 0], q[:, 0], k[:, 0]), dim=2), turns)  # [B, heads, 3, head_dim]
            new = torch.stack((turned[:, :, 2], v[:, 0]), dim=1)
            pool[:, page, :, offset] = torch.where(running, new, pool[:, page, :, offset])  # [B, 2, heads, head_dim]
            keys, values = pool  # each [bucket, heads, page, head_dim]
            score = _product(turned[self.owner, :, :2], keys.transpose(-1, -2))  # [bucket, heads, 2, page]
            score = torch.where(stays, score[:, :, 1], score[:, :, 0]).transpose(0, 1)
            score = score[:, self.table].masked_fill_(hidden, float("-inf"))  # [heads, B, places, page]
            weight = score.flatten(2).softmax(-1).to(q.dtype).view_as(score)
            parts = _product(weight.permute(1, 2, 0, 3)[self.owner, self.place][:, :, None], values)
            return parts[self.table].sum(1).transpose(1, 2).to(q.dtype)  # from [bucket, heads, 1, head_dim]

        return attend

    def place_prompt(self, slot: int, kv: Tensor, end: int, pinned: int) -> None:
        """Put kv [layers, 2, n, heads, head_dim], of the positions end − n … end − 1, into a slot's pages."""
        self.reserve(slot, end)
        positions = torch.arange(end - kv.shape[2], end, device=kv.device)
        entry = self._entries(positions, torch.full_like(positions, pinned))
        page, offset = self.table[slot, entry // self.page], entry % self.page
        for pool, new in zip(self.pools, kv, strict=True):
            for part, values in zip(pool, new, strict=True):
                part[page, :, offset] = values

    def _entries(self, position: Tensor, pinned: Tensor) -> Tensor:
        """Where positions stand: int64, as `position`."""
        return torch.where(position < pinned, position, pinned + (position - pinned) % (self.context - pinned))

    def _visible(self, entries: Tensor, newest: Tensor, pinned: Tensor) -> Tensor:
        """bool [B, entries]: whether an entry holds a position once the newest one is written."""
        newest, pinned = newest[:, None], pinned[:, None]
        held = newest - (newest - entries) % (self.context - pinned)  # of entries that slide
        written = torch.where(entries < pinned, entries <= newest, held >= pinned)
        return written & (entries < self.context)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """[pages, heads, n, k] times [pages, heads, k, m] in float32, whatever the operands are."""
    if a.is_cuda and a.dtype != torch.float32:
        y = torch.bmm(a.flatten(0, 1), b.flatten(0, 1), out_dtype=torch.float32)
        return y.view(*a.shape[:2], *y.shape[1:])
    return a.float() @ b.float()
