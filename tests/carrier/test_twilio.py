"""The Twilio stream protocol: every message of the documentation, every mistake, and anything else at all."""

import json

import pybase64
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.carrier.twilio import MAX_MALFORMED, TwilioStream
from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Clear, Digit, Ended, Malformed, Played, SendAudio, SendMark, Started

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": "MZ1",
    "start": {
        "streamSid": "MZ1",
        "accountSid": "AC1",
        "callSid": "CA1",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"from": "+12025550100"},
    },
}


def media(payload, timestamp="20"):
    return {
        "event": "media",
        "sequenceNumber": "3",
        "streamSid": "MZ1",
        "media": {"track": "inbound", "chunk": "1", "timestamp": timestamp, "payload": payload},
    }


def opened():
    stream = TwilioStream()
    stream.receive(json.dumps(CONNECTED))
    stream.receive(json.dumps(START))
    return stream


def test_start_tells_who_calls():
    stream = TwilioStream()
    assert stream.receive(json.dumps(CONNECTED)) == []
    assert stream.receive(json.dumps(START)) == [Started("MZ1", "CA1", {"from": "+12025550100"})]


@given(st.binary(max_size=5000), st.integers(0, 10**8))
def test_media_of_any_length_arrives_with_its_time(ulaw, at):
    message = media(pybase64.b64encode_as_string(ulaw), str(at))
    assert opened().receive(json.dumps(message)) == [Audio(at, ulaw)]


def test_keys_marks_and_stop_become_events():
    stream = opened()
    assert stream.receive('{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"5"}}') == [Digit("5")]
    assert stream.receive('{"event":"mark","streamSid":"MZ1","mark":{"name":"g3:m7"}}') == [Played(3, 7)]
    assert stream.receive('{"event":"stop","streamSid":"MZ1"}') == [Ended("the carrier ended the stream")]
    assert stream.state == "ended"


@pytest.mark.parametrize("message", [media("//8="), {"event": "dtmf", "dtmf": {"digit": "1"}}, {"event": "mark"}])
def test_nothing_may_come_before_start(message):
    with pytest.raises(CarrierError, match="before start"):
        TwilioStream().receive(json.dumps(message))


def test_start_may_not_come_twice():
    with pytest.raises(CarrierError, match="twice"):
        opened().receive(json.dumps(START))


def test_a_stream_that_is_not_mulaw_is_refused():
    other = json.loads(json.dumps(START))
    other["start"]["mediaFormat"]["encoding"] = "audio/L16"
    with pytest.raises(CarrierError, match="mu-law") as refusal:
        TwilioStream().receive(json.dumps(other))
    assert refusal.value.close_code == 1003


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"media"',
        '{"event": 5}',
        json.dumps(media("%%%")),
        json.dumps(media("abc")),
        json.dumps(media("//8=", "-20")),
        json.dumps(media("//8=", "soon")),
        json.dumps(media("//8=", "9" * 30)),
        '{"event":"media"}',
        '{"event":"mark","mark":{"name":"of another"}}',
        '{"event":"mark","mark":{"name":"g1:m' + "9" * 60 + '"}}',
        '{"event":"dtmf","dtmf":{"digit":"55"}}',
    ],
)
def test_a_message_that_cannot_be_read_is_passed_over_and_told(text):
    stream = opened()
    [event] = stream.receive(text)
    assert isinstance(event, Malformed)
    assert stream.receive(json.dumps(media("//8="))) == [Audio(20, b"\xff\xff")]


def test_too_many_unreadable_messages_end_the_stream():
    stream = opened()
    for _ in range(MAX_MALFORMED):
        stream.receive("{")
    with pytest.raises(CarrierError, match="unreadable") as end:
        stream.receive("{")
    assert end.value.close_code == 1007


def test_unknown_events_and_other_tracks_are_counted_and_passed_over():
    stream = opened()
    assert stream.receive('{"event":"sparkle","streamSid":"MZ1"}') == []
    outbound = media("//8=")
    outbound["media"]["track"] = "outbound"
    assert stream.receive(json.dumps(outbound)) == []
    assert stream.unknown == 2


@settings(max_examples=100)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=200),
            st.builds(
                lambda event, rest: json.dumps({"event": event} | rest),
                st.sampled_from(["connected", "start", "media", "mark", "dtmf", "stop", "x"]),
                st.dictionaries(
                    st.sampled_from(["start", "media", "mark", "dtmf", "streamSid", "z"]),
                    st.recursive(
                        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
                        lambda inner: st.dictionaries(st.text(max_size=9), inner, max_size=4) | st.lists(inner),
                        max_leaves=8,
                    ),
                    max_size=4,
                ),
            ),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_no_message_does_anything_but_an_event_or_a_carrier_error(messages, started):
    stream = opened() if started else TwilioStream()
    try:
        for message in messages:
            for event in stream.receive(message):
                assert isinstance(event, Started | Audio | Digit | Played | Ended | Malformed)
    except CarrierError as error:
        assert 1000 <= error.close_code < 5000


@given(st.binary(min_size=1, max_size=2000))
def test_what_is_sent_is_what_twilio_documents(ulaw):
    sent = json.loads(opened().send(SendAudio(ulaw)))
    assert sent == {"event": "media", "streamSid": "MZ1", "media": {"payload": pybase64.b64encode_as_string(ulaw)}}


def test_marks_and_clear_are_sent_as_documented():
    stream = opened()
    assert json.loads(stream.send(SendMark(3, 7))) == {
        "event": "mark",
        "streamSid": "MZ1",
        "mark": {"name": "g3:m7"},
    }
    assert json.loads(stream.send(Clear())) == {"event": "clear", "streamSid": "MZ1"}


def test_a_stream_id_with_odd_characters_stays_data():
    odd = json.loads(json.dumps(START))
    odd["streamSid"] = 'M"Z\\u0000é'
    stream = TwilioStream()
    stream.receive(json.dumps(odd))
    assert json.loads(stream.send(SendAudio(b"a")))["streamSid"] == odd["streamSid"]


def test_nothing_is_sent_before_start_or_after_stop():
    with pytest.raises(CarrierError):
        TwilioStream().send(Clear())
    stream = opened()
    stream.receive('{"event":"stop"}')
    with pytest.raises(CarrierError):
        stream.send(SendAudio(b"a"))
