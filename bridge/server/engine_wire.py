"""The server's end of the socket to an engine process, and the end of that process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bridge.engine import messages

END_SECONDS: Final = 2.0
"""A process whose socket is closed has so long to end by itself."""


class Wire(asyncio.Protocol):
    """Cuts the socket's bytes into messages. Owner: one life of the process."""

    def __init__(self, received: Callable[[messages.FromEngine], None], lost: Callable[[str], None]) -> None:
        """`received` takes each message, `lost` the words of why there will be no more."""
        self._received, self._lost = received, lost
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        """Take bytes; give the messages that are whole."""
        self._buffer += data
        start = 0
        header = messages.HEADER
        while len(self._buffer) - start >= header.size:
            (length,) = header.unpack_from(self._buffer, start)
            if length > messages.MAX_MESSAGE:
                self._lost("the engine process sent a message without measure")
                return
            end = start + header.size + length
            if len(self._buffer) < end:
                break
            body = bytes(memoryview(self._buffer)[start + header.size : end])
            self._received(messages.from_engine.decode(body))
            start = end
        del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self._lost("the engine process has ended")


async def reap(process: asyncio.subprocess.Process | None) -> None:
    """A process whose socket is closed ends by itself; one that does not is killed."""
    if process is None:
        return
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
