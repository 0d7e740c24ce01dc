"""The day's own time: it runs faster than the wall's, and slower where the machine does not keep up.

Callers and calls share it. So a busy machine makes the day longer, and nothing in it late.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bridge.caller.ticker import Ticker
from bridge.facts.formats import PACKET_MS

HURRY: Final = 5.0
"""At most so much faster than the wall's clock."""

PHASES: Final = 4
"""Moments within 20 ms at which callers speak; a fifth of 5 ms is what an event loop can wait for."""


class DayTicker(Ticker):
    """Wakes the callers, and is the clock of their calls."""

    def __init__(self) -> None:
        super().__init__(PHASES)
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds, as `time.monotonic` gives them."""
        return self.now

    async def _run(self) -> None:
        step = PACKET_MS / 1000 / PHASES
        loop = asyncio.get_running_loop()
        moment = 0
        while True:
            began = loop.time()
            moment += 1
            round_number, phase = divmod(moment, PHASES)
            self.now += step
            woken, self._waiting[phase] = self._waiting[phase], []
            for future in woken:
                if not future.done():
                    future.set_result(round_number)
            # Two turns of the loop at least: what callers send now is read by the server in the next.
            await asyncio.sleep(0)
            await asyncio.sleep(max(0.0, step / HURRY - (loop.time() - began)))
