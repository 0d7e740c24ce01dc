"""The leg of a client that speaks a public server's protocol: sound at 24 kHz, no times on it, no marks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.carrier.playback import Playback
from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Command, Ended, Event
from bridge.server.seats import NoSeat
from bridge.server.socket_leg import SocketLeg
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket

LOOK_SECONDS: Final = 0.05
"""How often a leg looks what has been played and recorded while its client sends nothing."""

AHEAD_MS: Final = 500.0
"""Sound further ahead of time waits, and its client is not read meanwhile: it sends a file, or floods us."""

LEFT: Final = frozenset({1000, 1001, 1005})
"""Close codes of a client that hangs up: done, page closed, and none given (RFC 6455, 7.4.1)."""


class ClientStream(Protocol):
    """A protocol object for a client without marks; see `bridge.carrier.moshi` and `bridge.carrier.conversation`."""

    playback: Playback

    def receive(self, message: bytes | str, now_ms: float) -> list[Event]:
        """Take one message. Raises `CarrierError` where the stream cannot go on."""

    def send(self, command: Command, now_ms: float) -> Sequence[bytes | str]:
        """One command as messages."""


class ClientLeg(SocketLeg):
    """One accepted WebSocket of such a client. Owner: its route, then the call."""

    wide = True

    def __init__(self, socket: WebSocket, stream: ClientStream, clock: Callable[[], float] = time.monotonic) -> None:
        """`socket` has been accepted; `clock` gives monotonic seconds."""
        super().__init__(socket)
        self._stream, self._clock = stream, clock
        self._waiting: deque[Event] = deque()
        self._receiving: asyncio.Task[str | bytes] | None = None

    @property
    def now_ms(self) -> float:
        """The clock in milliseconds."""
        return self._clock() * 1000

    async def seated(self, switchboard: Switchboard, seeking: Coroutine[Any, Any, Ticket | NoSeat]) -> Ticket | None:
        """The seat that is found while the client is listened to already.

        None: there is none, or the client has gone meanwhile, or broken its protocol; the socket has been closed.
        """
        seat = asyncio.ensure_future(seeking)
        try:
            while not seat.done():
                await asyncio.wait({seat, self._incoming()}, return_when=asyncio.FIRST_COMPLETED)
                if self._incoming().done():
                    self._waiting += await self._received(0)
        except (WebSocketDisconnect, CarrierError) as error:
            await _unseat(switchboard, seat)
            code = error.close_code if isinstance(error, CarrierError) else 1000
            await self.refuse(code, str(error))
            return None
        except asyncio.CancelledError:
            await _unseat(switchboard, seat)
            raise
        found = seat.result()
        if isinstance(found, NoSeat):
            await self.refuse(found.close_code, found.why)
            return None
        return found

    async def refuse(self, code: int, why: str) -> None:
        """There will be no call: say why, and close."""
        await self.close(code, why)

    async def begin(self, messages: Iterable[bytes | str], events: Iterable[Event]) -> None:
        """The call begins: `messages` say so to the client, `events` are what it has said meanwhile."""
        self._waiting += events
        await self._write(messages)

    async def events(self) -> AsyncIterator[Event]:
        """Events until the socket ends, and the marks that have become due."""
        try:
            while True:
                while self._waiting and self._is_due(self._waiting[0]):
                    yield self._waiting.popleft()
                for event in self._stream.playback.played(self.now_ms):
                    yield event
                await self._look()
                if self._waiting:
                    await asyncio.sleep(LOOK_SECONDS)
                else:
                    self._waiting += await self._received(LOOK_SECONDS)
        except WebSocketDisconnect:
            if self.close_code in LEFT:
                yield Ended("the client hung up")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, once."""
        await super().close(code, reason)
        if self._receiving:
            self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)

    async def _look(self) -> None:
        """Something that is to be done now and then."""

    def _incoming(self) -> asyncio.Task[str | bytes]:
        """The next message, being waited for. It outlives those who wait: a message is never half taken."""
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._receive())
        return self._receiving

    async def _received(self, seconds: float) -> list[Event]:
        """Events of the next message, if it comes in time."""
        incoming = self._incoming()
        await asyncio.wait({incoming}, timeout=seconds)
        if not incoming.done():
            return []
        self._receiving = None
        return self._events(incoming.result())

    def _is_due(self, event: Event) -> bool:
        return not isinstance(event, Audio) or event.at_ms <= self.now_ms + AHEAD_MS

    def _events(self, message: str | bytes) -> list[Event]:
        return self._stream.receive(message, self.now_ms)

    def _messages(self, command: Command) -> Sequence[bytes | str]:
        return self._stream.send(command, self.now_ms)


async def _unseat(switchboard: Switchboard, seat: asyncio.Future[Ticket | NoSeat]) -> None:
    """Nobody waits for this seat any more."""
    seat.cancel()
    [found] = await asyncio.gather(seat, return_exceptions=True)
    if isinstance(found, Ticket):
        switchboard.give_up(found)
