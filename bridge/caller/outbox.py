"""The way of a call's messages to the bridge: at once, or each delayed by a random time as on a jittery line."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

WAITING: Final = 1024
"""Messages that may be under way at once; when they are, whoever sends more waits."""


class Outbox:
    """Sends one call's messages in order. `on_media_sent` is told the number of each caller packet as it leaves."""

    def __init__(
        self, socket: ClientConnection, jitter_ms: float, rng: random.Random, on_media_sent: Callable[[int], None]
    ) -> None:
        """With `jitter_ms` 0 nothing is delayed and there is no queue."""
        self._socket = socket
        self._jitter_s = jitter_ms / 1000
        self._random = rng
        self._on_media_sent = on_media_sent
        self._queue: asyncio.Queue[tuple[float, str, int]] = asyncio.Queue(WAITING)
        self._lost: ConnectionClosed | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Outbox:
        """Begin to deliver."""
        if self._jitter_s:
            self._task = asyncio.create_task(self._deliver(), name="outbox")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever is still under way is lost with the line."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def send(self, text: str, media_number: int = 0) -> None:
        """Send a message; `media_number` is the number of the packet in it, if it carries one.

        Raises `ConnectionClosed` once the socket is gone.
        """
        if self._task is None:
            await self._leave(text, media_number)
            return
        if self._lost:
            raise self._lost
        await self._queue.put((time.monotonic() + self._random.random() * self._jitter_s, text, media_number))

    async def flush(self) -> None:
        """Wait until everything has left, or the socket is gone."""
        await self._queue.join()

    async def _leave(self, text: str, media_number: int) -> None:
        await self._socket.send(text)
        if media_number:
            self._on_media_sent(media_number)

    async def _deliver(self) -> None:
        while True:
            due, text, media_number = await self._queue.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not self._lost:
                try:
                    await self._leave(text, media_number)
                except ConnectionClosed as error:
                    self._lost = error
            self._queue.task_done()
