"""The carrier leg of a call from a browser, or from a program that talks like one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.carrier.browser import Answer, BrowserPhone, Start
from bridge.facts.events import Command, Ended, Event
from bridge.server.register import LiveCall
from bridge.server.socket_leg import SocketLeg
from bridge.server.tokens import Ticket
from bridge.transcript.records import Ended as EndedRecord

LEFT: Final = (1000, 1001)
"""Close codes of a client that has left (RFC 6455, section 7.4.1); with any other the connection was lost."""


class BrowserLeg(SocketLeg):
    """One accepted WebSocket of a browser. Owner: the call.

    The client is shown the records of its call as they are written, and how the call ended.
    """

    def __init__(self, socket: WebSocket, clock: Callable[[], float] = time.monotonic) -> None:
        """`socket` has been accepted; `clock` gives monotonic seconds."""
        super().__init__(socket)
        self._phone = BrowserPhone()
        self._clock = clock
        self._find: Callable[[], LiveCall | None] = lambda: None
        self._live: LiveCall | None = None
        self._shown = 0
        self._showing: asyncio.Task[None] | None = None

    async def asked(self) -> Start:
        """Wait for the client to say whom it wants. Raises `CarrierError` if it says something else, or nothing."""
        await self.start()
        self.wide = self._phone.wide
        assert self._phone.wanted is not None
        return self._phone.wanted

    async def begin(self, ticket: Ticket, find: Callable[[], LiveCall | None]) -> None:
        """Tell the client that its call begins; `find` gives the call, as others see it, once it is held."""
        self._find = find
        persona = ticket.persona
        text = self._phone.started(
            call_id=ticket.call_id, persona=persona.name, business=persona.business, language=persona.language
        )
        await self._write([text])

    async def events(self) -> AsyncIterator[Event]:
        """Events until the socket ends; pings are answered as they come."""
        self._live = self._find()
        if self._live:
            self._showing = asyncio.create_task(self._show(self._live))
        try:
            while True:
                for said in self._said(await self._receive()):
                    if isinstance(said, Answer):
                        await self._write([said.text])
                    else:
                        yield said
        except WebSocketDisconnect:
            if self.close_code in LEFT:
                yield Ended("the caller left the page")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Show what is left to show, and close the socket, once."""
        if self._showing:
            self._showing.cancel()
        if self._live and not (self._closed or self.broken):
            await self._show_news(self._live)
            ends = [record for record in self._live.records[-1:] if isinstance(record, EndedRecord)]
            await self._write(self._phone.ended(record) for record in ends)
        await super().close(code, reason)

    async def _show(self, live: LiveCall) -> None:
        """Each record as it comes. What waits is the record itself, which is bounded."""
        while not live.over:
            changed = live.changed
            await self._show_news(live)
            await changed.wait()

    async def _show_news(self, live: LiveCall) -> None:
        while self._shown < len(live.records):
            self._shown += 1
            await self._write([self._phone.record(live.records[self._shown - 1])])

    def _said(self, message: str | bytes) -> list[Event | Answer]:
        now_ms = 1000 * self._clock()
        if isinstance(message, str):
            return self._phone.receive(message, now_ms)
        return self._phone.receive_audio(message, now_ms)

    def _events(self, message: str | bytes) -> list[Event]:
        return [said for said in self._said(message) if not isinstance(said, Answer)]

    def _messages(self, command: Command) -> Iterable[str | bytes]:
        return self._phone.send(command)
