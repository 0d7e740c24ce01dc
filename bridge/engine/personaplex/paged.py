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
last one in use (`pages.PageTable.bucket`), each once, and copies none. All shapes depend on that bucket alone, and
which page is whose stands in tensors that are written in place: a step can be replayed while calls come and grow.

Where memory ends. A call that begins is promised pages; it is not begun where they cannot be had. A call that has used
them up and finds no further page keeps the window that it has: it slides from there on, over as many entries as
its pages hold, with its prompt still in place. It forgets earlier what was said, and nothing else happens to it.
"""

from __future__ import annotations

import logging
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bridge.engine.personaplex.layers import Attend, rotary, rotate
from bridge.engine.personaplex.packing import WIDENED, Keys, Packing, widen
from bridge.engine.personaplex.pages import PageTable, bucket_of, page_of
from bridge.engine.personaplex.staging import Inlet

log = logging.getLogger(__name__)

MOST_PRODUCTS: Final = 65_535
"""Matrices that are multiplied in one go: CUDA's limit of a grid's third dimension, which libraries may run into."""


class PagedWindow:
    """Keys and values of the positions that calls can see, for every layer and slot.

    pools: for each layer [2, pages, heads, page, head_dim], keys and values, packed or not (`packing.py`).
    table int64 [B, places]: the page of each place of a slot's window. owner and place int64 [pages]: the way back.
    span int64 [B]: over how many entries the window of a slot slides. `moves` counts how often the pools have moved in
    memory, `shortened` the calls that got no further page.
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
        most_pages: int | None = None,
        at_once: bool = False,
        keys: Keys = Keys.BF16,
    ) -> None:
        """most_pages: so many pages at most, nobody's included; otherwise as many as all full windows need. at_once:
        take them from the device now, so that they never move; otherwise as calls need them. May raise
        `torch.OutOfMemoryError`."""
        self.context = context
        self.page = page_of(context)
        self.moves = self.shortened = 0
        self._max_period = max_period
        self.places = places = -(-context // self.page)
        self._pages = PageTable(slots, places, most_pages)
        self.packing = Packing(layers, slots, heads, device) if keys is Keys.FP8 else None
        held = torch.uint8 if self.packing else dtype
        self.pools = [torch.zeros(2, 1, heads, self.page, head_dim, device=device, dtype=held) for _ in range(layers)]
        pages = len(self._pages.owner)
        self._layout = Inlet(torch.zeros(slots * (places + 1) + 2 * pages, dtype=torch.int64, device=device))
        table, self.span, self.owner, self.place = torch.split(
            self._layout.tensor, [slots * places, slots, pages, pages]
        )
        self.table = table.view(slots, places)
        if at_once:
            self._enlarge(self._pages.most)
        self.lay_out()

    # -- memory

    @property
    def bytes_used(self) -> int:
        """Bytes of the pages that belong to calls."""
        return self._pages.used * self.page_bytes

    @property
    def bytes_reserved(self) -> int:
        """Bytes of all pages that have been taken from the device; they are kept for calls to come."""
        return self.pages_there * self.page_bytes

    @property
    def page_bytes(self) -> int:
        """Bytes of a page, all layers."""
        return sum(pool[:, 0].nbytes for pool in self.pools)

    @property
    def pages_there(self) -> int:
        """Pages that have been taken from the device, nobody's included."""
        return min(pool.shape[1] for pool in self.pools)

    @property
    def most_pages(self) -> int:
        """Pages that there can be, nobody's included."""
        return self._pages.most

    @property
    def bucket(self) -> int:
        """Pages that a step reads now."""
        return self._pages.bucket

    def room(self, positions: int) -> int:
        """How many further calls could be promised so many positions each."""
        return self._pages.room(self._count(positions))

    def promise(self, slot: int, positions: int) -> bool:
        """Promise a slot pages for its first so many positions; False where the memory does not suffice."""
        pages = self._pages
        if not pages.promise(slot, self._count(positions)):
            return False
        if self._there(1 + pages.used + pages.owed):
            return True
        pages.release(slot)
        return False

    def reserve(self, slot: int, positions: int) -> None:
        """See to it that a slot has pages for its first so many positions, as far as there is memory."""
        pages, count = self._pages, self._count(positions)
        if count <= pages.held(slot) or pages.stuck[slot]:
            return
        self._there(1 + pages.used + count - pages.held(slot))
        if not pages.reserve(slot, count):
            self.shortened += 1
            log.warning("there is no memory for a longer window: a call goes on with %d positions", self._span(slot))

    def close_up(self) -> None:
        """Move a page into a hole that an ended call has left, if steps then read less. One at a time: a tick has time
        for that (67 MB at the published size)."""
        if (move := self._pages.lower()) is not None:
            last, first = move
            for pool in self.pools:
                pool[:, first] = pool[:, last]

    def release(self, slot: int) -> None:
        """Take a slot's pages back. Their keys are not wiped: nobody sees an entry before writing to it."""
        self._pages.release(slot)

    def reset(self, which: Tensor) -> None:
        """The slots of a bool mask [B] get another call."""
        if self.packing is not None:
            self.packing.reset(which)

    def lay_out(self) -> None:
        """Tell the device which page is whose, if that has changed. To be called before `at`."""
        pages = self._pages
        if pages.changed:
            spans = np.array([self._span(slot) for slot in range(len(pages.stuck))])
            self._layout.put(np.concatenate((pages.table.ravel(), spans, pages.owner, pages.place)))
            pages.changed = False

    def _count(self, positions: int) -> int:
        """Pages of so many positions."""
        return -(-min(positions, self.context) // self.page)

    def _span(self, slot: int) -> int:
        pages = self._pages
        return min(self.context, pages.held(slot) * self.page) if pages.stuck[slot] else self.context

    def _there(self, count: int) -> bool:
        """See to it that the pools have at least `count` pages; where they cannot, they stay as they are for ever."""
        if count <= self.pages_there:
            return True
        for wanted in (min(bucket_of(count), self._pages.most), count):
            try:
                self._enlarge(wanted)
                return True
            except torch.OutOfMemoryError as error:
                log.warning("no memory for %d pages of keys and values: %s", wanted, error)
        self._pages.most = self.pages_there
        return False

    def _enlarge(self, count: int) -> None:
        self.moves += 1
        for layer, pool in enumerate(self.pools):  # one by one, so that only one is there twice
            if pool.shape[1] < count:
                larger = pool.new_zeros(2, count, *pool.shape[2:])
                larger[:, : pool.shape[1]] = pool
                self.pools[layer] = larger

    # -- attention

    def at(self, position: Tensor, pinned: Tensor, run: Tensor, bucket: int | None = None) -> Attend:
        """The attention of one step that adds a position to every running slot.

        position int64 [B]: of the first B slots, to whom all pages in use belong; pinned int64 [B]: how many first
        positions stay, fewer than `span`; run bool [B]: the pages of other slots stay as they are. Pages for the
        position must have been reserved and laid out. bucket: pages to look at, by default those in use.
        """
        bucket = self.bucket if bucket is None else bucket
        table, span = self.table[: len(position)], self.span[: len(position)]
        owner, place = self.owner[:bucket], self.place[:bucket]
        slot = torch.arange(len(position), device=position.device)
        entry = _entries(position, pinned, span)
        page, offset = table[slot, entry // self.page], entry % self.page
        places = table.shape[1]
        entries = torch.arange(places * self.page, device=position.device)
        hidden = ~_visible(entries, position, pinned, span).view(-1, places, self.page)
        stays = (entries < pinned[:, None]).view(-1, places, self.page)[owner, place][:, None]
        head_dim = self.pools[0].shape[-1]
        near = rotary(position, head_dim, self._max_period)
        far = rotary(torch.minimum(position, span - 1), head_dim, self._max_period)
        # The scale of the scores goes into the queries.
        turns = torch.stack((near * head_dim**-0.5, far * head_dim**-0.5, near), dim=1)[:, None]  # of q, q and k
        running, packing = run[:, None, None, None], self.packing

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:  # each [B, 1, heads, head_dim]
            pool = self.pools[layer][:, :bucket]
            turned = rotate(torch.stack((q[:, 0], q[:, 0], k[:, 0]), dim=2), turns)  # [B, heads, 3, head_dim]
            new, queries = torch.stack((turned[:, :, 2], v[:, 0]), dim=1), turned[:, :, :2]
            if packing is not None:
                scale = packing.scale[layer, :, : len(position)].transpose(0, 1)  # [B, 2, heads]
                new, queries = packing.pack(new, scale), (queries * scale[:, 0, :, None, None]).to(q.dtype)
            pool[:, page, :, offset] = torch.where(running, new, pool[:, page, :, offset])  # [B, 2, heads, head_dim]
            keys, values = pool  # each [bucket, heads, page, head_dim]
            score = _product(queries[owner], keys.transpose(-1, -2))  # [bucket, heads, 2, page]
            score = torch.where(stays, score[:, :, 1], score[:, :, 0]).transpose(0, 1)
            score = score[:, table].masked_fill_(hidden, float("-inf"))  # [heads, B, places, page]
            weight = score.flatten(2).softmax(-1).to(q.dtype).view_as(score)
            parts = _product(weight.permute(1, 2, 0, 3)[owner, place][:, :, None], values)
            found = parts[table].sum(1)  # from [bucket, heads, 1, head_dim]
            if packing is not None:
                found = found * scale[:, 1, :, None, None]
            return found.transpose(1, 2).to(q.dtype)

        return attend

    def place_prompt(self, slot: int, kv: Tensor, end: int, pinned: int) -> None:
        """Put kv [layers, 2, n, heads, head_dim], of the positions end − n … end − 1, into a slot's pages."""
        self.reserve(slot, end)
        self.lay_out()
        positions = torch.arange(end - kv.shape[2], end, device=kv.device)
        entry = _entries(positions, torch.full_like(positions, pinned), self.span[slot])
        page, offset = self.table[slot, entry // self.page], entry % self.page
        if self.packing is not None:
            self.packing.fit(slot, kv)
        for layer, (pool, new) in enumerate(zip(self.pools, kv, strict=True)):
            held = self.packing.pack(new, self.packing.scale[layer, :, slot, None]) if self.packing else new
            pool[:, page, :, offset] = held.transpose(0, 1)  # [n, 2, heads, head_dim]


def _entries(position: Tensor, pinned: Tensor, span: Tensor) -> Tensor:
    """Where positions stand: int64, as `position`."""
    return torch.where(position < pinned, position, pinned + (position - pinned) % (span - pinned))


def _visible(entries: Tensor, newest: Tensor, pinned: Tensor, span: Tensor) -> Tensor:
    """bool [B, entries]: whether an entry holds a position once the newest one is written."""
    newest, pinned, span = newest[:, None], pinned[:, None], span[:, None]
    held = newest - (newest - entries) % (span - pinned)  # of entries that slide
    written = torch.where(entries < pinned, entries <= newest, held >= pinned)
    return written & (entries < span)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """[pages, heads, n, k] times [pages, heads, k, m] in float32, whatever the operands are; b may be packed."""
    at_a_time = WIDENED if b.dtype == torch.uint8 else MOST_PRODUCTS // b.shape[1]
    if b.dtype == torch.uint8 or len(b) > at_a_time:
        several = zip(torch.split(a, at_a_time), torch.split(b, at_a_time), strict=True)
        return torch.cat([_product(some, widen(pages, a.dtype)) for some, pages in several])
    if a.is_cuda and a.dtype != torch.float32:
        y = torch.bmm(a.flatten(0, 1), b.flatten(0, 1), out_dtype=torch.float32)
        return y.view(*a.shape[:2], *y.shape[1:])
    return a.float() @ b.float()
