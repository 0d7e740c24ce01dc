"""The chan_websocket protocol: the messages of a real Asterisk 22.10, every mistake, and anything else at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.carrier.asterisk import MAX_COMMAND, MAX_MALFORMED, MAX_SENT, PACKET, AsteriskChannel
from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Clear, Digit, Malformed, Played, SendAudio, SendMark, Started

START = {
    "event": "MEDIA_START",
    "connection_id": "bridge",
    "channel": "WebSocket/bridge/0x7f6980003520",
    "channel_id": "1795276439.1",
    "format": "ulaw",
    "optimal_frame_size": 160,
    "ptime": 20,
    "channel_variables": {"SIP_TO": "+12025550143", "SIP_FROM": "+12025550100", "SIP_CALL_ID": "1-14671@127.0.0.2"},
}


def opened():
    channel = AsteriskChannel()
    channel.receive(json.dumps(START))
    return channel


def test_media_start_tells_who_calls_whom():
    assert AsteriskChannel().receive(json.dumps(START)) == [
        Started("1795276439.1", "1795276439.1", START["channel_variables"])
    ]


def test_what_strangers_wrote_into_sip_headers_is_bounded():
    long = {**START, "channel_variables": {"SIP_FROM": "9" * 10_000}}
    (started,) = AsteriskChannel().receive(json.dumps(long))
    assert started.parameters["SIP_FROM"] == "9" * 200


@given(st.lists(st.binary(max_size=1000), max_size=30))
def test_audio_is_dated_by_the_samples_before_it_and_lost_packets_leave_their_room(messages):
    channel = opened()
    samples = 0
    for ulaw in messages:
        events = channel.receive_audio(ulaw)
        assert events == ([Audio(samples // 8, ulaw)] if ulaw else [])
        samples += len(ulaw) or PACKET
    assert channel.lost_packets == messages.count(b"")


def test_keys_and_marks_become_events():
    channel = opened()
    assert channel.receive('{"event":"DTMF_END","channel_id":"1.1","digit":"5"}') == [Digit("5")]
    assert channel.receive('{"event":"MEDIA_MARK_PROCESSED","channel_id":"1.1","correlation_id":"g3:m7"}') == [
        Played(3, 7)
    ]


@pytest.mark.parametrize("command", [SendAudio(b"\xff" * PACKET), SendMark(0, 1), Clear(), "answer", "hang_up"])
def test_nothing_is_sent_before_media_start(command):
    channel = AsteriskChannel()
    with pytest.raises(CarrierError, match="before MEDIA_START"):
        getattr(channel, command)() if isinstance(command, str) else channel.send(command)


@pytest.mark.parametrize(
    "message", ['{"event":"DTMF_END","digit":"1"}', '{"event":"MEDIA_MARK_PROCESSED","correlation_id":"g0:m1"}']
)
def test_nothing_may_come_before_media_start(message):
    with pytest.raises(CarrierError, match="before MEDIA_START"):
        AsteriskChannel().receive(message)
    with pytest.raises(CarrierError, match="before MEDIA_START"):
        AsteriskChannel().receive_audio(b"\xff")


def test_media_start_may_not_come_twice():
    with pytest.raises(CarrierError, match="twice"):
        opened().receive(json.dumps(START))


@pytest.mark.parametrize("changed", [{"format": "alaw"}, {"optimal_frame_size": 80}, {"channel_id": ""}])
def test_a_channel_that_is_not_as_dialled_is_refused(changed):
    with pytest.raises(CarrierError):
        AsteriskChannel().receive(json.dumps({**START, **changed}))


@given(st.binary(max_size=3 * MAX_SENT))
def test_audio_is_sent_in_whole_packets_below_the_longest_message(ulaw):
    sent = opened().send(SendAudio(ulaw))
    assert all(
        isinstance(message, bytes) and len(message) <= MAX_SENT and len(message) % PACKET == 0 for message in sent
    )
    joined = b"".join(sent)
    assert joined[: len(ulaw)] == ulaw
    assert joined[len(ulaw) :] == b"\xff" * (-len(ulaw) % PACKET)


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_a_mark_comes_back_as_what_was_marked_and_its_command_is_short_enough(generation, number):
    channel = opened()
    (text,) = channel.send(SendMark(generation, number))
    sent = json.loads(text)
    assert (sent.pop("command"), list(sent)) == ("MARK_MEDIA", ["correlation_id"])
    assert len(text) <= MAX_COMMAND
    back = json.dumps({"event": "MEDIA_MARK_PROCESSED", "channel_id": "1.1", **sent})
    if len(sent["correlation_id"]) <= 40:
        assert channel.receive(back) == [Played(generation, number)]


def test_commands_are_asterisks():
    channel = opened()
    assert [json.loads(text) for text in (channel.answer(), *channel.send(Clear()), channel.hang_up())] == [
        {"command": "ANSWER"},
        {"command": "FLUSH_MEDIA"},
        {"command": "HANGUP"},
    ]


def test_events_that_concern_us_little_are_counted():
    channel = opened()
    assert channel.receive('{"event":"MEDIA_XOFF","channel_id":"1.1"}') == []
    assert channel.receive('{"event":"QUEUE_DRAINED","channel_id":"1.1"}') == []
    assert (channel.overfull, channel.unknown) == (1, 1)


def test_a_few_unreadable_texts_are_passed_over_and_many_end_the_channel():
    channel = opened()
    for _ in range(MAX_MALFORMED):
        (event,) = channel.receive("MEDIA_START connection_id:x")
        assert isinstance(event, Malformed) and "f(json)" in event.why
    with pytest.raises(CarrierError, match="unreadable"):
        channel.receive("{")


@given(st.lists(st.one_of(st.text(max_size=200), st.binary(max_size=400)), max_size=40))
def test_no_message_does_anything_but_an_event_or_a_carrier_error(messages):
    channel = opened()
    try:
        for message in messages:
            events = channel.receive(message) if isinstance(message, str) else channel.receive_audio(message)
            assert all(isinstance(event, Audio | Malformed) for event in events)
    except CarrierError:
        pass
