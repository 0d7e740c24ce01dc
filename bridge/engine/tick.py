"""The tick: which caller frame goes into which step, and when the next step is due. No clock, no socket, no torch.

An engine without a tick steps whenever a frame waits. One with a tick (`Engine.tick_ms`) steps all its calls together,
because a step costs it nearly the same for one call as for many. The rules:

1. Ticks are due on a grid of absolute times, so that no lateness adds up. A tick that finds no frame waits for one.
2. A tick takes the oldest waiting frame of each call. A call whose frame has not come is left out: its slot stands
   still, nothing is made up in its place, and its frame goes into the next tick.
3. A call may then keep one frame in hand, which absorbs the jitter of its network. A call that keeps more is behind
   (a burst after a gap): the rest of the period belongs to such calls alone, for as many steps as fit.
4. At most `MAX_WAITING` frames of a call wait; then its oldest are dropped and counted.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, Generic, TypeVar

MAX_WAITING: Final = 12
"""Frames of one call that may wait for a step: just under a second."""

IN_HAND: Final = 1
"""Frames that a call may keep after a tick without being behind."""

SLACK_SECONDS: Final = 0.02
"""The grid begins so much after the first frame: one packet, so that the frames of that call come before their tick."""

_ROOM: Final = 1.5
"""A further step fits if this many times the length of the last one is left until the next tick."""

Frame = TypeVar("Frame")


class Waiting(Generic[Frame]):
    """The frames that wait, by call. `dropped` counts those that were given up (rule 4)."""

    def __init__(self) -> None:
        """Nothing waits."""
        self.dropped = 0
        self._frames: dict[int, deque[Frame]] = {}

    def __bool__(self) -> bool:
        """Whether any frame waits."""
        return bool(self._frames)

    def add(self, call: int, frame: Frame) -> None:
        """A frame has come."""
        row = self._frames.setdefault(call, deque())
        if len(row) >= MAX_WAITING:
            row.popleft()
            self.dropped += 1
        row.append(frame)

    def take(self, keep: int = 0) -> dict[int, Frame]:
        """The oldest frame of each call that has more than `keep` of them."""
        taken = {call: row.popleft() for call, row in self._frames.items() if len(row) > keep}
        for call in taken:
            if not self._frames[call]:
                del self._frames[call]
        return taken

    def forget(self, call: int) -> None:
        """A call is over; its frames are no longer wanted."""
        self._frames.pop(call, None)


class Grid:
    """When ticks are due. Times are seconds of one clock that never goes back.

    `late` counts ticks that took longer than a period, `missed` the ticks that were left out because of them.
    """

    def __init__(self, period: float) -> None:
        """A tick each `period` seconds; the first one is due at once."""
        self.late = self.missed = 0
        self._period = period
        self._due: float | None = None
        self._length = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next tick is due, not below 0."""
        return 0.0 if self._due is None else max(0.0, self._due - now)

    def ticked(self, began: float, ended: float) -> None:
        """A tick has been made."""
        self._length = ended - began
        self.late += self._length > self._period
        if self._due is None:
            self._due = began + SLACK_SECONDS
        # A tick that waited for its first frame counts from the place on the grid where it began.
        self._due += max(0, self._whole_periods(began)) * self._period
        passed = max(1, self._whole_periods(ended))
        self.missed += passed - 1
        self._due += passed * self._period

    def room(self, now: float) -> bool:
        """Whether a further step fits before the next tick."""
        return self.wait(now) >= _ROOM * self._length

    def rest(self) -> None:
        """There are no calls: the first frame to come begins a new grid, at once."""
        self._due = None

    def _whole_periods(self, now: float) -> int:
        """Periods from the due time until `now`."""
        assert self._due is not None
        return math.floor((now - self._due) / self._period)
