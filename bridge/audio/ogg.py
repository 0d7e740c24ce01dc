"""Ogg pages with Opus in them (RFC 3533, RFC 7845): cut out of a stream of bytes, and measured before they are decoded.

A decoder takes whatever it is given, and a page of 282 bytes may claim thirty seconds of sound. So a stream is read
here first: bytes that belong to no page are passed over and counted, a page is whole before it is handed on, no packet
is longer than one of Opus can be, and each page says how many milliseconds it is going to become.

Checksums are not looked at: the connection below has its own, and clients that build pages by hand leave them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

CAPTURE: Final = b"OggS"
"""Each page begins so (RFC 3533, section 6)."""

_HEAD: Final = 27
"""Bytes of a page's header before its table of segments; the last of them says how many segments there are."""

MAX_PACKET: Final = 61_440
"""Bytes that a packet may have before it counts as a fault (RFC 7845, section 6)."""

_SIZES_MS: Final = (
    *(10.0, 20.0, 40.0, 60.0) * 3,  # SILK, of three bandwidths
    *(10.0, 20.0) * 2,  # both
    *(2.5, 5.0, 10.0, 20.0) * 4,  # CELT, of four
)
"""Milliseconds of a frame by the upper five bits of a packet's first byte (RFC 6716, table 2)."""

MAX_PACKET_MS: Final = 120.0
"""No packet holds more (RFC 6716, section 3.2.5)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page as it came, and the milliseconds of sound in the packets that begin in it."""

    data: bytes
    milliseconds: float


def packet_ms(begin: bytes) -> float:
    """Milliseconds of a packet that begins with these two bytes (RFC 6716, section 3.1); 0 for a stream's headers."""
    if not begin or begin in (b"Op", b"O"):
        return 0.0
    frames = (1, 2, 2, begin[1] & 0x3F if len(begin) > 1 else 0)[begin[0] & 3]
    return min(MAX_PACKET_MS, frames * _SIZES_MS[begin[0] >> 3])


class PageReader:
    """One stream of pages. `passed_over` counts the bytes that belonged to none.

    It holds less than a page: at most 65,306 bytes.
    """

    def __init__(self) -> None:
        """Nothing has come."""
        self.passed_over = 0
        self._buffer = bytearray()
        self._packet = 0  # bytes so far of a packet that goes on in the next page

    def receive(self, data: bytes) -> Iterator[Page]:
        """Take bytes; give the pages that are whole now. Raises `ValueError` for a packet without measure."""
        self._buffer += data
        while (size := self._next_page()) is not None:
            page = bytes(self._buffer[:size])
            del self._buffer[:size]
            yield Page(page, self._measure(page))

    def _next_page(self) -> int | None:
        """Bytes of the page with which the buffer begins, once it is whole; what is before a page is passed over."""
        buffer = self._buffer
        while True:
            at = buffer.find(CAPTURE)
            if at < 0:  # the end may be the beginning of a page
                at = next((len(buffer) - n for n in (3, 2, 1) if buffer.endswith(CAPTURE[:n])), len(buffer))
            self.passed_over += at
            del buffer[:at]
            if len(buffer) < _HEAD:
                return None
            if buffer[4] == 0:  # the version; only 0 was ever defined
                break
            self.passed_over += len(CAPTURE)
            del buffer[: len(CAPTURE)]
        segments = buffer[_HEAD - 1]
        if len(buffer) < _HEAD + segments:
            return None
        size = _HEAD + segments + sum(buffer[_HEAD : _HEAD + segments])
        return size if len(buffer) >= size else None

    def _measure(self, page: bytes) -> float:
        """Milliseconds in the packets that begin in `page`. Each segment below 255 bytes ends a packet."""
        segments = page[_HEAD - 1]
        at = _HEAD + segments
        if not page[5] & 1:  # nothing of the page before goes on in this one
            self._packet = 0
        milliseconds = 0.0
        for length in page[_HEAD:at]:
            if self._packet == 0:
                milliseconds += packet_ms(page[at : at + min(2, length)])
            at += length
            self._packet += length
            if self._packet > MAX_PACKET:
                raise ValueError(f"an Ogg packet has more than {MAX_PACKET} bytes")
            if length < 255:
                self._packet = 0
        return milliseconds
