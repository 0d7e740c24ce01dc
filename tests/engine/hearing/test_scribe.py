"""The caller's side of a transcript, beside an engine: real recordings through real models."""

import threading

import numpy as np
import pytest

from bridge.engine.hearing import scribe as module
from bridge.engine.hearing.scribe import MAX_FRAMES, Scribe

FRAME = 1920


@pytest.fixture(scope="module")
def scribe():
    scribe = Scribe(3)
    yield scribe
    scribe.shutdown()


def frames(samples):
    padded = np.concatenate((samples, np.zeros(-len(samples) % FRAME + 10 * FRAME, np.float32)))
    return padded.reshape(-1, FRAME)


def until_heard(scribe):
    """Wait until both threads have done what was asked of them so far."""
    for pool in (scribe._hearing, scribe._recognising):
        pool.submit(lambda: None).result(30)


def test_words_of_a_caller_come_with_the_time_at_which_they_were_said(scribe, clip_24k):
    listener = scribe.listen(416)
    for frame in (*np.zeros((25, FRAME), np.float32), *frames(clip_24k("u02"))):
        listener.push(frame)
    until_heard(scribe)
    (said,) = listener.take()
    assert said.text == "What are your opening hours on Saturday?"
    # Two seconds of silence go before the recording, whose speech lasts from 700 to 2900 ms.
    assert said.start_ms == pytest.approx(2700, abs=150)
    assert said.end_ms == pytest.approx(4900, abs=150)
    assert listener.take() == ()
    assert listener.missed == 0
    listener.close()


def test_calls_do_not_hear_each_other(scribe, clip_24k):
    one, other = scribe.listen(416), scribe.listen(416)
    for mine, theirs in zip(frames(clip_24k("u02")), frames(clip_24k("u05")), strict=False):
        one.push(mine)
        other.push(theirs)
    until_heard(scribe)
    (said,) = one.take()
    assert said.text == "What are your opening hours on Saturday?"
    assert all("opening hours" not in text.text for text in other.take())
    one.close()
    other.close()


def test_nothing_is_told_of_a_call_that_is_over_and_its_detector_serves_the_next(scribe, clip_24k):
    former = scribe.listen(416)
    for frame in frames(clip_24k("u02"))[:20]:
        former.push(frame)
    former.close()
    former.push(np.zeros(FRAME, np.float32))
    until_heard(scribe)
    assert former.take() == ()
    spare = len(scribe._detectors)
    later = scribe.listen(416)
    later.push(np.zeros(FRAME, np.float32))
    until_heard(scribe)
    assert len(scribe._detectors) == spare - 1
    later.close()


def test_a_key_is_no_speech(scribe):
    listener = scribe.listen(416)
    for _ in range(3):
        listener.push(np.zeros(FRAME, np.float32))
    listener.press()
    until_heard(scribe)
    assert not listener.speaking
    listener.close()


def test_whoever_steps_the_engine_never_waits_for_the_threads(scribe, clip_24k):
    held, go_on = threading.Event(), threading.Event()
    scribe.hear(lambda: (held.set(), go_on.wait(30)))
    assert held.wait(30)
    listener = scribe.listen(416)
    for _ in range(7):
        listener.push(np.full(FRAME, 0.001, np.float32))
    spoken = frames(clip_24k("u02"))
    for frame in (*np.zeros((MAX_FRAMES - len(spoken), FRAME), np.float32), *spoken):
        listener.push(frame)
    assert listener.missed == 7
    assert listener.take() == ()
    go_on.set()
    until_heard(scribe)
    # What was dropped is time all the same: words stand where they were said.
    (said,) = listener.take()
    assert said.end_ms == pytest.approx(80 * (MAX_FRAMES + 7 - len(spoken)) + 2900, abs=150)
    listener.close()


def test_what_fails_is_logged_without_the_callers_words(scribe, caplog, monkeypatch):
    def fail(self, samples):
        raise RuntimeError("the caller said something private")

    monkeypatch.setattr(module.Recogniser, "recognise", fail)
    told = []
    scribe.recognise(np.zeros(16000, np.float32), told.append)
    until_heard(scribe)
    assert told == [""]
    assert "RuntimeError" in caplog.text
    assert "private" not in caplog.text
