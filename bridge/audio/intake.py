"""From a carrier's packets to an unbroken row of 80 ms frames.

Packets have any length, may be missing, late or too many. The model needs 12.5 frames a second whatever arrives, so
missing spans become mu-law silence and surplus audio is dropped; both are bounded and counted. Time is a position on
the stream, in samples at 8 kHz; "now" is handed in by the caller and never read from a clock.

An engine steps all its calls at once, every 80 ms, while callers begin to speak at any moment. So that no frame waits
80 ms for its step, a call's first frame begins with as much silence as makes it, and all that follow, complete in
the last packet before a tick (`lead_in_ms`). Silence in front of a call makes its first answer come sooner and never
later; it is part of the stream, which begins with it.

A wide stream has each packet at 24 kHz as well, for the engine; what is put in, left out or cut is so on both
sides, and the two never differ by a sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.audio import mulaw
from bridge.audio.resample import phone_to_model
from bridge.facts.formats import FRAME_MS, PHONE_BYTES_PER_MS, PHONE_FRAME, ULAW_SILENCE, WIDE_BYTES

MAX_AHEAD_MS = 1000
"""Audio further ahead of real time than this is dropped: a carrier sends a burst after a stall, not the future."""

PATIENCE_MS = 240
"""How long nothing may arrive before silence takes its place: three frames, more than the jitter of a usable line."""

GAP_MS = 10
"""A timestamp this far ahead of what was received means lost audio; half a packet tells loss from rounding."""

QUIET = 0.01
"""A packet without a sample above this (full scale 1) may be left out or put behind silence: nobody speaks."""

SHIFT_PACKETS = 250
"""Packets within which a shift is made, five seconds; where the caller is never quiet, then all the same."""


def lead_in_ms(until_tick_ms: float, packet_ms: int, pending_ms: int = 0) -> int:
    """Milliseconds of silence before a packet that has come `until_tick_ms` before a tick is due.

    With `pending_ms` of a frame before them, it and packets that follow at their own pace then complete each frame
    less than a packet before a tick. The first one is complete before this tick.
    """
    until_complete = (int(until_tick_ms // packet_ms) + 1) * packet_ms
    return -(pending_ms + until_complete) % FRAME_MS


@dataclass(frozen=True, slots=True)
class CallerFrame:
    """Frame `number` (from 0): 640 mu-law bytes as received, and 1920 float32 samples at 24 kHz for the engine.

    The latter are the caller's own where the stream is wide, and made from the former where it is not.
    """

    number: int
    ulaw: bytes
    pcm: npt.NDArray[np.float32]


@dataclass(slots=True)
class IntakeCounters:
    """In milliseconds of audio, except for packets. `put_in_ms` and `left_out_ms` line frames up."""

    packets: int = 0
    put_in_ms: int = 0
    left_out_ms: int = 0
    filled_ms: int = 0
    late_ms: int = 0
    surplus_ms: int = 0


class Intake:
    """Collects one stream. Owner: the call's listening task."""

    def __init__(self, *, wide: bool = False) -> None:
        """Begin at position 0; the first packet's timestamp, less the silence before it, becomes the origin."""
        self.counters = IntakeCounters()
        self._up = phone_to_model()
        self._pending = bytearray()
        self._wide = bytearray() if wide else None
        self._position = 0
        self._origin_ms: int | None = None
        self._number = 0
        self._shift = self._patience = 0

    @property
    def position_ms(self) -> int:
        """Milliseconds of stream taken in so far, silence for gaps included."""
        return self._position // PHONE_BYTES_PER_MS

    @property
    def shifted_ms(self) -> int:
        """Milliseconds by which the stream is longer than what was spoken, so that its frames are lined up."""
        return self.counters.put_in_ms - self.counters.left_out_ms

    def line_up(self, until_tick_ms: float, packet_ms: int) -> None:
        """Put silence before the packet that has come `until_tick_ms` before a tick; see `lead_in_ms`."""
        self._shift = 0
        self._put_in(lead_in_ms(until_tick_ms, packet_ms, len(self._pending) // PHONE_BYTES_PER_MS))

    def shift(self, packets: int) -> None:
        """Put in so many packets of silence, or leave out so many (below 0), where the caller is quiet; see `QUIET`."""
        self._shift, self._patience = packets, SHIFT_PACKETS

    def _put_in(self, milliseconds: int) -> None:
        self.counters.put_in_ms += milliseconds
        self._append_silence(milliseconds * PHONE_BYTES_PER_MS)
        if self._origin_ms is not None:
            self._origin_ms -= milliseconds

    def _left_out(self, ulaw: bytes) -> int:
        """Samples to leave out of the packet's beginning, where the stream is to be shorter; or silence is put in."""
        self._patience -= 1
        if self._patience > 0 and float(np.abs(mulaw.decode_float(ulaw)).max()) > QUIET:
            return 0
        milliseconds = len(ulaw) // PHONE_BYTES_PER_MS
        if self._shift > 0:
            self._shift -= 1
            self._put_in(milliseconds)
            return 0
        self._shift += 1
        self.counters.left_out_ms += milliseconds
        assert self._origin_ms is not None
        self._origin_ms += milliseconds
        return milliseconds * PHONE_BYTES_PER_MS

    def accept(self, at_ms: int, ulaw: bytes, now_ms: float, wide: bytes = b"") -> Iterator[CallerFrame]:
        """Take a packet that the carrier dates `at_ms`, at `now_ms` since the stream began; give whole frames.

        `wide` is the packet at 24 kHz, 16 bit, for a wide stream and for no other. Raises `ValueError` where the two
        are not equally long.
        """
        if len(wide) != (0 if self._wide is None else WIDE_BYTES * len(ulaw)):
            raise ValueError(f"{len(ulaw)} samples at 8 kHz came with {len(wide)} bytes at 24 kHz")
        self.counters.packets += 1
        if self._origin_ms is None:
            self._origin_ms = at_ms - self.position_ms
        start = (at_ms - self._origin_ms) * PHONE_BYTES_PER_MS
        latest = int((now_ms + MAX_AHEAD_MS) * PHONE_BYTES_PER_MS)
        if start - self._position >= GAP_MS * PHONE_BYTES_PER_MS:
            self._fill(min(start, latest) - self._position)
        elif self._position - start >= GAP_MS * PHONE_BYTES_PER_MS:
            late = min(self._position - start, len(ulaw))
            self.counters.late_ms += late // PHONE_BYTES_PER_MS
            ulaw, wide = ulaw[late:], wide[WIDE_BYTES * late :]
        if self._shift and ulaw:
            left_out = self._left_out(ulaw)
            ulaw, wide = ulaw[left_out:], wide[WIDE_BYTES * left_out :]
        room = max(0, latest - self._position)
        if len(ulaw) > room:
            self.counters.surplus_ms += (len(ulaw) - room) // PHONE_BYTES_PER_MS
            ulaw, wide = ulaw[:room], wide[: WIDE_BYTES * room]
        self._append(ulaw, wide)
        yield from self._frames()

    def catch_up(self, now_ms: float) -> Iterator[CallerFrame]:
        """Fill with silence what should have arrived more than `PATIENCE_MS` before `now_ms`."""
        if self._origin_ms is None:
            return
        self._fill(int((now_ms - PATIENCE_MS) * PHONE_BYTES_PER_MS) - self._position)
        yield from self._frames()

    def _fill(self, samples: int) -> None:
        if samples <= 0:
            return
        self.counters.filled_ms += samples // PHONE_BYTES_PER_MS
        self._append_silence(samples)

    def _append_silence(self, samples: int) -> None:
        wide = b"" if self._wide is None else bytes(WIDE_BYTES * samples)
        self._append(bytes([ULAW_SILENCE]) * samples, wide)

    def _append(self, ulaw: bytes, wide: bytes) -> None:
        """The one place where the stream becomes longer."""
        self._pending += ulaw
        self._position += len(ulaw)
        if self._wide is not None:
            self._wide += wide

    def _frames(self) -> Iterator[CallerFrame]:
        while len(self._pending) >= PHONE_FRAME:
            ulaw = bytes(self._pending[:PHONE_FRAME])
            del self._pending[:PHONE_FRAME]
            yield CallerFrame(self._number, ulaw, self._pcm(ulaw))
            self._number += 1

    def _pcm(self, ulaw: bytes) -> npt.NDArray[np.float32]:
        """The frame for the engine: from the wide stream where there is one."""
        if self._wide is None:
            return self._up.process(mulaw.decode_float(ulaw))
        wide = bytes(self._wide[: WIDE_BYTES * PHONE_FRAME])
        del self._wide[: WIDE_BYTES * PHONE_FRAME]
        return np.frombuffer(wide, "<i2").astype(np.float32) / np.float32(32768)
