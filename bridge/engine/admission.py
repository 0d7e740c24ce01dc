"""How many calls an engine with a tick takes, learnt from how long its steps take. No clock.

Memory says how many slots there are; whether so many calls can be stepped in time depends on the device, on how much
of their windows is filled, and on what else runs on the machine. So it is measured. The rules:

1. The limit begins at the number of slots. It is never below 1, and never makes a call that is seated end.
2. Two steps in a row that take longer than a period *shed*: no new call is taken, except where none is seated, until
   `CALM_SECONDS` have passed without such a step.
3. Each `WINDOW` steps are judged together. A p99 above `FULL` of the period lowers the limit to one below the calls of
   the step that was the p99, where the p90 is above `EASY` as well: with so many calls steps are long, and not now and
   then for another reason, which fewer calls would not cure.
4. A p99 at or below `EASY`, with as many calls as the limit allows in at least half of the steps, is proof that there
   is room: the limit rises by one. Where the first full window after that makes it fall again, twice as many windows
   in a row must prove it the next time, up to `MOST_PROOF`; a rise that holds halves them.
"""

from __future__ import annotations

import math
from typing import Final

WINDOW: Final = 125
"""Steps that are judged together: ten seconds of ticks."""

FULL: Final = 0.9
"""Share of the period that the p99 of a window may take; the rest is room for jitter and for longer windows."""

EASY: Final = 0.75
"""Share of the period up to which a window proves that there is room for another call."""

CALM_SECONDS: Final = 10.0
"""Time without a step over the period that ends shedding."""

MOST_PROOF: Final = 256
"""Windows that a rise may have to wait for: most of an hour."""


class Admission:
    """The limit of one engine. Times are seconds of one clock that never goes back."""

    def __init__(self, slots: int, period: float) -> None:
        """`period` is the time from tick to tick in seconds."""
        self.limit = slots
        self._slots, self._period = slots, period
        self._in_a_row = 0
        self._shed_until = -math.inf
        self._steps: list[tuple[float, int]] = []
        self._proof, self._proven = 1, 0
        self._rose = False

    def shedding(self, now: float) -> bool:
        """Whether no new call is to be taken (rule 2)."""
        return now < self._shed_until

    def stepped(self, began: float, ended: float, calls: int) -> None:
        """A step was made while `calls` were seated."""
        length = ended - began
        self._in_a_row = self._in_a_row + 1 if length > self._period else 0
        if self._in_a_row >= 2 or (self._in_a_row and self.shedding(ended)):
            self._shed_until = ended + CALM_SECONDS
        self._steps.append((length, calls))
        if len(self._steps) == WINDOW:
            self._judge(sorted(self._steps))
            self._steps.clear()

    def _judge(self, steps: list[tuple[float, int]]) -> None:
        """Rules 3 and 4, for a window's steps by length."""
        (p90, _), (p99, calls) = (steps[math.ceil(share * WINDOW) - 1] for share in (0.9, 0.99))
        if p99 > FULL * self._period and p90 > EASY * self._period:
            self._lower(calls - 1)
            return
        if 2 * sum(calls >= self.limit for _, calls in steps) < WINDOW:
            return  # what the limit would do was not to be seen
        if self._rose:
            self._rose, self._proof = False, max(1, self._proof // 2)
        self._proven = self._proven + 1 if p99 <= EASY * self._period else 0
        if self._proven >= self._proof and self.limit < self._slots:
            self.limit += 1
            self._rose, self._proven = True, 0

    def _lower(self, calls: int) -> None:
        self._proven = 0
        if calls >= self.limit:
            return
        self.limit = max(1, calls)
        if self._rose:
            self._rose, self._proof = False, min(2 * self._proof, MOST_PROOF)
