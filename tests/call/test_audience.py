"""Those who listen in to a call, and the levels of it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audio import mulaw
from bridge.call.audience import FLOOR_DBFS, LAG, MAX_TAPS, Audience
from bridge.call.recording import RecordingCounters, Timeline

SILENCE = b"\xff" * 640


class Tap:
    def __init__(self):
        self.sound, self.ended = bytearray(), None

    def take(self, stereo):
        self.sound += stereo

    def end(self, why, *, refused=False):
        self.ended = (why, refused)

    @property
    def sides(self):
        return np.frombuffer(bytes(self.sound), "<i2").reshape(-1, 2).T


def speech(samples, seed=1):
    return np.random.default_rng(seed).integers(0, 127, samples).astype(np.uint8).tobytes()


def test_the_caller_is_heard_on_the_left_and_the_agent_on_the_right_a_fifth_of_a_second_later():
    audience, tap = Audience(), Tap()
    assert audience.join(tap)
    caller, agent = speech(6400), speech(6400, seed=2)
    for start in range(0, 6400, 640):
        audience.agent(start, agent[start : start + 640])
        audience.caller(caller[start : start + 640])
        assert len(tap.sound) // 4 == max(0, (start + 640 - LAG) // 640 * 640)
    left, right = tap.sides
    assert np.array_equal(left, mulaw.decode(caller[: len(left)]))
    assert np.array_equal(right, mulaw.decode(agent[: len(right)]))


def test_what_was_taken_back_is_not_heard():
    audience, tap = Audience(), Tap()
    audience.join(tap)
    audience.agent(0, speech(1600))
    audience.caller(SILENCE)
    audience.cut(700)
    for _ in range(5):
        audience.caller(SILENCE)
    assert np.flatnonzero(tap.sides[1]).max() == 699


@settings(max_examples=60)
@given(
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 700), st.booleans()), min_size=1, max_size=30),
)
def test_a_listener_who_comes_later_hears_what_a_recording_of_the_whole_holds(before, steps):
    audience, tap, whole = Audience(), Tap(), Timeline(RecordingCounters())
    ears = (audience, whole)
    for number in range(before):
        audience.caller(speech(640, number))
        whole.caller(speech(640, number))
    audience.join(tap)
    now = before * 640
    for number, (ahead, length, cut) in enumerate(steps):
        for ear in ears:
            if cut:
                ear.cut(now)
            ear.agent(now + ahead, speech(length, 100 + number))
            ear.caller(speech(640, number))
        now += 640
    audience.close("the call is over")
    sides = [b"", b""]
    while block := whole.take_rest():
        sides = [side + part for side, part in zip(sides, block, strict=True)]
    expected = [mulaw.decode(side)[before * 640 :] for side in sides]
    assert np.array_equal(tap.sides[0], expected[0])
    assert np.array_equal(tap.sides[1], expected[1])


def test_another_stream_of_the_call_begins_at_its_own_zero():
    audience, tap = Audience(), Tap()
    audience.join(tap)
    for _ in range(10):
        audience.caller(SILENCE)
    tap.sound.clear()
    audience.stream_begins()
    audience.agent(0, b"\x10" * 640)
    for _ in range(4):
        audience.caller(SILENCE)
    assert np.count_nonzero(tap.sides[1]) == 640


def test_only_so_many_listen_and_nobody_once_it_is_over_or_refused():
    audience, taps = Audience(), [Tap() for _ in range(MAX_TAPS + 1)]
    assert [audience.join(tap) for tap in taps] == [True] * MAX_TAPS + [False]
    audience.leave(taps[0])
    audience.leave(taps[0])
    assert audience.join(taps[-1])
    audience.close("refused", refused=True)
    assert taps[0].ended is None
    assert {tap.ended for tap in taps[1:]} == {("refused", True)}
    assert audience.closed
    assert not audience.join(Tap())


def test_levels_are_the_loudness_of_each_side_since_they_were_last_asked_for():
    audience = Audience()
    audience.meter(on=True)
    tone = mulaw.encode(np.rint(16384 * np.sin(np.arange(6400) * 2 * np.pi / 40)).astype(np.int16))
    for start in range(0, 6400, 640):
        audience.caller(tone[start : start + 640])
    caller, agent = audience.levels()
    assert abs(caller - -9.0) < 0.1  # half of full scale, by the square root of two
    assert agent == FLOOR_DBFS
    assert audience.levels() == (FLOOR_DBFS, FLOOR_DBFS)
    audience.agent(6400, tone)
    for _ in range(10):
        audience.caller(SILENCE)
    caller, agent = audience.levels()
    assert agent > -12 > caller


def test_where_nobody_listens_and_nobody_looks_nothing_is_put_together():
    audience, tap = Audience(), Tap()
    audience.caller(SILENCE)
    assert audience._timeline is None
    audience.join(tap)
    audience.meter(on=True)
    audience.leave(tap)
    assert audience._timeline is not None
    audience.meter(on=False)
    assert audience._timeline is None
