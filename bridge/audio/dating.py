"""Where packets belong on a stream that carries no times: by their lengths, unless the sender has paused.

Lengths alone tell where a packet belongs as long as the sender sends without a break. One that stops for a while (a
page put to sleep, a muted microphone) goes on later than its lengths say, and for ever; one whose network stopped sends
what has waited in a burst, and is soon on time again. So a stream that has been late all through `LOOK_MS` gets a gap.
"""

from __future__ import annotations

from typing import Final

from bridge.facts.formats import PHONE_BYTES_PER_MS

LOOK_MS: Final = 400.0
"""What has waited in a network comes faster than this."""

TOLERANCE_MS: Final = 240.0
"""A stream that is less late has lost nothing: silence takes the place of what comes later (`intake.PATIENCE_MS`)."""

BREAK_MS: Final = 200.0
"""A packet that is so much later than the one before begins a new look."""


class Dating:
    """The latest of one stream. Owner: its leg."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._samples = 0
        self._gaps_ms = 0.0
        self._began_ms: float | None = None
        self._late_ms = 0.0
        self._least_ms = 0.0
        self._look_since_ms = 0.0

    def date(self, samples: int, now_ms: float) -> int:
        """Milliseconds at which a packet begins; it has `samples` at 8 kHz and came, complete, at `now_ms`."""
        if self._began_ms is None:
            self._began_ms = now_ms - samples / PHONE_BYTES_PER_MS
            self._look_since_ms = now_ms
        end_ms = (self._samples + samples) / PHONE_BYTES_PER_MS + self._gaps_ms
        self._look(now_ms - self._began_ms - end_ms, now_ms)
        at_ms = int(self._samples / PHONE_BYTES_PER_MS + self._gaps_ms)
        self._samples += samples
        return at_ms

    def _look(self, late_ms: float, now_ms: float) -> None:
        if late_ms - self._late_ms > BREAK_MS:
            self._look_since_ms, self._least_ms = now_ms, late_ms
        self._late_ms = late_ms
        self._least_ms = min(self._least_ms, late_ms)
        if now_ms - self._look_since_ms < LOOK_MS:
            return
        if self._least_ms > TOLERANCE_MS:
            self._gaps_ms += self._least_ms
            late_ms -= self._least_ms
        self._look_since_ms, self._late_ms, self._least_ms = now_ms, late_ms, late_ms
