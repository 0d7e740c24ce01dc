"""What goes on: conversations over WebSockets, for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from bridge.client.errors import ClientError, NotFoundError, ServerError, TooManyError, refusal
from bridge.client.http import Channel, unreachable
from bridge.facts.addresses import is_loopback

RATE: Final = 24_000
"""Samples a second, 16-bit little-endian mono, of what is sent and received (but for `ulaw8`: 8,000 bytes)."""

CHUNK_MS: Final = 80
"""How much `play` sends at once."""

OPEN_S: Final = 30.0
"""How long the bridge may take to let a socket in."""

MAX_MESSAGE: Final = 4 * 1024 * 1024
_NORMAL: Final = (1000, 1001)


class Socket:
    """One WebSocket of the bridge: `async with`, then iterate. Messages are bytes (sound) or dicts (JSON).

    It ends where the bridge closes it. Where it closes it for a reason, or the connection breaks off, `ClientError`.
    """

    def __init__(self, channel: Channel, path: str, first: Mapping[str, Any] | None = None) -> None:
        """Nothing is opened yet. `first` is the message that is sent as soon as the socket is open."""
        scheme = {"http": "ws", "https": "wss"}.get(urlsplit(channel.url).scheme, "ws")
        self._url = f"{scheme}://{channel.url.partition('://')[2]}{path}"
        self._channel, self._path, self._first = channel, path, first
        self._connection: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        """Open it. Raises `ClientError` where the bridge does not let us in."""
        try:
            self._connection = await connect(
                self._url,
                additional_headers=self._channel.headers,
                compression=None,
                max_size=MAX_MESSAGE,
                open_timeout=OPEN_S,
                proxy=None if is_loopback(self._channel.url) else True,
            )
        except InvalidStatus as error:
            answer = error.response
            raise refusal(answer.status_code, answer.headers, bytes(answer.body or b""), f"WS {self._path}") from None
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise unreachable(self._channel.url, error) from None
        if self._first is not None:
            await self.tell(self._first)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close it from this side; whoever iterates is at the end."""
        await self._open.close()

    async def __aiter__(self) -> AsyncIterator[bytes | dict[str, Any]]:
        """Messages as they come, to the end."""
        while (message := await self.receive()) is not None:
            yield message

    async def receive(self) -> bytes | dict[str, Any] | None:
        """The next message; None where the bridge has closed the socket."""
        try:
            message = await self._open.recv()
        except ConnectionClosed as closed:
            if error := _closing(closed, self._path):
                raise error from None
            return None
        if isinstance(message, bytes):
            return message
        return msgspec.json.decode(message, type=dict[str, Any])

    async def send(self, sound: bytes) -> None:
        """Send sound. Raises `ClientError` where the socket is closed."""
        await self._send(sound)

    async def tell(self, message: Mapping[str, Any]) -> None:
        """Send a message. Raises `ClientError` where the socket is closed."""
        await self._send(msgspec.json.encode(dict(message)).decode())

    async def play(self, sound: bytes, bytes_per_second: int = 2 * RATE) -> None:
        """Send sound as fast as it would be spoken: the bridge takes no more than real time for long."""
        step = bytes_per_second * CHUNK_MS // 1000
        started = time.monotonic()
        for count, place in enumerate(range(0, len(sound), step), 1):
            await self.send(sound[place : place + step])
            await asyncio.sleep(max(0.0, started + count * CHUNK_MS / 1000 - time.monotonic()))

    async def _send(self, message: bytes | str) -> None:
        try:
            await self._open.send(message)
        except ConnectionClosed as closed:
            raise _closing(closed, self._path) or ClientError(f"WS {self._path}: the bridge has ended it") from None

    @property
    def _open(self) -> ClientConnection:
        if self._connection is None:
            raise RuntimeError("open it first: async with")
        return self._connection


class Phone(Socket):
    """A call as the browser makes it (`WS /v1/phone`).

    Its messages: `started`, `record`, `text`, `mark`, `clear`, `pong`, `ended`.
    """

    async def press(self, digit: str) -> None:
        """Press a key of the telephone: 0 to 9, *, #."""
        await self.tell({"type": "digit", "digit": digit})

    async def mark(self, name: str) -> None:
        """Ask for a message `mark` once what has been sent so far was taken in."""
        await self.tell({"type": "mark", "name": name})

    async def ping(self, token: float) -> None:
        """Ask for a message `pong` with the same `t`, at once: how long the way takes."""
        await self.tell({"type": "ping", "t": token})

    async def hang_up(self) -> None:
        """End the call. What comes until the socket closes is still to be read."""
        await self.tell({"type": "hangup"})


def _closing(closed: ConnectionClosed, path: str) -> ClientError | None:
    """What a closed socket means: nothing where it was closed in the ordinary way."""
    code = closed.rcvd.code if closed.rcvd else 1006
    if code in _NORMAL:
        return None
    words = f"WS {path}: {(closed.rcvd.reason if closed.rcvd else '') or 'the connection broke off'} ({code})"
    # 4404 and the like say in a close code what HTTP says in a status.
    status = code - 4000 if 4400 <= code < 4600 else 0
    if status == 404:
        return NotFoundError(words, status)
    if status == 429:
        return TooManyError(words, status)
    return ServerError(words, status) if status >= 500 else ClientError(words, status)
