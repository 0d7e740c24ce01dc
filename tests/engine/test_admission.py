"""How many calls are taken, learnt from how long steps take; steps and their times are made up."""

from itertools import pairwise

import pytest

from bridge.engine.admission import CALM_SECONDS, MOST_PROOF, WINDOW, Admission

PERIOD = 0.08


class Engine:
    """An engine whose step takes as long as `length` says for so many calls, on a clock of its own."""

    def __init__(self, slots=8, length=lambda calls: 0.02):
        self.admission = Admission(slots, PERIOD)
        self.length, self.now = length, 0.0

    def ticks(self, count, calls):
        for _ in range(count):
            length = self.length(calls)
            self.admission.stepped(self.now, self.now + length, calls)
            self.now += max(PERIOD, length)

    def crowd(self, windows):
        """As many callers as are taken, and more at the door. The seats at the end of each window."""
        seated = []
        for _ in range(windows):
            self.ticks(WINDOW, self.admission.limit)
            seated.append(self.admission.limit)
        return seated

    @property
    def shedding(self):
        return self.admission.shedding(self.now)


def test_every_slot_is_given_away_while_steps_are_quick():
    engine = Engine(slots=8)
    assert engine.crowd(5) == [8] * 5
    assert not engine.shedding


def test_one_step_over_the_period_is_no_reason_to_shed():
    engine = Engine(length=lambda calls: 0.081)
    engine.ticks(1, 8)
    assert not engine.shedding
    engine.length = lambda calls: 0.02
    engine.ticks(1, 8)
    engine.length = lambda calls: 0.081
    engine.ticks(1, 8)
    assert not engine.shedding
    assert engine.admission.limit == 8


def test_two_steps_over_the_period_in_a_row_take_no_new_calls():
    engine = Engine(length=lambda calls: 0.081)
    engine.ticks(2, 6)
    assert engine.shedding


def test_new_calls_are_taken_again_once_steps_have_been_in_time_for_a_while():
    engine = Engine(length=lambda calls: 0.081)
    engine.ticks(2, 6)
    engine.length = lambda calls: 0.02
    engine.ticks(round(CALM_SECONDS / PERIOD) - 5, 5)
    assert engine.shedding
    engine.ticks(10, 5)
    assert not engine.shedding


def test_while_shedding_a_single_late_step_begins_the_wait_anew():
    engine = Engine(length=lambda calls: 0.081)
    engine.ticks(2, 6)
    engine.length = lambda calls: 0.02
    engine.ticks(100, 5)
    engine.length = lambda calls: 0.081
    engine.ticks(1, 5)
    engine.length = lambda calls: 0.02
    engine.ticks(100, 5)
    assert engine.shedding


def test_shedding_ends_without_any_steps():
    engine = Engine(length=lambda calls: 0.081)
    engine.ticks(2, 1)
    assert engine.shedding
    engine.now += CALM_SECONDS
    assert not engine.shedding


def test_the_limit_falls_to_what_is_stepped_in_time_before_any_step_is_late():
    """A step of ten calls takes 75 ms: under the period, but above nine tenths of it."""
    engine = Engine(slots=10, length=lambda calls: 0.0075 * calls)
    assert engine.crowd(4) == [9, 9, 9, 9]
    assert not engine.shedding


def test_the_limit_falls_until_steps_are_in_time():
    engine = Engine(slots=12, length=lambda calls: 0.0101 * calls)
    assert engine.crowd(7) == [11, 10, 9, 8, 7, 7, 7]
    assert not engine.shedding


def test_steps_that_are_long_now_and_then_do_not_lower_the_limit():
    """What else the machine does makes every twentieth step late; fewer calls would not help."""
    steps = iter(range(10_000))
    engine = Engine(slots=8, length=lambda calls: 0.1 if next(steps) % 20 == 0 else 0.03)
    assert engine.crowd(5) == [8] * 5
    assert not engine.shedding


def test_a_full_house_that_is_stepped_easily_raises_the_limit_again():
    engine = Engine(slots=8, length=lambda calls: 0.075)
    engine.crowd(3)
    assert engine.admission.limit == 5
    engine.length = lambda calls: 0.03
    assert engine.crowd(5) == [6, 7, 8, 8, 8]


def test_an_empty_house_proves_nothing():
    engine = Engine(slots=8, length=lambda calls: 0.075)
    engine.crowd(3)
    engine.length = lambda calls: 0.03
    engine.ticks(10 * WINDOW, 2)
    assert engine.admission.limit == 5


def test_a_step_that_is_between_easy_and_full_leaves_the_limit_as_it_is():
    engine = Engine(slots=8, length=lambda calls: 0.075)
    engine.crowd(1)
    engine.length = lambda calls: 0.066
    assert engine.crowd(5) == [7] * 5


def test_a_limit_that_proves_too_high_again_and_again_is_tried_ever_more_rarely():
    """The step takes 30 ms up to four calls and 76 ms above, as where the next batch size is twice as large."""
    engine = Engine(slots=8, length=lambda calls: 0.03 if calls <= 4 else 0.076)
    limits = engine.crowd(300)
    tries = [window for window, limit in enumerate(limits) if limit == 5]
    pauses = [after - before for before, after in pairwise(tries[1:])]
    assert pauses == sorted(pauses)
    assert len(tries) < 12
    assert MOST_PROOF >= pauses[-1] >= 64
    assert max(limits[8:]) == 5


@pytest.mark.parametrize("length", [0.075, 0.09])
def test_one_call_is_always_taken(length):
    engine = Engine(slots=3, length=lambda calls: length)
    engine.crowd(10)
    assert engine.admission.limit == 1
