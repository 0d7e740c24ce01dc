"""How the server has fared: a sample every few seconds, for plots, the last hours of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Final

EVERY: Final = 5.0
"""Seconds from one sample to the next."""

MOST: Final = 4320
"""Samples that are kept: six hours."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment, and what happened since the one before.

    Calls in progress, how many were allowed, and callers on hold; lengths of the engine's steps and the wait of frames
    for their step in milliseconds, None where there were none; answers to callers, and
    how long they had waited for them; the longest that the server's event loop kept others
    waiting; memory in 10^6 bytes and processor cores in use, of the server and of the engine process.
    """

    at: datetime
    calls: int
    capacity: int
    on_hold: int
    tick_p50_ms: float | None
    tick_p99_ms: float | None
    wait_p50_ms: float | None
    wait_p99_ms: float | None
    answers: int
    answer_p50_ms: float | None
    answer_p95_ms: float | None
    loop_lag_ms: float
    rss_mb: float
    engine_rss_mb: float
    cpu: float
    engine_cpu: float


class Series:
    """The ring of samples. Owner: the server's watch."""

    def __init__(self, most: int = MOST) -> None:
        """At most so many are kept; the oldest go."""
        self._samples: deque[Sample] = deque(maxlen=most)

    def add(self, sample: Sample) -> None:
        """Keep a sample, which is later than all others."""
        self._samples.append(sample)

    def recent(self, seconds: float) -> dict[str, Any]:
        """The samples of the last so many seconds before the latest, as a column for each figure."""
        since = self._samples[-1].at - timedelta(seconds=seconds) if self._samples else None
        chosen = [sample for sample in self._samples if since and sample.at > since]
        columns = {field.name: [getattr(sample, field.name) for sample in chosen] for field in fields(Sample)}
        columns["at"] = [sample.at.isoformat(timespec="milliseconds") for sample in chosen]
        return {"every": EVERY, **columns}


def since(before: Sequence[int], now: Sequence[int]) -> list[int]:
    """What was counted between two states of counters; all of it, where they began anew."""
    if len(before) != len(now) or any(new < old for old, new in zip(before, now, strict=True)):
        return list(now)
    return [new - old for old, new in zip(before, now, strict=True)]


def share_of(values: Sequence[float], share: float) -> float | None:
    """The least of the values that `share` of them do not exceed; None for none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def quantile(counts: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """The value that `share` of what was counted does not exceed, as far as classes tell; None for nothing.

    `bounds` are the upper bounds of the classes, of which there is one more; within a class values count as spread
    evenly, and what is above all bounds counts as the last of them.
    """
    total = sum(counts)
    if not total:
        return None
    wanted = share * total
    for index, up_to in enumerate(accumulate(counts)):
        if up_to >= wanted and counts[index]:
            if index >= len(bounds):
                return bounds[-1]
            low = bounds[index - 1] if index else 0.0
            inside = (wanted - (up_to - counts[index])) / counts[index]
            return low + (bounds[index] - low) * inside
    return bounds[-1]
