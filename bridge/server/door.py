"""How connections come and go: those that have not shown a whole request yet are few, and for a short time.

Whoever reaches the port may open connections and say nothing, or say it slowly. Each of them holds a file handle, so
their number is bounded and their time is, from the first byte of a request to its last. Calls in progress have shown
who they are, and do not count.

A peer that reads nothing cannot be said goodbye to. Its connection is cut, because what waits for it in the buffers
would keep the file handle open for as long as the peer likes.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

REQUEST_SECONDS: Final = 10.0
"""Time that a request has from its first byte, or from its connection, to its last byte."""

UPLOAD_SECONDS: Final = 300.0
"""The same for an upload of whoever has shown a key; 25 MB take 84 kB/s."""

MORE_TIME: Final = "callbridge.more_time"
"""Under this name a request's scope holds the function that grants UPLOAD_SECONDS."""

FAREWELL_SECONDS: Final = 5.0
"""Time that a WebSocket has to close once nobody here wants it any more."""

SEND_BUFFER: Final = 64 * 1024
"""Bytes that the kernel holds for a peer (it doubles this): some ten seconds of a call. Left to itself it holds
megabytes, and a peer that reads nothing would be noticed minutes later."""

_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Door:
    """Who waits at the door. `refused` and `expired` count from the start of the process."""

    def __init__(self, most: int) -> None:
        """`most` connections may be waiting."""
        self.most = most
        self.refused = self.expired = 0
        self.waiting: set[asyncio.Protocol] = set()

    def protocol(self) -> type[asyncio.Protocol]:
        """The class of which each connection has an instance; uvicorn's own, with an eye on the time."""
        return type("WatchedConnection", (_WatchedConnection,), {"door": self})


class _WatchedConnection(HttpToolsProtocol):
    door: Door

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.door.waiting) >= self.door.most:
            self.door.refused += 1
            transport.write(_BUSY)
            transport.close()
            return
        self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[MORE_TIME] = self._wait_longer
        self._wait()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._wait_no_more()

    def handle_websocket_upgrade(self) -> None:
        self._wait_no_more()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self.door.waiting.add(self)
            self._patience = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _wait_longer(self) -> None:
        """The peer has shown who it is: it does not count as waiting, and has time for an upload."""
        if self._patience:
            self._patience.cancel()
            self._patience = self.loop.call_later(UPLOAD_SECONDS, self._give_up)
            self.door.waiting.discard(self)

    def _wait_no_more(self) -> None:
        self.door.waiting.discard(self)
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self.door.expired += 1
        self._wait_no_more()
        self.transport.abort()


class BoundedSocket(WebSocketsSansIOProtocol):
    """A WebSocket, uvicorn's own, that is cut if it does not close in time.

    One that is denied in words (an HTTP answer in the place of the handshake) is no fault of the application's.
    """

    async def run_asgi(self) -> None:
        """Serve the connection, then see that it goes."""
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(FAREWELL_SECONDS, self._cut)

    async def send(self, message: Any) -> None:
        """Send on; a denial that has been sent completes the handshake, or it would be logged as an error."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True

    def _cut(self) -> None:
        if not self.disconnected:
            self.transport.abort()
