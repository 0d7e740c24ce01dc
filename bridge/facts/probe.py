"""What `callbridge twilio check` and the server it tries have agreed on."""

from __future__ import annotations

from typing import Final

FIELD: Final = "CallbridgeProbe"
"""Field of the voice webhook's form that says: there is no call. Its value is 1."""

STATE_HEADER: Final = "callbridge-state"
"""Header of the answer: ready, or why no call can be taken (stopping, engine, full, nobody)."""

TIME_HEADER: Final = "callbridge-time"
"""Header of the answer: the server's clock, ISO 8601."""

CLOSE_REASON: Final = "probe"
"""Reason with which a probe's stream is closed, under code 1000."""
