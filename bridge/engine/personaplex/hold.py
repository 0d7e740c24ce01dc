"""How many calls are held for some minutes, tick by tick in real time, without a late one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bridge.engine.personaplex.capacity import BUDGET_MS
from bridge.engine.personaplex.crowd import Crowd


@dataclass(frozen=True)
class Held:
    """`slots` calls, their windows filled to `fill` from the start, for so many ticks on the 80 ms grid.

    late: ticks that took longer than that; the first one ends the try. longest_ms: the longest tick.
    """

    slots: int
    fill: float
    minutes: float
    ticks: int
    late: int
    longest_ms: float


def hold(
    crowd: Crowd,
    slots: int,
    fill: float,
    minutes: float,
    on_tick: Callable[[int, int], None] = lambda done, total: None,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Held:
    """Tick as the engine does, until a tick is late or the time is over. `on_tick`: how many of how many ticks."""
    period, total = BUDGET_MS / 1e3, max(1, round(minutes * 60e3 / BUDGET_MS))
    longest, begin = 0.0, clock()
    for done in range(total):
        sleep(max(0.0, begin + done * period - clock()))
        started = clock()
        crowd.tick()
        length = clock() - started
        longest = max(longest, length)
        on_tick(done + 1, total)
        if length > period:
            return Held(slots, fill, minutes, done + 1, 1, longest * 1e3)
    return Held(slots, fill, minutes, total, 0, longest * 1e3)
