"""One clock for many calls: every call's 20 ms by absolute deadlines, from a single timer.

A sleep of 20 ms after each packet runs at 20.2-20.6 ms and starves the far side by up to 30 ms every second; deadlines
counted from one origin do not drift. Calls are spread over phases within the 20 ms, so that a hundred of them do not
send in the same millisecond.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.facts.formats import PACKET_MS

PERIOD_S = PACKET_MS / 1000


class Ticker:
    """Wakes the calls of one event loop. `late_ms` holds how far behind its deadline each wake-up was."""

    def __init__(self, phases: int = 1) -> None:
        """`phases` is the number of moments within 20 ms at which calls are woken."""
        self.late_ms = array("d")
        self._phases = phases
        self._next_seat = 0
        self._waiting: list[list[asyncio.Future[int]]] = [[] for _ in range(phases)]

    def seat(self) -> int:
        """A phase for a new call; they are handed out in turn."""
        self._next_seat += 1
        return (self._next_seat - 1) % self._phases

    async def wait(self, phase: int) -> int:
        """Wait for the phase's next moment; give its number. A gap in the numbers means that moments were missed."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[phase].append(future)
        return await future

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tick for as long as the block runs."""
        task = asyncio.create_task(self._run(), name="ticker")
        try:
            yield
        finally:
            task.cancel()

    async def _run(self) -> None:
        origin = time.monotonic()
        moment = 0
        while True:
            moment += 1
            deadline = origin + moment * PERIOD_S / self._phases
            # uvloop's timers have a grain of 1 ms: what is due within half of it is due now. When late the loop still
            # gets its turn, so that the calls can take the moments that are left.
            delay = deadline - time.monotonic()
            await asyncio.sleep(delay if delay > 0.0005 else 0)
            round_number, phase = divmod(moment, self._phases)
            if waiting := self._waiting[phase]:
                self._waiting[phase] = []
                self.late_ms.append((time.monotonic() - deadline) * 1000)
                for future in waiting:
                    if not future.done():
                        future.set_result(round_number)
