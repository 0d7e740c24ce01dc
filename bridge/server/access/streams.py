"""What stays open: WebSockets and server-sent events. How many each key has, and their end when the key's time is over.

A request is let in once, and an open stream would go on for hours after its key was revoked. So the keys of open
streams are looked up again every few seconds. A stream whose key is gone ends as if its client had gone, so that a call
in it is hung up and its record closed in the usual way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("bridge.access")

CHECK_SECONDS: Final = 5.0
"""How often the keys of open streams are looked up; a stream outlasts its key by no more."""

MAX_STREAMS: Final = 64
"""Streams that one key may have open at once."""

REVOKED: Final = 4401
"""The close code of a socket whose key is gone; 4000 to 4999 are an application's own (RFC 6455, section 7.4.2)."""

STREAM: Final = "callbridge.stream"
"""Under this name a request's scope holds its `Stream`."""


class Stream:
    """A request that may stay open, and whose it is, once that is known."""

    def __init__(self) -> None:
        self.key_id = ""
        self.revocable = self.lasting = self.over = False
        self._ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._coming: asyncio.Task[Message] | None = None

    def end(self) -> None:
        """The key works no more."""
        self.over = True
        if not self._ending.done():
            self._ending.set_result(None)

    async def next(self, receive: Receive) -> Message | None:
        """The next message; None once the stream is over. A message is not lost if nobody waits for it any more."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(_call(receive))
        await asyncio.wait((self._coming, self._ending), return_when=asyncio.FIRST_COMPLETED)
        if self.over:
            return None
        message, self._coming = self._coming.result(), None
        return message

    def leave(self) -> None:
        """Nobody waits for a message any more."""
        if self._coming:
            self._coming.cancel()


class TooManyStreamsError(Exception):
    """The key has as many streams open as it may have."""


class Streams:
    """Owner of the open streams, which belong to one event loop."""

    def __init__(self) -> None:
        """None is open."""
        self.ended = 0
        self._open: set[Stream] = set()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def of(self, key_id: str) -> int:
        """How many streams a key has open."""
        return Counter(stream.key_id for stream in self._open)[key_id]

    def enter(self, scope: Scope, key_id: str, *, revocable: bool) -> None:
        """The request of `scope` is that key's, which may stop working. Raises `TooManyStreamsError`."""
        stream: Stream | None = scope.get(STREAM)
        if stream is None:  # the application stands alone
            return
        if scope["type"] == "websocket" and self.of(key_id) >= MAX_STREAMS:
            raise TooManyStreamsError
        stream.key_id, stream.revocable = key_id, revocable
        if scope["type"] == "websocket":
            self._last(stream)

    def watched(self, app: ASGIApp) -> ASGIApp:
        """Answer as `app` does, and know what stays open."""

        async def watching(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] not in ("http", "websocket"):
                await app(scope, receive, send)
                return
            stream = scope[STREAM] = Stream()
            socket = scope["type"] == "websocket"

            async def received() -> Message:
                if not stream.revocable:
                    return await receive()
                if (message := await stream.next(receive)) is not None:
                    return message
                if socket:
                    await send({"type": "websocket.close", "code": REVOKED, "reason": "the key works no more"})
                return {"type": "websocket.disconnect", "code": REVOKED} if socket else {"type": "http.disconnect"}

            async def sent(message: Message) -> None:
                if stream.over:
                    raise OSError("the key of this stream works no more")
                if message["type"] == "http.response.start" and stream.key_id and _is_event_stream(message):
                    if self.of(stream.key_id) >= MAX_STREAMS:
                        stream.end()
                        await _too_many()(scope, receive, send)
                        return
                    self._last(stream)
                await send(message)

            try:
                await app(scope, received, sent)
            except OSError:
                if not stream.over:
                    raise
            finally:
                stream.leave()
                self._open.discard(stream)
            if stream.over and stream.lasting and not socket:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        return watching

    async def check(self, works: Callable[[str], Awaitable[object | None]]) -> None:
        """End the streams of keys that work no more; `works` says None of those."""
        for key_id in {stream.key_id for stream in self._open if stream.revocable}:
            if await works(key_id) is None:
                for stream in [stream for stream in self._open if stream.key_id == key_id]:
                    self.ended += 1
                    stream.end()

    def _last(self, stream: Stream) -> None:
        stream.lasting = True
        self._open.add(stream)


async def _call(receive: Receive) -> Message:
    return await receive()


def _is_event_stream(message: Message) -> bool:
    headers: list[Any] = message.get("headers", [])
    return any(name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)


def _too_many() -> JSONResponse:
    return JSONResponse({"detail": f"this key has {MAX_STREAMS} streams open"}, 429, {"Retry-After": "5"})
