"""The protocol of raw sound both ways, and what it tells of both sides."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bridge.carrier.conversation import ANSWERED_MS, MAX_AUDIO, MAX_MALFORMED, Conversation
from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Malformed, SendAudio
from bridge.transcript.records import AgentSaid, CallerSaid, DigitPressed


def opened():
    stream = Conversation()
    message, events = stream.open(0.0, {"persona": "dental"})
    assert (json.loads(message), events) == ({"type": "config_ack", "config": {"persona": "dental"}}, [])
    return stream


def told(messages):
    return [json.loads(message) for message in messages]


@hypothesis(max_examples=40)
@given(st.lists(st.integers(0, 3000), max_size=15))
def test_sound_in_pieces_of_any_length_arrives_whole(lengths):
    stream, events, now_ms = opened(), [], 0.0
    samples = np.random.default_rng(1).integers(-32768, 32767, sum(lengths), dtype=np.int16)
    at = 0
    for length in lengths:
        now_ms += length / 24
        events += stream.receive(samples[at : at + length].astype("<i2").tobytes(), now_ms)
        at += length
    whole = len(samples) - len(samples) % 24
    assert b"".join(event.wide for event in events) == samples[:whole].astype("<i2").tobytes()


def test_the_agents_sound_goes_out_as_it_is():
    wide = np.arange(1920, dtype="<i2").tobytes()
    assert opened().send(SendAudio(bytes(640), wide, " Hi"), 0.0) == [wide]


@pytest.mark.parametrize(("message", "code"), [(b"\0" * 3, 1007), (bytes(MAX_AUDIO + 2), 1009)])
def test_half_a_sample_and_too_much_at_once_end_the_stream_in_words(message, code):
    with pytest.raises(CarrierError) as end:
        opened().receive(message, 0.0)
    assert end.value.close_code == code


def test_text_behind_the_first_message_is_passed_over_up_to_a_bound():
    stream = opened()
    for _ in range(MAX_MALFORMED):
        assert [type(event) for event in stream.receive("{}", 0.0)] == [Malformed]
    with pytest.raises(CarrierError, match="more than"):
        stream.receive("{}", 0.0)


def test_nothing_is_sent_before_the_first_message_was_answered():
    with pytest.raises(CarrierError):
        Conversation().send(SendAudio(b"", b""), 0.0)


def test_a_question_and_its_answer_are_told_in_order():
    stream = opened()
    asked = told(stream.tell(CallerSaid("When do you open?", 100, 900), 1000.0))
    assert asked == [
        {"type": "processing"},
        {
            "type": "transcript",
            "data": {
                "speaker": "caller", "text": "When do you open?", "start_ms": 100, "end_ms": 900,
                "user": "When do you open?",
            },
        },
    ]  # fmt: skip
    assert stream.tell(AgentSaid(" At nine,", 1, 1200, 1500), 1500.0) == []
    assert stream.tell(AgentSaid(" daily.", 1, 1500, 1900), 1900.0) == []
    assert stream.answered_ms == 1900.0 + ANSWERED_MS
    answer, done = told(stream.answered())
    assert answer["data"]["assistant"] == answer["data"]["text"] == "At nine, daily."
    assert (answer["data"]["start_ms"], answer["data"]["end_ms"]) == (1200, 1900)
    assert done == {"type": "done"}
    assert stream.answered_ms is None
    assert stream.answered() == []


def test_another_turn_and_another_question_end_the_answer_before():
    stream = opened()
    stream.tell(AgentSaid(" One.", 1, 0, 80), 0.0)
    assert [each["type"] for each in told(stream.tell(AgentSaid(" Two.", 2, 80, 160), 0.0))] == ["transcript", "done"]
    kinds = [each["type"] for each in told(stream.tell(CallerSaid("Three?", 200, 300), 0.0))]
    assert kinds == ["transcript", "done", "processing", "transcript"]


def test_other_records_are_nothing_to_the_client():
    assert opened().tell(DigitPressed("1", 0), 0.0) == []


@given(st.lists(st.one_of(st.binary(max_size=100), st.text(max_size=20)), max_size=30))
def test_whatever_comes_is_an_event_or_the_end_in_words(messages):
    stream = opened()
    for message in messages:
        try:
            events = stream.receive(message, 0.0)
        except CarrierError as end:
            assert end.close_code in (1007, 1009)
            return
        assert all(isinstance(event, Audio | Malformed) for event in events)


def test_more_messages_than_any_client_needs_end_the_stream():
    stream = Conversation()
    for _ in range(1000):
        stream.receive(b"", 0.0)
    stream.receive(b"", 2.0)  # one more in two milliseconds
    with pytest.raises(CarrierError, match="more than 500 messages a second"):
        stream.receive(b"", 2.0)
