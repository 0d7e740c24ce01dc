"""Errors that cross layers, named by who has to act."""

from __future__ import annotations


class BridgeError(Exception):
    """An error with a message for a person: what was wrong, where, and what to do next."""


class SettingsError(BridgeError):
    """The operator must change a setting."""


class PersonaError(BridgeError):
    """The owner must change a persona file. The message lists everything that is wrong, a line each."""


class CarrierError(BridgeError):
    """The carrier broke its protocol so that the stream cannot go on.

    `close_code` is the WebSocket close code (RFC 6455, section 7.4) that says so.
    """

    def __init__(self, message: str, close_code: int = 1008) -> None:
        """Keep the close code beside the message."""
        super().__init__(message)
        self.close_code = close_code


class EngineError(BridgeError):
    """An engine cannot start, or has stopped."""


class EngineFullError(EngineError):
    """Every slot of the engine is taken."""
