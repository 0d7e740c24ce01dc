import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.hearing.ear import Dismissed, Ear, Ended, Onset, Pause, Resumed
from bridge.engine.hearing.voice_activity import WINDOW

MS = 32


class Script:
    """A detector that reads from a list instead of listening: 1 is speech."""

    def __init__(self, windows):
        self.windows = iter(windows)

    def probability(self, window):
        assert window.shape == (WINDOW,)
        return float(next(self.windows))

    def reset(self):
        """Nothing to forget."""


def listen(windows, wait_ms=416):
    ear = Ear(Script(windows), wait_ms)
    return ear, [(at, event) for at in range(len(windows)) for event in ear.hear(np.zeros(WINDOW, np.float32))]


def kinds(events):
    return [type(event) for _, event in events]


def test_three_windows_of_speech_in_a_row_are_an_onset():
    _, events = listen([0, 0, 1, 1, 1])
    assert events == [(4, Onset())]


def test_a_click_of_two_windows_is_no_onset():
    _, events = listen([0, 1, 1, 0, 1, 1, 0, 1, 0] * 5)
    assert events == []


def test_192_ms_of_silence_are_a_pause_and_the_wait_ends_the_turn():
    _, events = listen([0] * 4 + [1] * 10 + [0] * 13)
    assert kinds(events) == [Onset, Pause, Ended]
    (_, (paused, _), (ended, end)) = events
    assert paused == 13 + 6
    assert ended == 13 + 13
    assert end == Ended(4 * MS, 14 * MS)


def test_a_hesitation_shorter_than_the_wait_goes_on_with_the_same_turn():
    _, events = listen([1] * 10 + [0] * 12 + [1] * 5 + [0] * 13)
    assert kinds(events) == [Onset, Pause, Resumed, Pause, Ended]
    assert events[-1][1] == Ended(0, 27 * MS)


def test_a_click_in_a_pause_neither_resumes_nor_prolongs_it():
    _, events = listen([1] * 10 + [0] * 8 + [1, 1] + [0] * 3)
    assert kinds(events) == [Onset, Pause, Ended]


def test_a_pause_hands_over_the_sound_from_before_the_onset():
    windows = [0] * 30 + [1] * 10 + [0] * 6
    ear = Ear(Script(windows), 416)
    sound = np.arange(len(windows) * WINDOW, dtype=np.float32)
    (pause,) = [event for event in ear.hear(sound) if isinstance(event, Pause)]
    preroll_ms = (30 * WINDOW - pause.samples[0]) / 16
    assert 300 <= preroll_ms <= 500
    assert np.array_equal(pause.samples, sound[-len(pause.samples) :])


def test_a_caller_who_never_pauses_is_answered_after_30_seconds():
    _, events = listen([1] * 1000)
    assert kinds(events)[:3] == [Onset, Pause, Ended]
    assert events[2][1].end_ms == pytest.approx(30_000, abs=100)


def test_the_tone_of_a_key_is_not_a_turn():
    ear = Ear(Script([1] * 4 + [0] * 30), 416)
    assert ear.hear(np.ones(4 * WINDOW, np.float32)) == [Onset()]
    assert ear.mute() == [Dismissed()]
    assert not ear.speaking
    assert ear.hear(np.zeros(30 * WINDOW, np.float32)) == []


def test_a_key_pressed_long_after_the_caller_began_does_not_end_their_turn():
    ear = Ear(Script([1] * 60), 416)
    ear.hear(np.ones(40 * WINDOW, np.float32))
    assert ear.mute() == []
    assert ear.speaking


def test_what_is_heard_around_a_key_does_not_reach_the_recogniser():
    ear = Ear(Script([0] * 12 + [1] * 6 + [0] * 6), 416)
    ear.hear(np.ones(10 * WINDOW, np.float32))
    ear.mute()
    events = ear.hear(np.ones(14 * WINDOW, np.float32))
    (pause,) = [event for event in events if isinstance(event, Pause)]
    assert np.flatnonzero(pause.samples)[0] >= 8 * WINDOW


@given(
    st.lists(st.booleans(), max_size=120),
    st.lists(st.integers(0, 3000), max_size=30),
    st.integers(200, 3000),
)
def test_the_events_do_not_depend_on_how_the_sound_is_cut(windows, cuts, wait_ms):
    sound = np.arange(len(windows) * WINDOW, dtype=np.float32)
    whole = Ear(Script(windows), wait_ms).hear(sound)
    ear = Ear(Script(windows), wait_ms)
    pieces = np.split(sound, sorted(min(cut, len(sound)) for cut in np.cumsum(cuts)))
    assert repr([event for piece in pieces for event in ear.hear(piece)]) == repr(whole)


@given(st.lists(st.booleans(), max_size=300), st.integers(200, 3000))
def test_every_turn_is_an_onset_then_pauses_then_one_end(windows, wait_ms):
    _, events = listen(windows, wait_ms)
    word = "".join({Onset: "o", Pause: "p", Resumed: "r", Ended: "e"}[kind] for kind in kinds(events))
    for turn in word.split("e")[:-1]:
        assert turn.replace("rp", "") == "op"


def test_real_recordings_are_one_turn_each(detector, clip_16k):
    for name in ("u01", "u02", "u05", "u10", "u11", "u13", "u17", "u20"):
        detector.reset()
        sound = np.concatenate((clip_16k(name), np.zeros(16000, np.float32)))
        loud = np.flatnonzero(np.abs(sound) > 0.02) / 16
        events = [event for event in Ear(detector, 416).hear(sound) if not isinstance(event, Pause | Resumed)]
        assert [type(event) for event in events] == [Onset, Ended], name
        assert events[1].start_ms == pytest.approx(loud[0], abs=150), name
        assert events[1].end_ms == pytest.approx(loud[-1], abs=250), name


def test_line_noise_is_not_speech(detector):
    detector.reset()
    noise = np.random.default_rng(1).normal(0, 0.003, 16000 * 20).astype(np.float32)
    assert Ear(detector, 416).hear(noise) == []
