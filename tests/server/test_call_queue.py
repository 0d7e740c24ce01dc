"""The queue of callers who wait, on a clock that the test turns."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.server.call_queue import WAIT_BOUNDS, CallQueue

LIMIT, LONGEST, BACK_IN = 5, 60.0, 20.0


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return CallQueue(LIMIT, clock)


def join(queue, *keys):
    return [queue.join(key, key.upper(), LONGEST, BACK_IN) for key in keys]


def ask(queue, key, free=0):
    turn = queue.ask(key, free, BACK_IN)
    return turn and (turn.what, turn.place)


def test_places_are_given_in_the_order_of_arrival_and_move_up(queue):
    join(queue, "a", "b", "c")
    assert [ask(queue, key) for key in "abc"] == [("wait", 1), ("wait", 2), ("wait", 3)]
    assert ask(queue, "a", free=1) == ("seat", 1)
    assert [ask(queue, key) for key in "abc"] == [None, ("wait", 1), ("wait", 2)]


def test_nobody_takes_a_slot_from_those_before_them_and_nobody_waits_for_them_to_ask(queue):
    join(queue, "a", "b", "c")
    assert ask(queue, "b", free=1) == ("wait", 2)
    assert ask(queue, "b", free=2) == ("seat", 2)
    assert ask(queue, "c", free=1) == ("wait", 2)
    assert ask(queue, "a", free=1) == ("seat", 1)


def test_a_call_that_asks_to_join_again_keeps_its_place(queue):
    join(queue, "a", "b", "a")
    assert queue.place("a") == 1
    assert len(queue) == 2


def test_whoever_comes_to_a_full_queue_is_turned_away_and_nobody_loses_a_place(queue):
    assert join(queue, *"abcdef") == [True] * LIMIT + [False]
    assert queue.place("e") == 5
    assert queue.counters.refused == 1


def test_a_call_that_does_not_come_back_is_gone_and_the_next_one_moves_up(queue, clock):
    join(queue, "a", "b")
    clock.now += BACK_IN - 1
    assert ask(queue, "b") == ("wait", 2)
    clock.now += 2
    assert ask(queue, "b") == ("wait", 1)
    assert queue.gone() == ["A"]
    assert queue.gone() == []
    assert ask(queue, "a") is None


def test_a_call_that_hangs_up_leaves_at_once(queue):
    join(queue, "a", "b")
    assert queue.leave("a") == "A"
    assert queue.leave("a") is None
    assert queue.place("b") == 1
    assert queue.gone() == []


def test_a_call_waits_no_longer_than_it_may_unless_a_slot_is_free_just_then(queue, clock):
    join(queue, "a", "b")
    for _ in range(6):
        clock.now += 10
        first, second = ask(queue, "a"), ask(queue, "b", free=2 if clock.now == 1060 else 0)
    assert (first, second) == (("too_long", 1), ("seat", 1))
    assert len(queue) == 0


def test_waits_are_counted_by_their_length(queue, clock):
    join(queue, "a", "b")
    clock.now += 4
    ask(queue, "a", free=1)
    clock.now += 12
    ask(queue, "b", free=1)
    counters = queue.counters
    assert counters.waits == [1, 0, 1, *[0] * (len(WAIT_BOUNDS) - 2)]
    assert (counters.joined, counters.seated, counters.wait_seconds) == (2, 2, 20)


class Office(RuleBasedStateMachine):
    """Callers come, ask, hang up or fall silent; slots are taken and become free. Everything that happens is kept."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.queue = CallQueue(LIMIT, self.clock)
        self.free = 0
        self.order, self.joined, self.last, self.ended = [], {}, {}, {}

    def waiting(self):
        return [key for key in self.order if key not in self.ended]

    @rule()
    def a_call_comes(self):
        key = f"call {len(self.order)}"
        full = len(self.queue) >= LIMIT
        assert self.queue.join(key, key, LONGEST, BACK_IN) is not full
        if not full:
            self.order.append(key)
            self.joined[key] = self.last[key] = self.clock.now

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds):
        self.clock.now += seconds
        for key in self.waiting():
            if self.clock.now > self.last[key] + BACK_IN:
                self.ended[key] = "gone"

    @rule()
    def a_call_ends(self):
        self.free += 1

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def somebody_asks(self, data):
        waiting = self.waiting()
        key = data.draw(st.sampled_from(waiting))
        turn = self.queue.ask(key, self.free, BACK_IN)
        before = waiting.index(key)
        assert turn.call == key
        assert turn.place == before + 1
        assert turn.waited == self.clock.now - self.joined[key]
        self.last[key] = self.clock.now
        if before < self.free:
            assert turn.what == "seat"
            self.free -= 1
            assert self.free >= before  # each of those before has a slot left
        else:
            assert turn.what == ("too_long" if turn.waited >= LONGEST else "wait")
        if turn.what != "wait":
            self.ended[key] = turn.what

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def somebody_hangs_up(self, data):
        key = data.draw(st.sampled_from(self.waiting()))
        assert self.queue.leave(key) == key
        self.ended[key] = "left"

    @invariant()
    def those_who_wait_are_those_who_came_and_did_not_end_in_order(self):
        assert self.queue.calls == self.waiting()
        assert len(self.queue) <= LIMIT

    @invariant()
    def everything_is_counted_once(self):
        counters, ends = self.queue.counters, list(self.ended.values())
        assert counters.joined == len(self.order)
        assert counters.seated == ends.count("seat") == sum(counters.waits)
        assert counters.too_long == ends.count("too_long")
        assert counters.gone == ends.count("gone") + ends.count("left")


Office.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
test_everything_that_can_happen = Office.TestCase
