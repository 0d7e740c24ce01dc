"""What can keep a call from being placed, in words for the person who placed it."""

from __future__ import annotations

from bridge.facts.errors import BridgeError


class CallError(BridgeError):
    """A call could not be placed, or an answer of the server was not what the carrier's protocol allows.

    `code` is the number under which Twilio's debugger files the same mistake, or 0 where it has none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        """Keep the code beside the message."""
        super().__init__(message)
        self.code = code


class RecordingError(BridgeError):
    """An audio file cannot be played into a call."""
