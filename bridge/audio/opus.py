"""Ogg-Opus streams both ways at 24 kHz mono, decoded and encoded by `sphn`, which the public clients use as well.

Opus looks 6.5 ms ahead in each direction; nothing else is held back: 80 ms of sound make two pages at once.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bridge.audio.ogg import PageReader
from bridge.facts.errors import CarrierError
from bridge.facts.formats import MODEL_RATE

MAX_AHEAD_MS: Final = 10_000
"""What would run further ahead of time is not decoded. A page may hold five seconds, and decoding ten takes 15 ms."""

BYTES_PER_MS: Final = 64
"""Opus takes up to 510 kbit a second (RFC 6716, section 2.1.1). More is no sound: pages with nothing in them."""

MAX_BURST: Final = 256 * 1024
"""So many bytes may come before the time that they take."""

MAX_BAD_PAGES: Final = 20
"""So many pages that cannot be decoded are put down to the line; more are a fault of the sender."""

Samples = npt.NDArray[np.float32]
"""Float32, shape (samples,), 24 kHz mono, full scale ±1."""


class OpusDecoder:
    """What a client sends. `bad_pages` counts those that could not be decoded, `surplus_ms` is what came too early."""

    def __init__(self) -> None:
        """Nothing has come. Raises `CarrierError` where `sphn` is not installed."""
        self.bad_pages = 0
        self.surplus_ms = 0.0
        self._stream = _sphn().OpusStreamReader(MODEL_RATE)
        self._pages = PageReader()
        self._began_ms: float | None = None  # when the first bytes came
        self._bytes = 0
        self._taken_ms = 0.0

    @property
    def passed_over(self) -> int:
        """Bytes that belonged to no page."""
        return self._pages.passed_over

    def decode(self, data: bytes, now_ms: float) -> Samples:
        """Take bytes of the stream at `now_ms`; give the sound of the pages that are whole now.

        Raises `CarrierError` where the stream cannot go on.
        """
        if self._began_ms is None:
            self._began_ms = now_ms
        self._bytes += len(data)
        if self._bytes > MAX_BURST + (now_ms - self._began_ms) * BYTES_PER_MS:
            raise CarrierError("more bytes came than sound can have")
        sound: list[Samples] = [np.zeros(0, np.float32)]
        try:
            for page in self._pages.receive(data):
                if page.milliseconds and self._taken_ms + page.milliseconds > now_ms - self._began_ms + MAX_AHEAD_MS:
                    self.surplus_ms += page.milliseconds
                    continue
                self._taken_ms += page.milliseconds
                sound.append(self._decode(page.data))
        except ValueError as error:
            raise CarrierError(f"the audio cannot be read: {error}", close_code=1007) from None
        return np.concatenate(sound)

    def _decode(self, page: bytes) -> Samples:
        try:
            samples: Samples = self._stream.append_bytes(page)
        except ValueError as error:
            self.bad_pages += 1
            if self.bad_pages > MAX_BAD_PAGES:
                raise CarrierError(
                    f"more than {MAX_BAD_PAGES} pages cannot be decoded; the last: {error}", 1007
                ) from None
            return np.zeros(0, np.float32)
        return samples


class OpusEncoder:
    """What the agent says, as pages of one stream, whose two headers come with the first."""

    def __init__(self) -> None:
        """Nothing has been said. Raises `CarrierError` where `sphn` is not installed."""
        self._stream = _sphn().OpusStreamWriter(MODEL_RATE)

    def encode(self, samples: Samples) -> bytes:
        """Whole pages for so many samples, a multiple of 960 (40 ms)."""
        pages: bytes = self._stream.append_pcm(np.ascontiguousarray(samples, np.float32))
        return pages


def _sphn() -> Any:
    """The library, imported by the first stream: 80 MB that a server without such clients need not map."""
    try:
        import sphn
    except ModuleNotFoundError:
        raise CarrierError(
            "Ogg-Opus needs the package sphn, which has no wheel for this machine: `pip install sphn` builds it", 1011
        ) from None
    return sphn
