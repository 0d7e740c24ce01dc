"""The protocol of the public moshi server: every kind of message, what is held, and anything else at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bridge.audio.opus import OpusDecoder, OpusEncoder
from bridge.carrier.moshi import AUDIO, MAX_MALFORMED, MAX_MESSAGE, TEXT, MoshiChat
from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Clear, Malformed, Played, SendAudio, SendMark
from bridge.facts.formats import ULAW_SILENCE

SILENCE = bytes([ULAW_SILENCE]) * 640


def tone(frames):
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(frames * 1920) / 24000)
    return samples.astype(np.float32).reshape(-1, 1920)


def opened(now_ms=0.0):
    chat = MoshiChat()
    assert chat.open(now_ms) == (b"\x00", [])
    return chat


def test_sound_comes_in_as_ogg_opus_and_out_at_both_rates():
    chat, encoder, events = opened(), OpusEncoder(), []
    for number, frame in enumerate(tone(10), 1):
        events += chat.receive(AUDIO + encoder.encode(frame), 80.0 * number)
    assert [len(event.ulaw) for event in events] == [640] * 10
    assert [len(event.wide) for event in events] == [3840] * 10
    assert [event.at_ms for event in events] == list(range(0, 800, 80))


def test_what_is_said_before_the_handshake_is_held_for_it():
    chat, encoder = MoshiChat(), OpusEncoder()
    for number, frame in enumerate(tone(5), 1):
        assert chat.receive(AUDIO + encoder.encode(frame), 80.0 * number) == []
    handshake, events = chat.open(3000.0)
    assert handshake == b"\x00"
    assert sum(len(event.wide) for event in events if isinstance(event, Audio)) == 5 * 3840


def test_nothing_is_sent_before_the_handshake():
    with pytest.raises(CarrierError, match="before the handshake"):
        MoshiChat().send(SendAudio(SILENCE, bytes(3840)), 0.0)


def test_the_agents_words_go_out_with_their_sound():
    chat, decoder = opened(), OpusDecoder()
    pcm = (tone(1)[0] * 32767).astype("<i2").tobytes()
    text, audio = chat.send(SendAudio(SILENCE, pcm, " Grüß Gott"), 0.0)
    assert text == TEXT + " Grüß Gott".encode()
    assert audio[:1] == AUDIO
    assert len(decoder.decode(audio[1:], 0.0)) == 1920
    [audio] = chat.send(SendAudio(SILENCE, pcm), 80.0)
    assert len(decoder.decode(audio[1:], 80.0)) == 1920


def test_marks_are_played_when_their_sound_has_been():
    chat = opened()
    chat.send(SendAudio(SILENCE, bytes(3840), " Hi"), 1000.0)
    assert chat.send(SendMark(0, 3), 1000.0) == []
    assert chat.playback.played(1079.0) == []
    assert chat.playback.played(1080.0) == [Played(0, 3)]
    assert chat.send(Clear(), 1100.0) == []


@pytest.mark.parametrize("message", [b"\x00", b"\x00\x00\x00", b"\x02Hi", b"\x03\x01", b"\x04{}", b"\x05no", b"\x06"])
def test_other_kinds_of_the_public_clients_are_passed_over_and_counted(message):
    chat = opened()
    assert chat.receive(message, 0.0) == []
    assert chat.unknown == 1


@pytest.mark.parametrize("message", ["hello", b"", b"\x08", b"\xff" * 100, AUDIO + b"RIFF and so on"])
def test_what_is_none_of_the_protocol_is_told_and_too_much_of_it_ends_the_stream(message):
    chat = opened()
    for _ in range(MAX_MALFORMED):
        [event] = chat.receive(message, 0.0)
        assert isinstance(event, Malformed)
    with pytest.raises(CarrierError) as end:
        chat.receive(message, 0.0)
    assert end.value.close_code == 1007


def test_a_message_has_a_bound():
    with pytest.raises(CarrierError) as end:
        opened().receive(AUDIO + bytes(MAX_MESSAGE), 0.0)
    assert end.value.close_code == 1009


@hypothesis(max_examples=60)
@given(
    st.lists(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda data: AUDIO + data)), max_size=10)
)
def test_whatever_comes_is_an_event_or_the_end_in_words(messages):
    chat = opened()
    for number, message in enumerate(messages):
        try:
            events = chat.receive(message, 20.0 * number)
        except CarrierError as end:
            assert end.close_code in (1007, 1009)
            return
        assert all(isinstance(event, Audio | Malformed) for event in events)


def test_more_messages_than_any_client_needs_end_the_stream():
    stream = MoshiChat()
    for _ in range(1000):
        stream.receive(b"\x06", 0.0)
    stream.receive(b"\x06", 2.0)  # one more in two milliseconds
    with pytest.raises(CarrierError, match="more than 500 messages a second"):
        stream.receive(b"\x06", 2.0)
