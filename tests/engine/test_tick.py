"""The tick's bookkeeping: which frame goes into which step, and when the step begins."""

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio.intake import lead_in_ms
from bridge.engine.tick import EARLY, MAX_WAITING, PATIENCE, Schedule
from bridge.facts.ticks import Ticks

PERIOD = 0.08
TICKS = Ticks(at=100.0, period=PERIOD)


def schedule(*calls, ticks=TICKS):
    made = Schedule(ticks)
    for call in calls:
        made.open(call)
    return made


def frames(taken):
    return {call: one.frame for call, one in taken.items()}


def step(schedule, at, length=0.01):
    """The frames of a step that begins at `at`."""
    taken = schedule.take(at)
    assert taken
    schedule.stepped(at, at + length)
    return frames(taken)


# -- without a tick


def test_without_a_tick_a_step_is_due_whenever_a_frame_waits():
    plain = schedule(1, 2, ticks=None)
    assert plain.wait(5.0) == float("inf")
    for call, frame in ((1, "a"), (2, "x"), (1, "b")):
        plain.add(call, frame, 5.0)
    assert plain.wait(5.0) == 0
    assert step(plain, 5.0) == {1: "a", 2: "x"}
    assert step(plain, 5.01) == {1: "b"}
    assert plain.take(5.02) == {}


def test_of_too_many_frames_the_oldest_are_dropped_and_counted():
    plain = schedule(1, ticks=None)
    for frame in range(MAX_WAITING + 3):
        plain.add(1, frame, 0.0)
    assert plain.dropped == 3
    assert step(plain, 0.0) == {1: 3}


def test_nothing_is_kept_of_a_call_that_is_over():
    plain = schedule(1, ticks=None)
    plain.add(1, "a", 0.0)
    plain.close(1)
    plain.close(2)
    assert plain.calls == 0
    assert plain.take(1.0) == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.2)), max_size=100), st.floats(0.001, 0.2), st.booleans())
def test_frames_of_a_call_stay_in_order_and_none_is_lost_uncounted(arrivals, length, ticking):
    one = schedule(0, 1, 2, 3, ticks=TICKS if ticking else None)
    sent, got, now = 0, {}, 99.9
    for call, pause in arrivals:
        one.add(call, sent, now)
        sent += 1
        if taken := one.take(now):
            one.stepped(now, now + length)
            for owner, frame in frames(taken).items():
                got.setdefault(owner, []).append(frame)
        now += pause + length
    while (wait := one.wait(now)) < float("inf"):
        now += wait
        for owner, frame in step(one, now, length).items():
            got.setdefault(owner, []).append(frame)
        now += length
    assert all(row == sorted(row) for row in got.values())
    assert sum(map(len, got.values())) + one.dropped == sent


# -- when a tick begins


def test_a_tick_begins_when_it_is_due():
    one = schedule(1, 2)
    one.add(1, "a", 99.985)
    assert one.take(99.99) == {}
    assert one.wait(99.99) == pytest.approx(0.01)
    assert step(one, 100.0) == {1: "a"}


def test_a_tick_begins_as_soon_as_every_call_has_its_frame():
    one = schedule(1, 2)
    one.add(1, "a", 99.985)
    one.add(2, "b", 99.99)
    assert one.wait(99.99) == 0
    assert step(one, 99.99) == {1: "a", 2: "b"}
    one.add(1, "c", 100.06 + 0.005)
    one.add(2, "d", 100.06 + 0.005)
    assert step(one, 100.065) == {1: "c", 2: "d"}


def test_a_tick_never_begins_more_than_a_packet_early():
    one = schedule(1)
    one.add(1, "a", 99.99)
    step(one, 99.99, 0.07)
    one.add(1, "b", 100.05)
    assert one.wait(100.05) == pytest.approx(100.08 - EARLY - 100.05)


