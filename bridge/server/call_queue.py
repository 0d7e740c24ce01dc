"""Callers who wait for a free slot, in the order in which they came. No carrier, no clock, no asyncio.

A waiting call cannot be reached: it asks, again and again, and is answered. The rules:

1. A call joins once, behind all who wait already. While `limit` calls wait, whoever comes is turned away.
2. A call that asks is seated if there are as many free slots as its place says: then each of those before it has one
   left, whenever it asks. So nobody is overtaken, and nobody waits for somebody else to ask.
3. A call that has waited for as long as it may is told so when it asks next, and waits no more.
4. Each answer says when the call will ask again. One that does not is gone; its place is the next one's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

WAIT_BOUNDS: Final = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds in seconds of the classes in which waits are counted; those that are longer are the last class."""

Call = TypeVar("Call")


@dataclass(slots=True)
class QueueCounters:
    """What became of the calls that waited. `waits` counts those that were seated, by `WAIT_BOUNDS` and beyond."""

    joined: int = 0
    seated: int = 0
    too_long: int = 0
    gone: int = 0
    refused: int = 0
    wait_seconds: float = 0.0
    waits: list[int] = field(default_factory=lambda: [0] * (len(WAIT_BOUNDS) + 1))


@dataclass(frozen=True, slots=True)
class Turn(Generic[Call]):
    """The answer to a call that asks: its seat, its place (from 1), or that it has waited for too long."""

    what: Literal["seat", "wait", "too_long"]
    call: Call
    place: int
    waited: float


@dataclass(slots=True)
class _Waiting(Generic[Call]):
    call: Call
    since: float
    longest: float
    back_by: float


class CallQueue(Generic[Call]):
    """See the module. Calls are told apart by a key of their carrier's. `clock` gives monotonic seconds."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        """Nobody waits. At most `limit` calls will; 0 has everybody turned away."""
        self._counters = QueueCounters()
        self._limit = limit
        self._clock = clock
        self._waiting: OrderedDict[str, _Waiting[Call]] = OrderedDict()
        self._gone: list[Call] = []

    @property
    def counters(self) -> QueueCounters:
        """What became of those who came."""
        self._expire()
        return self._counters

    def __len__(self) -> int:
        """Calls that wait."""
        self._expire()
        return len(self._waiting)

    @property
    def calls(self) -> list[Call]:
        """Those who wait, the first one first."""
        self._expire()
        return [waiting.call for waiting in self._waiting.values()]

    @property
    def waits(self) -> list[tuple[Call, float]]:
        """Those who wait, the first one first, and for how many seconds."""
        self._expire()
        now = self._clock()
        return [(waiting.call, now - waiting.since) for waiting in self._waiting.values()]

    @property
    def longest_wait(self) -> float:
        """Seconds for which the first one has waited; 0 if nobody waits."""
        self._expire()
        first = next(iter(self._waiting.values()), None)
        return self._clock() - first.since if first else 0.0

    def join(self, key: str, call: Call, longest: float, back_in: float) -> bool:
        """Wait, `longest` seconds at most; the call asks for the first time within `back_in`. False: turned away.

        A call that waits already keeps its place.
        """
        self._expire()
        if key in self._waiting:
            return True
        if len(self._waiting) >= self._limit:
            self._counters.refused += 1
            return False
        now = self._clock()
        self._waiting[key] = _Waiting(call, now, longest, now + back_in)
        self._counters.joined += 1
        return True

    def place(self, key: str) -> int | None:
        """The place of a call, from 1; None if it does not wait."""
        self._expire()
        return next((place for place, waiting in enumerate(self._waiting, 1) if waiting == key), None)

    def ask(self, key: str, free: int, back_in: float) -> Turn[Call] | None:
        """The turn of a call, while `free` slots are free; None if it does not wait (any more).

        A call that goes on waiting asks again within `back_in` seconds.
        """
        place = self.place(key)
        if place is None:
            return None
        waiting, now = self._waiting[key], self._clock()
        waited = now - waiting.since
        if place <= free:
            del self._waiting[key]
            self._count_seat(waited)
            return Turn("seat", waiting.call, place, waited)
        if waited >= waiting.longest:
            del self._waiting[key]
            self._counters.too_long += 1
            return Turn("too_long", waiting.call, place, waited)
        waiting.back_by = now + back_in
        return Turn("wait", waiting.call, place, waited)

    def leave(self, key: str) -> Call | None:
        """A call hung up, or has to be given up: what waited, or None if it did not wait."""
        self._expire()
        waiting = self._waiting.pop(key, None)
        if waiting is None:
            return None
        self._counters.gone += 1
        return waiting.call

    def gone(self) -> list[Call]:
        """The calls that did not come back, since this was last asked."""
        self._expire()
        gone, self._gone = self._gone, []
        return gone

    def _expire(self) -> None:
        now = self._clock()
        for key in [key for key, waiting in self._waiting.items() if waiting.back_by < now]:
            self._gone.append(self._waiting.pop(key).call)
            self._counters.gone += 1

    def _count_seat(self, waited: float) -> None:
        self._counters.seated += 1
        self._counters.wait_seconds += waited
        self._counters.waits[sum(waited > bound for bound in WAIT_BOUNDS)] += 1
