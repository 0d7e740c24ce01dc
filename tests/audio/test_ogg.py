"""Ogg pages out of a stream of bytes: whole ones, in order, measured; and whatever else a client may send."""

import struct

import numpy as np
import pytest
import sphn
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio.ogg import MAX_PACKET, PageReader, packet_ms


def page(segments, body, *, continued=False, version=0):
    head = struct.pack("<4sBBqIIIB", b"OggS", version, int(continued), 0, 1, 0, 0, len(segments))
    return head + bytes(segments) + body


@pytest.fixture(scope="module")
def stream():
    """Twenty frames of 80 ms as `sphn` writes them: two headers, then a page for each 40 ms."""
    writer = sphn.OpusStreamWriter(24000)
    noise = np.random.default_rng(1).normal(0, 0.1, (20, 1920)).astype(np.float32)
    return b"".join(writer.append_pcm(frame) for frame in noise)


def test_pages_are_the_stream_and_their_milliseconds_its_length(stream):
    reader = PageReader()
    pages = list(reader.receive(stream))
    assert b"".join(page.data for page in pages) == stream
    assert [page.milliseconds for page in pages] == [0.0, 0.0] + [40.0] * 40
    assert reader.passed_over == 0


@given(st.data())
def test_pages_are_the_same_however_the_stream_was_cut(stream, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    reader = PageReader()
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [page for piece in pieces for page in reader.receive(piece)] == list(PageReader().receive(stream))


@given(st.binary(max_size=500).filter(lambda junk: b"Ogg" not in junk and not junk.endswith((b"O", b"Og"))))
def test_what_is_no_page_is_passed_over_and_the_next_page_found(stream, junk):
    reader = PageReader()
    assert list(reader.receive(junk + stream)) == list(PageReader().receive(stream))
    assert reader.passed_over == len(junk)


@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_no_bytes_at_all_break_the_reader_or_make_it_hold_more_than_a_page(chunks):
    reader = PageReader()
    given = sum(map(len, chunks))
    pages = [page for chunk in chunks for page in reader.receive(chunk)]
    assert sum(len(page.data) for page in pages) + reader.passed_over + len(reader._buffer) == given
    assert len(reader._buffer) < 27 + 255 + 255 * 255


@given(st.lists(st.binary(max_size=3000).map(lambda body: b"OggS\0" + body), max_size=6))
def test_not_even_bytes_that_begin_like_pages(chunks):
    reader = PageReader()
    try:
        pages = [page for chunk in chunks for page in reader.receive(chunk)]
    except ValueError:
        return
    assert all(0 <= page.milliseconds <= 120.0 * 255 for page in pages)


def test_a_page_says_before_it_is_decoded_how_much_it_claims_to_be():
    two_of_60_ms = bytes([(3 << 3) | 1])
    [bomb] = PageReader().receive(page([1] * 255, two_of_60_ms * 255))
    assert len(bomb.data) < 600
    assert bomb.milliseconds == 255 * 120.0


@pytest.mark.parametrize(
    ("begin", "milliseconds"),
    [
        (b"", 0.0),
        (b"Op", 0.0),  # of a header
        (bytes([0 << 3]), 10.0),
        (bytes([3 << 3]), 60.0),
        (bytes([(13 << 3) | 1]), 40.0),
        (bytes([(16 << 3) | 2]), 5.0),
        (bytes([(31 << 3) | 3, 4]), 80.0),
        (bytes([(31 << 3) | 3, 63]), 120.0),  # more than a packet may hold
        (bytes([(31 << 3) | 3]), 0.0),  # the number of its frames is missing
    ],
)
def test_the_length_of_a_packet_is_told_by_its_first_two_bytes(begin, milliseconds):
    assert packet_ms(begin) == milliseconds


def test_a_packet_that_goes_on_over_pages_is_counted_once():
    reader = PageReader()
    first = list(reader.receive(page([255], bytes([31 << 3]) * 255)))
    second = list(reader.receive(page([10, 1], bytes([31 << 3]) * 11, continued=True)))
    assert [each.milliseconds for each in first + second] == [20.0, 20.0]


def test_a_packet_without_end_is_a_fault():
    reader = PageReader()
    assert list(reader.receive(page([255] * 200, bytes(255 * 200))))
    with pytest.raises(ValueError, match=f"more than {MAX_PACKET} bytes"):
        list(reader.receive(page([255] * 200, bytes(255 * 200), continued=True)))
