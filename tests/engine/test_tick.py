"""The tick's bookkeeping: which frame goes into which step, and when the next step is due."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.tick import IN_HAND, MAX_WAITING, SLACK_SECONDS, Grid, Waiting

PERIOD = 0.08


def test_a_tick_takes_the_oldest_frame_of_each_call_and_leaves_out_who_is_late():
    waiting = Waiting()
    for call, frame in ((1, "a"), (2, "x"), (1, "b")):
        waiting.add(call, frame)
    assert waiting.take() == {1: "a", 2: "x"}
    assert waiting.take() == {1: "b"}
    assert not waiting
    assert waiting.take() == {}


def test_a_call_may_keep_a_frame_in_hand_and_is_behind_with_more():
    waiting = Waiting()
    for frame in range(3):
        waiting.add(1, frame)
    waiting.add(2, 0)
    assert waiting.take(keep=IN_HAND) == {1: 0}
    assert waiting.take(keep=IN_HAND) == {1: 1}
    assert waiting.take(keep=IN_HAND) == {}
    assert waiting.take() == {1: 2, 2: 0}


def test_of_too_many_frames_the_oldest_are_dropped_and_counted():
    waiting = Waiting()
    for frame in range(MAX_WAITING + 3):
        waiting.add(1, frame)
    assert waiting.dropped == 3
    assert waiting.take() == {1: 3}


def test_nothing_is_kept_of_a_call_that_is_over():
    waiting = Waiting()
    waiting.add(1, "a")
    waiting.forget(1)
    waiting.forget(2)
    assert not waiting


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=200))
def test_frames_of_a_call_stay_in_order_and_none_is_lost_uncounted(arrivals):
    waiting, sent, got = Waiting(), {}, {}
    for number, (call, tick) in enumerate(arrivals):
        waiting.add(call, number)
        sent.setdefault(call, []).append(number)
        if tick:
            for owner, frame in waiting.take().items():
                got.setdefault(owner, []).append(frame)
    while waiting:
        for owner, frame in waiting.take().items():
            got.setdefault(owner, []).append(frame)
    assert all(frames == sorted(frames) and set(frames) <= set(sent[call]) for call, frames in got.items())
    assert sum(map(len, got.values())) + waiting.dropped == len(arrivals)


def test_the_first_tick_is_due_at_once_and_the_grid_leaves_its_call_room_for_jitter():
    grid = Grid(PERIOD)
    assert grid.wait(5.0) == 0
    grid.ticked(5.0, 5.01)
    assert grid.wait(5.01) == pytest.approx(SLACK_SECONDS + PERIOD - 0.01)


def test_lateness_does_not_add_up():
    grid = Grid(PERIOD)
    grid.ticked(0.0, 0.05)
    for number in range(1, 100):
        due = SLACK_SECONDS + number * PERIOD
        began = due + random.Random(number).uniform(0, 0.02)
        assert grid.wait(began - 0.03) == pytest.approx(due - began + 0.03, abs=1e-9)
        grid.ticked(began, began + 0.05)
    assert (grid.late, grid.missed) == (0, 0)


def test_a_tick_that_takes_too_long_is_counted_and_the_next_is_due_at_once():
    grid = Grid(PERIOD)
    grid.ticked(0.0, 0.01)
    due = SLACK_SECONDS + PERIOD
    grid.ticked(due, due + 0.1)
    assert (grid.late, grid.missed) == (1, 0)
    assert grid.wait(due + 0.1) == 0


def test_ticks_that_a_long_one_has_swallowed_are_not_made_up_for():
    grid = Grid(PERIOD)
    grid.ticked(0.0, 0.01)
    due = SLACK_SECONDS + PERIOD
    grid.ticked(due, due + 3.5 * PERIOD)
    assert (grid.late, grid.missed) == (1, 2)
    assert grid.wait(due + 3.5 * PERIOD) == 0
    grid.ticked(due + 3.5 * PERIOD, due + 3.6 * PERIOD)
    assert grid.wait(due + 3.6 * PERIOD) == pytest.approx(0.4 * PERIOD)


def test_a_tick_that_waited_for_a_frame_is_neither_late_nor_missed():
    grid = Grid(PERIOD)
    grid.ticked(0.0, 0.01)
    began = SLACK_SECONDS + 4.25 * PERIOD
    assert grid.wait(began) == 0
    grid.ticked(began, began + 0.01)
    assert (grid.late, grid.missed) == (0, 0)
    assert grid.wait(began) == pytest.approx(0.75 * PERIOD)


def test_a_further_step_is_made_only_where_it_fits():
    grid = Grid(PERIOD)
    grid.ticked(0.0, 0.02)
    assert grid.room(0.06)
    assert not grid.room(0.08)


def test_the_first_call_after_a_rest_waits_for_nothing():
    grid = Grid(PERIOD)
    grid.ticked(0.0, 0.01)
    grid.rest()
    assert grid.wait(0.02) == 0


@pytest.mark.parametrize("seed", range(3))
def test_calls_that_join_and_leave_at_random_lose_no_frame_and_wait_little_beyond_their_tick(seed):
    """200 calls over 64 slots with a step of 60 ms, simulated: arrivals and steps on one made-up clock."""
    chance = random.Random(seed)
    arrivals, slots = [], [0.0] * 64
    for call in range(200):
        slot = min(range(64), key=slots.__getitem__)
        begins = slots[slot] + chance.uniform(0, 2)
        frames = chance.randint(10, 80)
        slots[slot] = begins + frames * PERIOD
        arrivals += [(begins + number * PERIOD, call, number) for number in range(frames)]
    arrivals.sort()
    waiting, grid, now, waits, got, following = Waiting(), Grid(PERIOD), 0.0, [], {}, 0
    while following < len(arrivals) or waiting:
        now = max(now, arrivals[following][0]) if not waiting else now + grid.wait(now)
        while following < len(arrivals) and arrivals[following][0] <= now:
            at, call, number = arrivals[following]
            waiting.add(call, (number, at))
            following += 1
        if grid.wait(now) > 0:
            continue
        taken = waiting.take()
        for call, (number, at) in taken.items():
            got.setdefault(call, []).append(number)
            waits.append(now - at)
        grid.ticked(now, now + 0.06)
        now += 0.06
    assert waiting.dropped == 0
    assert all(numbers == list(range(len(numbers))) for numbers in got.values())
    assert sum(map(len, got.values())) == len(arrivals)
    assert sorted(waits)[int(0.99 * len(waits))] <= PERIOD + 0.02
    assert (grid.late, grid.missed) == (0, 0)