def test_a_tick_waits_a_little_for_a_call_that_was_in_the_last_one():
    one = schedule(1, 2)
    for call in (1, 2):
        one.add(call, "a", 99.99)
    step(one, 99.99)
    one.add(1, "b", 100.07)
    assert one.wait(100.08) == pytest.approx(PATIENCE)
    one.add(2, "b", 100.085)
    taken = one.take(100.085)
    assert frames(taken) == {1: "b", 2: "b"}
    assert [taken[call].ahead for call in (1, 2)] == pytest.approx([0.01, -0.005])
    assert [taken[call].waited for call in (1, 2)] == pytest.approx([0.015, 0])


def test_nobody_waits_for_a_call_that_missed_the_last_tick():
    one = schedule(1, 2)
    for call in (1, 2):
        one.add(call, "a", 99.99)
    step(one, 99.99)
    one.add(1, "b", 100.07)
    assert step(one, 100.08 + PATIENCE) == {1: "b"}
    one.add(1, "c", 100.15)
    assert one.wait(100.15) == pytest.approx(0.01)


def test_no_tick_waits_for_a_call_longer_than_its_step_leaves_time():
    one = schedule(1, 2)
    for call in (1, 2):
        one.add(call, "a", 99.99)
    step(one, 99.99, length=0.076)
    one.add(1, "b", 100.07)
    assert one.wait(100.08) == pytest.approx(0.004)


def test_a_frame_that_missed_its_tick_is_stepped_by_itself_where_there_is_time():
    one = schedule(1, 2)
    one.add(1, "a", 99.99)
    step(one, 100.0, length=0.02)
    one.add(2, "x", 100.03)
    assert step(one, 100.03, length=0.02) == {2: "x"}
    one.add(1, "b", 100.07)  # the tick itself has not moved
    assert one.wait(100.07) == pytest.approx(0.01)


def test_a_frame_that_missed_its_tick_goes_into_the_next_where_there_is_no_time():
    one = schedule(1, 2)
    one.add(1, "a", 99.99)
    step(one, 100.0, length=0.05)
    one.add(2, "x", 100.05)
    assert one.take(100.05) == {}
    one.add(1, "b", 100.07)
    assert step(one, 100.07) == {1: "b", 2: "x"}


def test_a_first_frame_that_missed_its_tick_does_not_make_its_call_late():
    one = schedule(1, 2)
    one.add(1, "a", 99.99)
    step(one, 100.0, length=0.06)
    one.add(2, "first", 100.001)
    one.add(1, "b", 100.07)
    one.add(2, "second", 100.081)
    assert step(one, 100.085) == {1: "b", 2: "second"}
    assert one.dropped == 1


def test_a_burst_at_the_beginning_of_a_call_is_kept():
    one = schedule(1)
    for frame in ("first", "second"):
        one.add(1, frame, 99.99)
    assert step(one, 100.0, length=0.06) == {1: "first"}
    assert one.dropped == 0


def test_lateness_does_not_add_up():
    one = schedule(1, 2)
    chance = random.Random(0)
    for number in range(100):
        due = 100.0 + number * PERIOD
        one.add(1, number, due - 0.01)
        assert one.wait(due - 0.01) == pytest.approx(0.01, abs=1e-9)
        step(one, due + chance.uniform(0, 0.02), 0.05)
    assert (one.late, one.missed) == (0, 0)


def test_ticks_after_a_long_one_follow_at_once_and_what_they_cannot_make_up_for_is_counted():
    one = schedule(1)
    for number in range(6):
        one.add(1, number, 99.99)
    step(one, 100.0, length=3.5 * PERIOD)
    assert (one.late, one.missed) == (1, 2)
    now = 100.0 + 3.5 * PERIOD
    assert step(one, now) == {1: 1}  # the tick that was due half a period ago
    assert one.wait(now + 0.01) == pytest.approx(0.5 * PERIOD - EARLY - 0.01)


def test_a_tick_that_waited_for_a_frame_is_neither_late_nor_missed():
    one = schedule(1)
    one.add(1, "a", 104.03)
    assert step(one, 104.03) == {1: "a"}
    one.add(1, "b", 104.079)
    assert step(one, 104.079) == {1: "b"}
    assert (one.late, one.missed) == (0, 0)


# -- many calls at once


