"""Twilio's error codes, in words."""

from __future__ import annotations

from typing import Final

STREAM_ERRORS: Final = {
    "31901": "the stream's socket timed out",
    "31902": "the stream's socket was refused",
    "31920": "the stream's upgrade was not answered with 101: wrong address, expired token or refused signature",
    "31921": "our side closed the stream",
    "31922": "the stream's address is not wss",
    "31923": "the stream's address is malformed",
    "31924": "the stream broke the WebSocket protocol",
    "31941": "the stream's track was not valid",
    "31950": "Twilio did not understand a message of ours",
}
"""Twilio's error codes for streams, in words."""
