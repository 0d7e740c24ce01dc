"""What the legs of all carriers have in common: a protocol object on a real WebSocket, with every wait bounded."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bridge.facts.errors import CarrierError
from bridge.facts.events import Command, Event, Started

SEND_SECONDS: Final = 5.0
"""A socket that takes nothing for so long is dead; it must not hold a slot."""

START_SECONDS: Final = 10.0
"""Time that a stream has from its upgrade to its start."""

CLOSE_SECONDS: Final = 2.0

MAX_CLOSE_REASON: Final = 123
"""Bytes that a close frame has for its reason (RFC 6455, section 5.5)."""


class SocketLeg(ABC):
    """One accepted WebSocket of a carrier. Owner: the call."""

    no_media_seconds = 10.0
    wide = False
    """See `bridge.call.leg.Leg`."""

    def __init__(self, socket: WebSocket) -> None:
        """`socket` has been accepted."""
        self._socket = socket
        self._closed = False
        self.broken = ""
        self.close_code: int | None = None

    @abstractmethod
    def _events(self, message: str | bytes) -> list[Event]:
        """What a message says. Raises `CarrierError` where the stream cannot go on."""

    @abstractmethod
    def _messages(self, command: Command) -> Iterable[str | bytes]:
        """A command as messages; none where the stream takes no more."""

    async def start(self) -> Started:
        """Wait for the start of the stream. Raises `CarrierError` if something else comes, or nothing."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    for event in self._events(await self._receive()):
                        if isinstance(event, Started):
                            return event
        except TimeoutError:
            raise CarrierError(f"no start within {START_SECONDS:g} s of the upgrade") from None
        except WebSocketDisconnect:
            raise CarrierError("the stream was closed before its start") from None

    async def events(self) -> AsyncIterator[Event]:
        """Events until the socket ends."""
        try:
            while True:
                for event in self._events(await self._receive()):
                    yield event
        except WebSocketDisconnect:
            return

    async def _receive(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            code: int = message.get("code", 1006)
            self.close_code = code
            raise WebSocketDisconnect(code)
        text: str | None = message.get("text")
        data: bytes = message.get("bytes") or b""
        return data if text is None else text

    async def send(self, *commands: Command) -> None:
        """Send commands, in bounded time."""
        await self._write(message for command in commands for message in self._messages(command))

    async def _write(self, messages: Iterable[str | bytes]) -> None:
        if self._closed:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for message in messages:
                    if isinstance(message, str):
                        await self._socket.send_text(message)
                    else:
                        await self._socket.send_bytes(message)
        except (TimeoutError, WebSocketDisconnect, RuntimeError) as error:
            # RuntimeError is how Starlette says that the socket has been closed under us. Reading will end as well.
            self.broken = type(error).__name__
            await self.close(1011, "the connection takes no audio")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, once."""
        if self._closed:
            return
        self._closed = True
        self.broken = self.broken or await close_socket(self._socket, code, reason)


async def close_socket(socket: WebSocket, code: int, reason: str) -> str:
    """Close an accepted socket in bounded time. The name of the error that kept it from being told so, or nothing."""
    if socket.application_state is WebSocketState.DISCONNECTED:
        return ""
    short = reason.encode()[:MAX_CLOSE_REASON].decode(errors="ignore")
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(code, short)
    except (TimeoutError, RuntimeError, WebSocketDisconnect) as error:
        return type(error).__name__
    return ""
