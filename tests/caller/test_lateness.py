"""Lateness is measured from the caller's own frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.caller.lateness import Lateness, percentile


def test_a_frame_is_measured_from_the_fourth_packet_in_step_with_it() -> None:
    lateness = Lateness()
    for number in range(1, 9):
        lateness.sent(number, number * 0.020)
    lateness.received(640, 0.083)
    lateness.received(320, 0.100)
    lateness.received(320, 0.170)
    assert lateness.expected == lateness.frames == 2
    assert [round(late, 3) for late in lateness.late_ms()] == [3.0, 10.0]


def test_after_a_loss_a_frame_is_due_with_the_next_packet_that_was_sent() -> None:
    lateness = Lateness()
    for number in (1, 2, 3, 6, 8):
        lateness.sent(number, number * 0.020)
    lateness.received(1280, 0.165)
    assert lateness.expected == 2
    assert [round(late, 3) for late in lateness.late_ms()] == [45.0, 5.0]


def test_the_timeline_begins_with_the_first_packet_that_was_sent() -> None:
    lateness = Lateness()
    for number in range(3, 7):
        lateness.sent(number, number * 0.020)
    assert lateness.expected == 1


def test_a_long_gap_makes_several_frames_due_at_once() -> None:
    lateness = Lateness()
    lateness.sent(1, 0.02)
    lateness.sent(12, 0.24)
    assert lateness.expected == 3


@given(st.lists(st.floats(-100, 100), min_size=1), st.floats(0, 100))
def test_a_percentile_is_one_of_the_values_and_not_exceeded_by_its_share(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found is not None
    assert any(abs(found - value) <= 0.006 for value in values)
    assert sum(value <= found + 0.006 for value in values) >= share / 100 * len(values) - 1e-9


def test_without_values_there_is_no_percentile() -> None:
    assert percentile([], 99) is None
