"""The protocol of the phone in the browser, without a socket."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audio import mulaw
from bridge.audio.resample import model_to_phone
from bridge.carrier.browser import MAX_MALFORMED, MAX_TEXT, Answer, BrowserPhone
from bridge.carrier.rate import BURST, PER_SECOND
from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Clear, Digit, Ended, Malformed, Played, SendAudio, SendMark, Started
from bridge.transcript import records

START = {"type": "start", "persona": "dental"}


def phone(**start):
    one = BrowserPhone()
    assert one.receive(json.dumps(START | start), 0.0) == [Started("", "")]
    return one


def say(one, now_ms=0.0, **message):
    return one.receive(json.dumps(message), now_ms)


def noise(samples, seed=1):
    return np.random.default_rng(seed).integers(-32768, 32767, samples).astype("<i2").tobytes()


def test_start_says_whom_the_client_wants():
    one = phone(voice="NATM1", seed=7, record=True, format="ulaw8")
    assert (one.wanted.persona, one.wanted.voice, one.wanted.seed, one.wanted.record) == ("dental", "NATM1", 7, True)
    assert not one.wide
    assert phone().wide
    assert phone().wanted.record is None


def test_a_prompt_of_the_longest_length_fits_in():
    one = BrowserPhone()
    one.receive(json.dumps({"type": "start", "text_prompt": "ü" * 2000}), 0.0)
    assert len(one.wanted.text_prompt) == 2000


@pytest.mark.parametrize(
    "first",
    [
        "{",
        "[]",
        "7",
        '{"type": "audio"}',
        '{"type": "start", "format": "mp3"}',
        '{"type": "start", "persona": 7}',
        '{"type": "start", "seed": 1e400}',
        json.dumps(START | {"text_prompt": "x" * MAX_TEXT}),
        '{"type": "ping"}',
        '{"type": "mark", "name": "g0:m1"}',
        '{"type": "hangup"}',
    ],
)
def test_whoever_does_not_begin_with_a_start_is_not_listened_to(first):
    with pytest.raises(CarrierError):
        BrowserPhone().receive(first, 0.0)


def test_audio_before_the_start_and_a_second_start_end_the_call():
    with pytest.raises(CarrierError, match="audio came before start"):
        BrowserPhone().receive_audio(bytes(960), 0.0)
    with pytest.raises(CarrierError, match="start came twice"):
        say(phone(), **START)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2400), max_size=30))
def test_however_audio_is_cut_both_sides_hold_the_same_stretch_and_no_sample_is_lost(lengths):
    one, sent, heard = phone(), noise(sum(lengths)), []
    place = now_ms = 0
    for length in lengths:
        now_ms += length / 24
        heard += one.receive_audio(sent[2 * place : 2 * (place + length)], now_ms)
        place += length
    whole = place // 3
    assert b"".join(audio.wide for audio in heard) == sent[: 6 * whole]
    assert all(len(audio.wide) == 6 * len(audio.ulaw) > 0 for audio in heard)
    samples = np.frombuffer(sent[: 6 * whole], "<i2").astype(np.float32) / np.float32(32768)
    assert b"".join(audio.ulaw for audio in heard) == mulaw.encode_float(model_to_phone().process(samples))
    at = 0
    for audio in heard:
        assert audio.at_ms == at // 8
        at += len(audio.ulaw)


def test_8_khz_audio_is_taken_as_it_is():
    one = phone(format="ulaw8")
    assert one.receive_audio(b"\x10" * 160, 20.0) == [Audio(0, b"\x10" * 160)]
    assert one.receive_audio(b"\x11" * 800, 120.0) == [Audio(20, b"\x11" * 800)]
    assert one.receive_audio(b"", 120.0) == []


@pytest.mark.parametrize(
    ("form", "data"), [("pcm24", bytes(4802)), ("pcm24", bytes(961)), ("ulaw8", bytes(801)), ("pcm24", bytes(60_000))]
)
def test_audio_that_is_too_long_or_ends_in_half_a_sample_is_passed_over(form, data):
    [bad] = phone(format=form).receive_audio(data, 0.0)
    assert isinstance(bad, Malformed)


def test_the_other_messages_become_events():
    one = phone()
    assert say(one, type="mark", name="g3:m12") == [Played(3, 12)]
    assert say(one, type="digit", digit="#") == [Digit("#")]
    assert say(one, type="ping", t=1234.5) == [Answer('{"type":"pong","t":1234.5}')]
    assert say(one, type="hangup") == [Ended("the caller hung up")]
    assert say(one, type="digit", digit="1") == one.receive_audio(bytes(960), 0.0) == []


@pytest.mark.parametrize(
    "message",
    [
        {"type": "digit", "digit": "12"},
        {"type": "digit"},
        {"type": "mark", "name": "mine"},
        {"type": "mark", "name": "g0:m" + "1" * 40},
        {"type": "mark", "name": "g-1:m1"},
        {"type": "sing"},
        {"type": "ping", "t": "now"},
        {},
    ],
)
def test_what_is_not_understood_is_passed_over_and_too_much_of_it_ends_the_call(message):
    one = phone()
    for _ in range(MAX_MALFORMED):
        [bad] = one.receive(json.dumps(message), 0.0)
        assert isinstance(bad, Malformed)
    with pytest.raises(CarrierError, match="more than 20 unreadable messages"):
        one.receive(json.dumps(message), 0.0)


def test_messages_that_come_too_fast_for_long_end_the_call():
    one, now_ms = phone(), 0.0
    for _ in range(10_000):  # the finest that a browser sends
        now_ms += 1000 / 375
        one.receive_audio(bytes(128), now_ms)
    with pytest.raises(CarrierError, match="more than 500 messages a second"):
        for _ in range(int(BURST) + 2):
            one.receive_audio(bytes(2), now_ms)
    one = phone()
    with pytest.raises(CarrierError, match="messages a second"):
        for number in range(20_000):
            say(one, 1000 * number / (1.2 * PER_SECOND), type="ping", t=1)


def test_what_a_wide_phone_is_sent():
    wide = noise(3840)
    words, first, second = phone().send(SendAudio(bytes(1280), wide, " Hello"))
    assert json.loads(words) == {"type": "text", "text": " Hello"}
    assert (first, second) == (wide[:3840], wide[3840:])
    assert phone().send(SendMark(1, 4)) == ['{"type":"mark","name":"g1:m4"}']
    assert phone().send(Clear()) == ['{"type":"clear"}']


def test_what_a_narrow_phone_is_sent():
    assert phone(format="ulaw8").send(SendAudio(b"\x10" * 1000)) == [b"\x10" * 640, b"\x10" * 360]


def test_records_and_the_end_are_shown_as_json():
    one = phone()
    said = records.CallerSaid('He said "hi"', 0, 800)
    assert json.loads(one.record(said)) == {
        "type": "record",
        "record": {"type": "caller_said", "text": 'He said "hi"', "start_ms": 0, "end_ms": 800},
    }
    ended = records.Ended("idle", "nobody spoke", "2026-01-01T00:00:00.000Z", 1.0)
    assert json.loads(one.ended(ended)) == {"type": "ended", "how": "idle", "reason": "nobody spoke"}
    assert json.loads(one.started(call_id="1", persona="dental"))["type"] == "started"


@settings(max_examples=80)
@given(st.lists(st.one_of(st.text(max_size=60), st.binary(max_size=5000)), max_size=30))
def test_nothing_that_comes_breaks_it(messages):
    one = phone()
    for message in messages:
        try:
            said = one.receive(message, 0.0) if isinstance(message, str) else one.receive_audio(message, 0.0)
        except CarrierError:
            return
        assert all(isinstance(each, Malformed | Audio) for each in said)
