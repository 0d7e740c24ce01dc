"""The server watches itself: samples for `Series`, taken every few seconds while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import psutil

from bridge.engine.messages import Beat
from bridge.facts.ticks import STEP_CLASSES, WAIT_CLASSES
from bridge.server.register import LiveCall
from bridge.server.series import EVERY, Sample, Series, quantile, share_of, since
from bridge.server.switchboard import Switchboard
from bridge.transcript.answering import AnswerTimes

PROBE: Final = 0.1
"""Seconds between two looks at how late the event loop is."""


@dataclass(slots=True)
class _Followed:
    """A call, and how far its records have been looked at."""

    live: LiveCall
    seen: int = 0
    times: AnswerTimes = field(default_factory=AnswerTimes)

    def answers(self) -> list[int]:
        fresh = self.live.records[self.seen :]
        self.seen += len(fresh)
        return [ms for record in fresh if (ms := self.times.take(record)) is not None]


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
        self._followed: dict[str, _Followed] = {}

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            before = self._clock()
            await asyncio.sleep(PROBE)
            after = self._clock()
            self._lag = max(self._lag, after - before - PROBE)
            self._follow()
            if after - self._at >= EVERY:
                self.take()

    def take(self) -> None:
        """Take a sample of what has happened since the last one."""
        at, cpu, beat = self._clock(), self._cpu_seconds(), self._switchboard.engine.counters.beat
        seconds = max(at - self._at, 1e-3)
        steps = since(self._beat.step_counts, beat.step_counts)
        waits = since(self._beat.wait_counts, beat.wait_counts)
        answers = self._answers()
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
                answers=len(answers),
                answer_p50_ms=share_of(answers, 0.5),
                answer_p95_ms=share_of(answers, 0.95),
                loop_lag_ms=round(1000 * max(self._lag, 0.0), 2),
                rss_mb=round(self._process.memory_info().rss / 1e6, 1),
                engine_rss_mb=round(beat.rss_bytes / 1e6, 1),
                cpu=round((cpu - self._cpu) / seconds, 3),
                engine_cpu=round(_used(self._beat, beat) / seconds, 3),
            )
        )
        self._at, self._cpu, self._beat, self._lag = at, cpu, beat, 0.0

    def _follow(self) -> None:
        """Keep each call that is seen until what was said in it has been looked at."""
        for call_id, live in self._switchboard.live.items():
            if call_id not in self._followed:
                self._followed[call_id] = _Followed(live)

    def _answers(self) -> list[float]:
        """How long callers have waited for the answers that were given since the last time, in milliseconds."""
        self._follow()
        found = [float(ms) for followed in self._followed.values() for ms in followed.answers()]
        self._followed = {name: one for name, one in self._followed.items() if not one.live.over}
        return found

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def _used(before: Beat, now: Beat) -> float:
    """Seconds of CPU time; of a process that replaced another, all it has used."""
    return now.cpu_seconds - before.cpu_seconds if now.cpu_seconds >= before.cpu_seconds else now.cpu_seconds


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)
