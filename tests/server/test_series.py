"""Figures for plots: what is counted becomes quantiles, samples become columns, the oldest go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.facts.ticks import STEP_CLASSES
from bridge.server.series import Sample, Series, quantile, share_of, since

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def sample(seconds, calls=0):
    return Sample(
        NOON + timedelta(seconds=seconds),
        calls,
        4,
        0,
        None,
        None,
        None,
        None,
        0,
        None,
        None,
        0.5,
        100.0,
        200.0,
        0.1,
        0.5,
    )


def test_a_quantile_lies_in_its_class_as_far_along_as_its_share():
    assert quantile([0, 4, 0], (10, 20), 0.5) == pytest.approx(15)
    assert quantile([2, 2, 0], (10, 20), 0.5) == pytest.approx(10)
    assert quantile([0, 0, 3], (10, 20), 0.5) == 20  # above all bounds nothing more is known
    assert quantile([0, 0, 0], (10, 20), 0.5) is None


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_no_further_off_than_its_class_is_wide(values, share):
    counts = [0] * (len(STEP_CLASSES) + 1)
    for value in values:
        counts[sum(value > bound for bound in STEP_CLASSES)] += 1
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    edges = [0.0, *STEP_CLASSES, STEP_CLASSES[-1]]
    place = sum(exact > bound for bound in STEP_CLASSES)
    found = quantile(counts, STEP_CLASSES, share)
    assert edges[max(0, place - 1)] <= found <= edges[min(place + 2, len(edges) - 1)]


def test_a_share_of_values_is_one_of_them():
    assert (share_of([5, 1, 3], 0.5), share_of([5, 1, 3], 0.95), share_of([4], 0.5)) == (3, 5, 4)
    assert share_of([], 0.5) is None


def test_counters_of_a_new_process_begin_anew():
    assert since([1, 2], [3, 2]) == [2, 0]
    assert since([5, 2], [1, 0]) == [1, 0]
    assert since([], [1, 0]) == [1, 0]


def test_samples_come_back_as_columns_of_the_seconds_asked_for():
    series = Series()
    for number in range(5):
        series.add(sample(5 * number, number))
    told = series.recent(10)
    assert (told["calls"], told["every"]) == ([3, 4], 5.0)
    assert told["at"] == ["2026-11-21T12:00:15.000+00:00", "2026-11-21T12:00:20.000+00:00"]
    assert {len(column) for name, column in told.items() if name != "every"} == {2}
    assert Series().recent(10)["calls"] == []


def test_the_oldest_samples_go():
    series = Series(3)
    for number in range(5):
        series.add(sample(5 * number, number))
    assert series.recent(10**6)["calls"] == [2, 3, 4]
