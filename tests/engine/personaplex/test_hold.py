"""Holding calls in real time, on a clock that is passed in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.engine.personaplex.crowd import Crowd
from bridge.engine.personaplex.hold import hold
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.runtime import Runtime


class Time:
    """Stands still but for sleep and the ticks of a crowd, which take as long as they are told to."""

    def __init__(self, lengths: Iterator[float]) -> None:
        self.now, self.slept = 100.0, 0.0
        self._lengths = lengths

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds

    def tick(self) -> None:
        self.now += next(self._lengths)


def crowd_of(model: Model, time: Time, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    crowd = Crowd(Runtime(model, 2), 0.5)
    whole = crowd.tick

    def tick() -> None:
        time.tick()
        whole()

    monkeypatch.setattr(crowd, "tick", tick)
    return crowd


def test_ticks_keep_to_the_grid_and_none_is_late(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(iter([0.05, 0.079, 0.03] * 4))
    held = hold(crowd_of(model, time, monkeypatch), 2, 0.5, 12 / 750, clock=lambda: time.now, sleep=time.sleep)
    assert (held.ticks, held.late) == (12, 0)
    assert held.longest_ms == pytest.approx(79)
    assert time.now == pytest.approx(100 + 11 * 0.08 + 0.03)


def test_first_late_tick_ends_the_try(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(iter([0.05, 0.05, 0.081, 0.05]))
    held = hold(crowd_of(model, time, monkeypatch), 2, 0.5, 1, clock=lambda: time.now, sleep=time.sleep)
    assert (held.ticks, held.late) == (3, 1)
    assert held.longest_ms == pytest.approx(81)
