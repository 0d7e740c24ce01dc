"""Counts of values by class, cheap enough for each frame of each call."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """How many values lay up to each bound but above the one before, and above all of them."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` are in rising order."""
        self.total = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    @property
    def counts(self) -> tuple[int, ...]:
        """One count for each bound, and a last one."""
        return tuple(self._counts)

    def add(self, value: float) -> None:
        """Count a value."""
        self.total += value
        self._counts[bisect_left(self._bounds, value)] += 1
