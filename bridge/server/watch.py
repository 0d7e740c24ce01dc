"""The server watches itself: samples for `Series`, taken every few seconds while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import psutil

from bridge.engine.messages import Beat
from bridge.facts.ticks import STEP_CLASSES, WAIT_CLASSES
from bridge.server.series import EVERY, Sample, Series, quantile, since
from bridge.server.switchboard import Switchboard

PROBE: Final = 0.1
"""Seconds between two looks at how late the event loop is."""


class Watch:
    """Owner of the series."""

    def __init__(
        self,
        switchboard: Switchboard,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`clock` gives seconds, `now` the moment in UTC."""
        self.series = Series()
        self._switchboard, self._clock, self._now = switchboard, clock, now
        self._process = psutil.Process()
        self._beat = switchboard.engine.counters.beat
        self._at, self._cpu = clock(), self._cpu_seconds()
        self._lag = 0.0

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            before = self._clock()
            await asyncio.sleep(PROBE)
            after = self._clock()
            self._lag = max(self._lag, after - before - PROBE)
            if after - self._at >= EVERY:
                self.take()

    def take(self) -> None:
        """Take a sample of what has happened since the last one."""
        at, cpu, beat = self._clock(), self._cpu_seconds(), self._switchboard.engine.counters.beat
        seconds = max(at - self._at, 1e-3)
        steps = since(self._beat.step_counts, beat.step_counts)
        waits = since(self._beat.wait_counts, beat.wait_counts)
        self.series.add(
            Sample(
                at=self._now(),
                calls=self._switchboard.calls,
                capacity=self._switchboard.engine.limit,
                on_hold=len(self._switchboard.queue),
                tick_p50_ms=_ms(quantile(steps, STEP_CLASSES, 0.5)),
                tick_p99_ms=_ms(quantile(steps, STEP_CLASSES, 0.99)),
                wait_p50_ms=_ms(quantile(waits, WAIT_CLASSES, 0.5)),
                wait_p99_ms=_ms(quantile(waits, WAIT_CLASSES, 0.99)),
                loop_lag_ms=round(1000 * max(self._lag, 0.0), 2),
                rss_mb=round(self._process.memory_info().rss / 1e6, 1),
                engine_rss_mb=round(beat.rss_bytes / 1e6, 1),
                cpu=round((cpu - self._cpu) / seconds, 3),
                engine_cpu=round(_used(self._beat, beat) / seconds, 3),
            )
        )
        self._at, self._cpu, self._beat, self._lag = at, cpu, beat, 0.0

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def _used(before: Beat, now: Beat) -> float:
    """Seconds of CPU time; of a process that replaced another, all it has used."""
    return now.cpu_seconds - before.cpu_seconds if now.cpu_seconds >= before.cpu_seconds else now.cpu_seconds


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)
