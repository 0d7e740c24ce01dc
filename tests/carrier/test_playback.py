"""Marks for clients that return none: due when what was sent before them has been played."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.carrier.playback import Playback
from bridge.facts.events import Played


def test_a_mark_is_due_when_the_sound_before_it_has_been_played():
    playback = Playback()
    playback.sent(80, 1000)
    playback.mark(0, 0, 1000)
    playback.sent(80, 1010)
    playback.mark(0, 1, 1010)
    assert playback.due_ms == 1080
    assert playback.played(1079) == []
    assert playback.played(1080) == [Played(0, 0)]
    assert playback.played(2000) == [Played(0, 1)]
    assert playback.due_ms is None


def test_what_was_cleared_is_never_reported_as_played():
    playback = Playback()
    playback.sent(800, 0)
    playback.mark(0, 0, 0)
    playback.clear(100)
    playback.sent(80, 100)
    playback.mark(1, 1, 100)
    assert playback.played(10_000) == [Played(1, 1)]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=30))
def test_marks_come_once_each_in_order_and_never_early(sends):
    playback, now, sent_ms, told = Playback(), 0, 0, []
    for number, (pause, milliseconds) in enumerate(sends):
        now += pause
        playback.sent(milliseconds, now)
        playback.mark(0, number, now)
        sent_ms += milliseconds
        told += playback.played(now)
        assert sum(each[1] for each in sends[: len(told)]) <= now
    assert told + playback.played(now + sent_ms) == [Played(0, number) for number in range(len(sends))]
