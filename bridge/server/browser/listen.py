"""Listening in to a call: both sides of it over a WebSocket, as the caller hears them.

Listening is not recording: it needs no notice, as little as a supervisor's headset does, but a key that is good for
`calls:listen`. A caller who has refused to be recorded is not listened to either.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import Final

from fastapi import APIRouter, WebSocket
from starlette.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from bridge.facts.formats import PHONE_RATE
from bridge.server.access.access import Access
from bridge.server.access.credentials import accept
from bridge.server.browser.onlookers import Onlookers
from bridge.server.register import LiveCall
from bridge.server.switchboard import Switchboard

FORMAT: Final = json.dumps({"type": "format", "rate": PHONE_RATE, "channels": 2, "encoding": "pcm_s16le"})

BYTES_PER_MS: Final = 4 * PHONE_RATE // 1000
"""Two channels of 16 bits."""

MAX_WAITING: Final = 5000 * BYTES_PER_MS
"""Bytes of sound that may wait for a slow listener; beyond it the oldest second is dropped and counted."""

DROPPED: Final = 1000 * BYTES_PER_MS

SEND_SECONDS: Final = 15.0
"""A socket that takes nothing for so long is dead."""

MAX_MESSAGES: Final = 100
"""Messages that a listener may send, none of which means anything."""

REFUSED: Final = 4403
"""Close code where the caller has refused to be recorded."""


class LiveTap:
    """One listener's sound on its way. A `bridge.call.audience.Tap`."""

    def __init__(self, onlookers: Onlookers) -> None:
        """Nothing waits."""
        self.close_code, self.why = 1000, ""
        self._onlookers = onlookers
        self._blocks: deque[bytes] = deque()
        self._bytes = 0
        self._over = False
        self._arrived = asyncio.Event()

    def take(self, stereo: bytes) -> None:
        """See `Tap`."""
        self._blocks.append(stereo)
        self._bytes += len(stereo)
        if self._bytes > MAX_WAITING:
            most = self._bytes - DROPPED
            while self._bytes > most:
                lost = len(self._blocks.popleft())
                self._bytes -= lost
                self._onlookers.tap_ms_lost += lost // BYTES_PER_MS
        self._arrived.set()

    def end(self, why: str, *, refused: bool = False) -> None:
        """See `Tap`. What waits is not to be heard any more where the caller has refused."""
        self._over, self.why = True, why
        if refused:
            self.close_code = REFUSED
            self._blocks.clear()
        self._arrived.set()

    async def next(self) -> bytes | None:
        """The next sound; None at the end."""
        while not self._blocks:
            if self._over:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        block = self._blocks.popleft()
        self._bytes -= len(block)
        return block


def listen_routes(switchboard: Switchboard, onlookers: Onlookers, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter()

    @router.websocket("/calls/{call_id}/listen")
    async def listen(socket: WebSocket, call_id: str) -> None:
        if await access.admit(socket, "calls:listen") is None:
            return
        tap = LiveTap(onlookers)
        live = switchboard.live.get(call_id)
        if problem := _join(live, tap):
            await socket.send_denial_response(JSONResponse({"detail": problem[1]}, problem[0]))
            return
        assert live is not None
        onlookers.taps += 1
        try:
            await accept(socket)
            await _pass_on(socket, tap)
        finally:
            onlookers.taps -= 1
            live.audience.leave(tap)

    return router


def _join(live: LiveCall | None, tap: LiveTap) -> tuple[int, str] | None:
    """Let a tap hear a call, or why it cannot: a status and words."""
    if live is None or live.over:
        return 404, "there is no such call in progress"
    if live.audience.join(tap):
        return None
    if live.audience.closed:
        return 403, "the caller does not want to be recorded, or the call is ending"
    return 429, "too many listen in to this call already"


async def _pass_on(socket: WebSocket, tap: LiveTap) -> None:
    """Send what is heard until the call ends, the listener leaves, or takes nothing any more."""
    leaving = asyncio.create_task(_until_left(socket, tap))
    try:
        await socket.send_text(FORMAT)
        while (block := await tap.next()) is not None:
            async with asyncio.timeout(SEND_SECONDS):
                await socket.send_bytes(block)
        if socket.client_state is WebSocketState.CONNECTED:
            async with asyncio.timeout(SEND_SECONDS):
                await socket.close(tap.close_code, tap.why)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return  # nobody is there; RuntimeError is how Starlette says that the socket has been closed under us
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


async def _until_left(socket: WebSocket, tap: LiveTap) -> None:
    """A listener has nothing to say; one who talks on and on is sent away."""
    with contextlib.suppress(RuntimeError):
        for _ in range(MAX_MESSAGES):
            if (await socket.receive())["type"] == "websocket.disconnect":
                break
        else:
            tap.close_code = 1008
    tap.end("the listener has left" if tap.close_code == 1000 else "a listener has nothing to say")
