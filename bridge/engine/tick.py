"""The tick: which caller frame goes into which step, and when the next step begins. No clock, no socket, no torch.

An engine without a tick steps whenever a frame waits. One with a tick (`Engine.tick_ms`) steps all its calls together,
because a step costs it nearly the same for one call as for many. Callers speak at any phase, so a call lines its frames
up with the ticks when it begins (`bridge.audio.intake.lead_in_ms`): each is complete in the last packet before a tick.

*Wait* is the time from a frame's completion in the bridge (its last packet has come) to the beginning of its step. For
calls that are lined up it is at most one packet, 20 ms, beyond what other calls' lateness adds. The rules:

1. Ticks are due on a grid of absolute times that never moves, so that no lateness adds up.
2. A tick takes the oldest waiting frame of each call. It begins when it is due; up to `EARLY` before, as soon as every
   seated call has a frame; up to `PATIENCE` after, where a call of the last tick has none yet and the step still
   ends before the next tick is due. A tick that finds no frame at all waits for one.
3. A call whose frame has not come is then left out: its slot stands still, nothing is made up in its place. A frame
   that missed its tick gets a step of its own where one fits before the next tick, else it goes into that. Where that
   is the call's very first frame it is dropped instead, and counted: nobody has spoken yet, and all that follow would
   wait a tick longer.
4. After a step that took too long the ticks follow each other without a pause until they are on the grid again; those
   that were due meanwhile, more than one behind, are left out and counted.
5. At most `MAX_WAITING` frames of a call wait; then its oldest are dropped and counted.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, Generic, NamedTuple, TypeVar

from bridge.facts.formats import PACKET_MS
from bridge.facts.ticks import Ticks

MAX_WAITING: Final = 12
"""Frames of one call that may wait for a step: just under a second."""

EARLY: Final = PACKET_MS / 1000
"""Seconds before its time that a tick may begin: the frames of calls that are lined up come in the last packet."""

PATIENCE: Final = PACKET_MS / 1000
"""Seconds that a tick waits for the frame of a call that was in the last one: the jitter of a good network."""

RECENT: Final = 16
"""Steps whose longest says whether another one fits."""

Frame = TypeVar("Frame")


class Taken(NamedTuple, Generic[Frame]):
    """A frame on its way into a step: seconds that it waited, and how long before its tick was due it was complete.

    `ahead` is below 0 where the tick waited for this frame, or where the frame missed it and has a step of its own.
    """

    frame: Frame
    waited: float
    ahead: float


class Schedule(Generic[Frame]):
    """Who is seated, whose frames wait, when they are stepped. Times are seconds of one clock that never goes back.

    `dropped` counts frames that were given up (rule 5), `late` the steps that took longer than a period, `missed` the
    ticks that were left out because of them (rule 4).
    """

    def __init__(self, ticks: Ticks | None = None) -> None:
        """Nobody is seated. Without `ticks` a step is due whenever a frame waits."""
        self.dropped = self.late = self.missed = 0
        self._ticks = ticks
        self._due = ticks.at if ticks else -math.inf
        self._seated: set[int] = set()
        self._begun: set[int] = set()  # those that have been stepped
        self._regular: set[int] = set()  # those of the last tick
        self._waiting: dict[int, deque[tuple[float, Frame]]] = {}
        self._is_tick = True
        self._lengths: deque[float] = deque([0.0], RECENT)

    @property
    def calls(self) -> int:
        """Calls that are seated."""
        return len(self._seated)

    def open(self, call: int) -> None:
        """A call is seated; its first frame is still to come."""
        self._seated.add(call)

    def close(self, call: int) -> None:
        """A call is over; its frames are no longer wanted."""
        self._seated.discard(call)
        self._begun.discard(call)
        self._regular.discard(call)
        self._waiting.pop(call, None)

    def add(self, call: int, frame: Frame, at: float) -> None:
        """A frame of a seated call has come that was complete at `at`."""
        if self._ticks and not self._waiting:
            self._pass_by(self._ticks.period, at)
        row = self._waiting.setdefault(call, deque())
        if len(row) >= MAX_WAITING:
            row.popleft()
            self.dropped += 1
        row.append((at, frame))

    def wait(self, now: float) -> float:
        """Seconds until a step is due if no frame comes meanwhile, not below 0; infinite if none waits."""
        if not self._waiting:
            return math.inf
        return 0.0 if self._fits(now) else max(0.0, self._begins() - now)

    def take(self, now: float) -> dict[int, Taken[Frame]]:
        """The frames of the step that is due now, by call; none if none is. The step that follows is `stepped`."""
        if self.wait(now) > 0:
            return {}
        self._is_tick = now >= self._begins()
        due = now
        if self._ticks:
            due = self._due if self._is_tick else self._due - self._ticks.period
        taken = {}
        for call, row in self._waiting.items():
            if self._is_tick and call not in self._begun:
                self._drop_late_beginning(row)
            at, frame = row.popleft()
            taken[call] = Taken(frame, now - at, due - at)
        self._waiting = {call: row for call, row in self._waiting.items() if row}
        self._begun |= taken.keys()
        if self._is_tick:
            self._regular = set(taken)
        return taken

    def stepped(self, began: float, ended: float) -> None:
        """The frames last taken have been stepped."""
        if self._ticks is None:
            return
        period = self._ticks.period
        self._lengths.append(ended - began)
        self.late += ended - began > period
        if self._is_tick:
            passed = max(1, math.floor((ended - self._due) / period))
            self.missed += passed - 1
            self._due += passed * period

    def _begins(self) -> float:
        """When the next tick begins, as things stand (rule 2)."""
        if self._ticks is None:
            return self._due
        if self._seated <= self._waiting.keys():
            return self._due - EARLY
        if self._regular <= self._waiting.keys():
            return self._due
        return self._due + max(0.0, min(PATIENCE, self._ticks.period - max(self._lengths)))

    def _fits(self, now: float) -> bool:
        """Whether a step of its own fits before the next tick, and before the frames of that tick come (rule 3)."""
        return now < self._due - EARLY and now + max(self._lengths) <= self._due

    def _drop_late_beginning(self, row: deque[tuple[float, Frame]]) -> None:
        """Drop a call's first frame where the second has come at its own pace meanwhile (rule 3)."""
        if self._ticks and len(row) == 2 and row[1][0] - row[0][0] > self._ticks.period / 2:
            row.popleft()
            self.dropped += 1

    def _pass_by(self, period: float, now: float) -> None:
        """Nothing waited: a frame that comes now belongs to the tick in whose last packet it comes, or is late for
        the one before."""
        self._due += max(0, math.floor((now - self._due + EARLY) / period)) * period
