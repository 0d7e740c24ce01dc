"""Ogg-Opus both ways: what is said comes back, soon; what is broken, or too much, is bounded."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bridge.audio.opus import MAX_AHEAD_MS, MAX_BAD_PAGES, OpusDecoder, OpusEncoder
from bridge.facts.errors import CarrierError


def noise(seconds, seed=1):
    """Noise below 4 kHz, in which a delay can be told to a sample."""
    white = np.random.default_rng(seed).normal(0, 0.2, int(seconds * 24000))
    return np.convolve(white, np.hanning(12) / 6, "same").astype(np.float32)


def page(segments, body, *, continued=False):
    return struct.pack("<4sBBqIIIB", b"OggS", 0, int(continued), 0, 1, 0, 0, len(segments)) + bytes(segments) + body


HEADERS = page([19], b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 24000, 0, 0)) + page([16], b"OpusTags" + bytes(8))


def test_what_is_encoded_is_decoded_seven_milliseconds_later_and_nothing_else_is_held_back():
    encoder, decoder = OpusEncoder(), OpusDecoder()
    said = noise(2.0)
    heard = [decoder.decode(encoder.encode(said[at : at + 1920]), at / 24) for at in range(0, len(said), 1920)]
    assert {len(piece) for piece in heard} == {1920}
    shifts = np.correlate(np.concatenate(heard)[:40_000], said[:36_000], "valid")
    assert 0 < int(np.argmax(shifts)) / 24 < 7.0


def test_more_than_ten_seconds_ahead_of_time_are_not_decoded():
    encoder, decoder = OpusEncoder(), OpusDecoder()
    stream = b"".join(encoder.encode(frame) for frame in noise(12.0).reshape(-1, 1920))
    assert len(decoder.decode(stream, now_ms=0.0)) == 24 * MAX_AHEAD_MS
    assert decoder.surplus_ms == 12_000 - MAX_AHEAD_MS
    assert len(decoder.decode(encoder.encode(noise(0.08)), now_ms=80.0)) == 1920


def test_a_small_page_that_claims_half_a_minute_costs_nothing():
    decoder = OpusDecoder()
    decoder.decode(HEADERS, 0.0)
    bomb = page([1] * 255, bytes([(3 << 3) | 1]) * 255)
    assert len(decoder.decode(bomb * 100, 0.0)) == 0
    assert decoder.surplus_ms == 100 * 255 * 120.0


def test_more_bytes_than_sound_can_have_end_the_stream():
    decoder = OpusDecoder()
    decoder.decode(HEADERS, 0.0)
    empty = page([], b"") * 2000  # 54 KB of pages with nothing in them
    for number in range(1, 20):
        assert len(decoder.decode(empty, 1000.0 * number)) == 0
    with pytest.raises(CarrierError, match="more bytes came than sound can have"):
        for _ in range(40):
            decoder.decode(empty, 20_000.0)


@hypothesis(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=250), min_size=1, max_size=MAX_BAD_PAGES))
def test_no_packet_at_all_breaks_the_decoder(packets):
    decoder = OpusDecoder()
    decoder.decode(HEADERS, 0.0)
    for number, packet in enumerate(packets):
        samples = decoder.decode(page([len(packet)], packet), 120.0 * number)
        assert np.isfinite(samples).all()
        assert len(samples) <= 2880
    assert len(decoder.decode(OpusEncoder().encode(noise(0.08)), 120.0 * len(packets))) == 1920


@hypothesis(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_a_stream_with_changed_bytes_is_heard_or_ends_in_words(seed, faults):
    random = np.random.default_rng(seed)
    encoder, decoder = OpusEncoder(), OpusDecoder()
    stream = bytearray(b"".join(encoder.encode(frame) for frame in noise(0.8).reshape(-1, 1920)))
    for at in random.integers(0, len(stream), faults):
        stream[at] = random.integers(256)
    try:
        samples = decoder.decode(bytes(stream), 0.0)
    except CarrierError as error:
        assert error.close_code == 1007
    else:
        assert np.isfinite(samples).all()
        assert len(samples) <= 24 * MAX_AHEAD_MS


def test_a_stream_of_nothing_but_bad_pages_ends():
    decoder = OpusDecoder()
    decoder.decode(HEADERS, 0.0)
    bad = page([100], bytes([(31 << 3) | 3]) * 100)
    with pytest.raises(CarrierError, match=f"more than {MAX_BAD_PAGES} pages cannot be decoded"):
        decoder.decode(bad * (MAX_BAD_PAGES + 1), 10**6)
    assert decoder.bad_pages == MAX_BAD_PAGES + 1
