"""The carrier leg of a Twilio stream."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.websockets import WebSocket

from bridge.carrier.twilio import TwilioStream
from bridge.facts.errors import CarrierError
from bridge.facts.events import Command, Event
from bridge.server.socket_leg import SocketLeg


class TwilioLeg(SocketLeg):
    """One accepted WebSocket of Twilio. Owner: the call."""

    def __init__(self, socket: WebSocket) -> None:
        """`socket` has been accepted."""
        super().__init__(socket)
        self._stream = TwilioStream()

    def _events(self, message: str | bytes) -> list[Event]:
        if isinstance(message, bytes):
            raise CarrierError("a binary message came; Twilio Media Streams is text only", close_code=1003)
        return self._stream.receive(message)

    def _messages(self, command: Command) -> Iterable[str]:
        return [self._stream.send(command)] if self._stream.state == "open" else []
