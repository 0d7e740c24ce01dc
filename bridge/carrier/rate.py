"""How many messages a client may send: a bucket that fills with time."""

from __future__ import annotations

from typing import Final

from bridge.facts.errors import CarrierError

PER_SECOND: Final = 500.0
"""A client that sends each 128 samples of an AudioWorklet at 48 kHz makes 375."""

BURST: Final = 1000.0
"""So many may come at once, after a network has stopped for two seconds."""


class MessageRate:
    """The messages of one client. Owner: its protocol object."""

    def __init__(self) -> None:
        """None has come."""
        self._left, self._at_ms = BURST, 0.0

    def count(self, now_ms: float) -> None:
        """One more has come at `now_ms`, of a clock that never goes back. Raises `CarrierError` for one too many."""
        self._left = min(BURST, self._left + (now_ms - self._at_ms) * PER_SECOND / 1000) - 1
        self._at_ms = now_ms
        if self._left < 0:
            raise CarrierError(f"more than {PER_SECOND:g} messages a second came")
