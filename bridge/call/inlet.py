"""What the caller says: audio on its way to the engine, lined up with its ticks, and the clock that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bridge.audio.alignment import Alignment
from bridge.audio.intake import CallerFrame, Intake, IntakeCounters
from bridge.facts.events import Audio
from bridge.facts.formats import PACKET_MS, PHONE_BYTES_PER_MS
from bridge.facts.ticks import Ticks


class Inlet:
    """The way in of one call. Owner: the call.

    The call's clock begins with the first sample of the caller, and goes on with time.
    """

    def __init__(self, clock: Callable[[], float], *, wide: bool = False) -> None:
        """`clock` gives monotonic seconds. A `wide` line brings 24 kHz audio too, which the engine then gets."""
        self._clock = clock
        self._intake = Intake(wide=wide)
        self._lined_up: Ticks | None = None
        self._alignment = Alignment()
        self._packet_ms = float(PACKET_MS)
        self._began = self._last_media = clock()
        self.heard_media = False

    @property
    def counters(self) -> IntakeCounters:
        """What became of the audio that came."""
        return self._intake.counters

    @property
    def position_ms(self) -> int:
        """Milliseconds of audio taken in, silence for gaps included."""
        return self._intake.position_ms

    @property
    def stalled(self) -> float:
        """Seconds since audio came last."""
        return self._clock() - self._last_media

    @property
    def elapsed(self) -> float:
        """Seconds of the call's clock: the caller's audio, with what lines it up with the engine's ticks."""
        return self._clock() - self._began + self._intake.shifted_ms / 1000

    @property
    def now(self) -> int:
        """The call's clock in samples at 8 kHz."""
        return int(self.elapsed * 1000 * PHONE_BYTES_PER_MS)

    def accept(self, audio: Audio, ticks: Ticks | None) -> Iterator[CallerFrame]:
        """Take a packet; give whole frames. `ticks` are those of the engine that is to have them."""
        now = self._clock()
        self._last_media = now
        packet_ms = len(audio.ulaw) / PHONE_BYTES_PER_MS
        self._packet_ms = max(1.0, packet_ms)
        if ticks != self._lined_up:
            self._line_up(ticks, now, int(packet_ms))
        if not self.heard_media:
            # The call's clock begins with the first sample; a packet arrives when its last sample has been spoken.
            self.heard_media = True
            self._began = now - packet_ms / 1000
        yield from self._intake.accept(audio.at_ms, audio.ulaw, self.elapsed * 1000, audio.wide)

    def _line_up(self, ticks: Ticks | None, now: float, packet_ms: int) -> None:
        """Make frames complete just before the engine's ticks: those of the first engine, or of the one after it."""
        self._lined_up, self._alignment = ticks, Alignment()
        if ticks and packet_ms:
            self._intake.line_up(ticks.until(now) * 1000, packet_ms)

    def answered(self, ahead_ms: float) -> None:
        """An answer came to a frame that was complete so long before its tick: see `bridge.audio.alignment`."""
        if self._lined_up and (packets := self._alignment.note(ahead_ms, self._packet_ms)):
            self._intake.shift(packets)

    def catch_up(self) -> Iterator[CallerFrame]:
        """Frames of silence for what should have come by now and has not."""
        if self.heard_media:
            yield from self._intake.catch_up(self.elapsed * 1000)
