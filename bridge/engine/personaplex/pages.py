"""Which page of a pool belongs to which slot. Numbers only: no torch, no memory.

A page holds the keys and values of some positions, for all layers. A slot gets its pages one by one as its call grows,
always the lowest free ones, so that a step need not look past the pool's first few. Page 0 belongs to nobody: it
stands wherever a slot has no page yet, and stays empty.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

NOBODYS: Final = 0


class PageTable:
    """Pages of `slots` slots, each of which can have `per_slot`."""

    def __init__(self, slots: int, per_slot: int) -> None:
        self.per_slot = per_slot
        self._pages: list[list[int]] = [[] for _ in range(slots)]
        self._free: list[int] = []  # a heap of pages below `_end` that were given back
        self._end = 1

    @property
    def used(self) -> int:
        """Pages that belong to slots."""
        return self._end - 1 - len(self._free)

    @property
    def bucket(self) -> int:
        """Pages, counted from the first, that a step must look at: rounded up, so that few sizes occur, never to more
        than all slots can have."""
        last = max((page for pages in self._pages for page in pages), default=NOBODYS)
        return min(bucket_of(last + 1), 1 + len(self._pages) * self.per_slot)

    def reserve(self, slot: int, count: int) -> bool:
        """See to it that a slot has at least `count` pages; whether it got new ones. Raises `ValueError` above
        `per_slot`."""
        if count > self.per_slot:
            raise ValueError(f"a slot has at most {self.per_slot} pages, and {count} were asked for")
        pages = self._pages[slot]
        missing = max(0, count - len(pages))
        pages.extend(self._lowest() for _ in range(missing))
        return missing > 0

    def release(self, slot: int) -> bool:
        """Take all pages of a slot back; whether it had any."""
        pages, self._pages[slot] = self._pages[slot], []
        for page in pages:
            heapq.heappush(self._free, page)
        return bool(pages)

    def rows(self) -> list[list[int]]:
        """[slots][per_slot]: the pages of each slot in the order of its positions, then `NOBODYS`."""
        return [pages + [NOBODYS] * (self.per_slot - len(pages)) for pages in self._pages]

    def owners(self) -> Iterator[tuple[int, int, int]]:
        """(page, slot, place): the page is the slot's `place`-th."""
        for slot, pages in enumerate(self._pages):
            for place, page in enumerate(pages):
                yield page, slot, place

    def _lowest(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._end += 1
        return self._end - 1


def bucket_of(count: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, 24, …: at most half more than `count`."""
    size = 1
    while size < count:
        if size >= 2 and count <= size * 3 // 2:
            return size * 3 // 2
        size *= 2
    return size