class Exchange:
    """200 calls over 64 slots, on one made-up clock: callers' packets, their way into frames, and the engine's loop."""

    def __init__(self, seed, *, jitter=0.0, lined_up=True, step_seconds=0.06):
        self.chance = random.Random(seed)
        self.jitter, self.lined_up, self.step_seconds = jitter, lined_up, step_seconds
        self.events = []  # (time, number, what happens)
        self.sent, self.got, self.waits = 0, {}, []
        self.schedule = Schedule(TICKS)
        self.now = 100.0
        free = [100.0] * 64
        for call in range(200):
            slot = min(range(64), key=free.__getitem__)
            start = free[slot] + self.chance.uniform(0, 2)
            free[slot] = self._place(call, start)

    def _at(self, time, act):
        heapq.heappush(self.events, (time, len(self.events), act))

    def _place(self, call, start):
        """A call whose seat is taken at `start` and whose packets come from a little later on, each in order."""
        first = start + self.chance.uniform(0.02, 0.06)
        lead = lead_in_ms(TICKS.until(first) * 1000, 20) if self.lined_up else 0
        count = self.chance.randint(10, 80)
        come = first
        self._at(start, lambda: self.schedule.open(call))
        for number in range(count):
            spoken = first + (3 - lead / 20 + 4 * number) * 0.02
            # The first packet is that from which everything is reckoned: it is no more punctual than the others.
            come = max(come, spoken + min(self.chance.expovariate(1 / self.jitter), 0.1) if self.jitter else spoken)
            self._at(come, lambda number=number, come=come: self._arrive(call, number, come))
        ends = come + self.chance.uniform(0.02, 0.08)
        self._at(ends, lambda: self._hang_up(call, count, ends))
        self.sent += count
        return ends

    def _arrive(self, call, number, at):
        self.schedule.add(call, number, at)

    def _hang_up(self, call, count, at):
        """The caller hangs up in the middle of a frame, having heard the answer to the last whole one."""
        if self.got.get(call, [0])[-1] == count - 1:
            self.schedule.close(call)
        else:
            self._at(at + 0.01, lambda: self._hang_up(call, count, at + 0.01))

    def run(self):
        while True:
            while self.events and self.events[0][0] <= self.now:
                heapq.heappop(self.events)[2]()
            if taken := self.schedule.take(self.now):
                for call, one in taken.items():
                    self.got.setdefault(call, []).append(one.frame)
                    self.waits.append(one.waited)
                self.schedule.stepped(self.now, self.now + self.step_seconds)
                self.now += self.step_seconds
                continue
            following = self.events[0][0] if self.events else float("inf")
            soonest = min(self.now + self.schedule.wait(self.now), following)
            if soonest == float("inf"):
                return self
            self.now = soonest

    def wait_ms(self, share):
        return 1000 * sorted(self.waits)[int(share * len(self.waits))]


@pytest.mark.parametrize("seed", range(3))
def test_calls_that_join_and_leave_at_random_lose_no_frame_and_wait_no_more_than_a_packet(seed):
    calls = Exchange(seed).run()
    assert calls.schedule.dropped == 0
    assert len(calls.got) == 200
    assert all(row == list(range(len(row))) for row in calls.got.values())
    assert sum(map(len, calls.got.values())) == calls.sent
    assert calls.wait_ms(0.99) <= 20
    assert (calls.schedule.late, calls.schedule.missed) == (0, 0)


def test_calls_on_jittery_lines_lose_nothing_but_first_frames_that_missed_their_tick():
    """Each frame comes up to tens of milliseconds late, 3 ms in the mean, and no second step fits into a period."""
    calls = Exchange(3, jitter=0.003).run()
    assert calls.schedule.dropped == sum(row[0] for row in calls.got.values()) < 20
    assert all(row == list(range(row[0], row[0] + len(row))) for row in calls.got.values())
    assert sum(map(len, calls.got.values())) == calls.sent - calls.schedule.dropped
    assert calls.wait_ms(0.9) <= 30


def test_calls_that_are_not_lined_up_wait_several_times_as_long():
    assert Exchange(0, lined_up=False).run().wait_ms(0.5) > 2 * Exchange(0).run().wait_ms(0.99)
