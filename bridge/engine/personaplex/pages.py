"""Which page of a pool belongs to which slot. Numbers only: no torch, no memory.

A page holds the keys and values of some positions, for all layers. A slot gets its pages one by one as its call grows,
always the lowest free ones, so that a step need not look past the pool's first few; where others have left holes, later
pages move down into them. Page 0 belongs to nobody: it stands wherever a slot has no page yet, and stays empty.

There may be fewer pages than all slots can have. The rules:

1. A call begins with a promise of some pages, which is given only while it can be kept beside all others: otherwise
   the call is not begun.
2. Pages beyond the promise come from those that are promised to nobody. A slot for which there is none is `stuck`: it
   goes on with the pages it has until it is released, whatever becomes free later.
"""

from __future__ import annotations

import heapq
from typing import Final

import numpy as np

NOBODYS: Final = 0

LARGEST_PAGE: Final = 128

PROMISED: Final = 0.5
"""Share of a window that a call is promised beside its prompt before it begins: two minutes at the published size."""


def page_of(context: int) -> int:
    """Positions of a page, for windows of `context` positions."""
    return max(1, min(LARGEST_PAGE, context // 8))


def promised(context: int, frames: int) -> int:
    """Positions for which a call with a prompt of so many frames is promised memory."""
    return min(context, frames + 1 + round(PROMISED * context))


class PageTable:
    """Pages of `slots` slots, each of which can have `per_slot`; `most` of them in all, nobody's included.

    table int64 [slots, per_slot]: the pages of each slot in the order of its positions, then `NOBODYS`. owner and
    place int64 [pages]: the way back, zeros where a page belongs to nobody. stuck bool [slots]: rule 2. `changed` is
    set by whatever changes them.
    """

    def __init__(self, slots: int, per_slot: int, most: int | None = None) -> None:
        whole = 1 + slots * per_slot
        self.per_slot = per_slot
        self.most = whole if most is None else min(most, whole)
        self.table = np.full((slots, per_slot), NOBODYS, np.int64)
        self.owner, self.place = np.zeros(whole, np.int64), np.zeros(whole, np.int64)
        self.stuck = np.zeros(slots, bool)
        self.changed = True
        self._held = [0] * slots
        self._promised = [0] * slots
        self._free: list[int] = []  # a heap of pages below `_end` that were given back
        self._end = 1

    @property
    def used(self) -> int:
        """Pages that belong to slots."""
        return self._end - 1 - len(self._free)

    @property
    def owed(self) -> int:
        """Pages that are promised and not yet given."""
        return sum(max(0, promised - held) for promised, held in zip(self._promised, self._held, strict=True))

    @property
    def bucket(self) -> int:
        """Pages, counted from the first, that a step must look at: rounded up, so that few sizes occur, never to more
        than there can be."""
        last = int(self.table.max(initial=NOBODYS))
        return min(bucket_of(last + 1), self.most)

    def held(self, slot: int) -> int:
        """Pages that a slot has."""
        return self._held[slot]

    def room(self, count: int) -> int:
        """How many further calls could be promised `count` pages each."""
        return max(0, self._unpromised()) // count

    def promise(self, slot: int, count: int) -> bool:
        """Promise a slot that it can have `count` pages; whether that can be kept (rule 1)."""
        self._check(count)
        if count - self._held[slot] > self._unpromised():
            return False
        self._promised[slot] = count
        return True

    def reserve(self, slot: int, count: int) -> bool:
        """See to it that a slot has at least `count` pages; False where it is stuck with fewer (rule 2).

        Raises `ValueError` above `per_slot`.
        """
        self._check(count)
        while self._held[slot] < count and not self.stuck[slot]:
            self._give(slot)
        return self._held[slot] >= count

    def release(self, slot: int) -> None:
        """Take all pages of a slot back, and its promise."""
        for page in self.table[slot, : self._held[slot]].tolist():
            self.owner[page] = self.place[page] = 0
            heapq.heappush(self._free, page)
        self.changed |= self._held[slot] > 0 or bool(self.stuck[slot])
        self.table[slot] = NOBODYS
        self.stuck[slot] = False
        self._held[slot] = self._promised[slot] = 0

    def lower(self) -> tuple[int, int] | None:
        """Give the slot that has the last page in use the first free one instead, if a step then need look at fewer.

        → from where to where its content must be copied, or None where nothing would be gained.
        """
        last = int(self.table.max(initial=NOBODYS))
        if bucket_of(1 + self.used) >= bucket_of(1 + last):
            return None
        first = heapq.heappop(self._free)
        slot, place = self.owner[last], self.place[last]
        self.table[slot, place] = first
        self.owner[first], self.place[first] = slot, place
        self.owner[last] = self.place[last] = 0
        heapq.heappush(self._free, last)
        self.changed = True
        return last, first

    def _give(self, slot: int) -> None:
        held = self._held[slot]
        self.changed = True
        if self._left() < 1 or (held >= self._promised[slot] and self._unpromised() < 1):
            self.stuck[slot] = True
            return
        page = self._lowest()
        self.table[slot, held] = page
        self.owner[page], self.place[page] = slot, held
        self._held[slot] += 1

    def _left(self) -> int:
        """Pages that belong to no slot. Below 0 where `most` was lowered under what is in use."""
        return self.most - 1 - self.used

    def _unpromised(self) -> int:
        return self._left() - self.owed

    def _lowest(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._end += 1
        return self._end - 1

    def _check(self, count: int) -> None:
        if count > self.per_slot:
            raise ValueError(f"a slot has at most {self.per_slot} pages, and {count} were asked for")


def bucket_of(count: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, 24, …: at most half more than `count`."""
    size = 1
    while size < count:
        if size >= 2 and count <= size * 3 // 2:
            return size * 3 // 2
        size *= 2
    return size
