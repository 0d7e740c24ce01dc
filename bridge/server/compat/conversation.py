"""`WS /ws/conversation`: raw sound both ways, and what both sides say as messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from bridge.carrier.conversation import Conversation, conversation_wish, error_message
from bridge.facts.errors import CarrierError
from bridge.server.access.credentials import accept
from bridge.server.compat.client_leg import ClientLeg
from bridge.server.compat.reception import Reception
from bridge.server.register import LiveCall
from bridge.server.socket_leg import START_SECONDS
from bridge.server.tokens import Ticket

QUIET_SECONDS: Final = 60.0
"""How long a client may send nothing: some are silent while they play the answer."""

NORMAL: Final = 1000


class ConversationLeg(ClientLeg):
    """One accepted WebSocket. Owner: its route, then the call."""

    no_media_seconds = QUIET_SECONDS

    def __init__(self, socket: WebSocket) -> None:
        """`socket` has been accepted, and has said nothing."""
        self.stream = Conversation()
        super().__init__(socket, self.stream)
        self._call: Callable[[], LiveCall | None] = lambda: None
        self._told = 0

    async def first_message(self) -> str | bytes:
        """What the client says first. Raises `CarrierError` where it says nothing."""
        try:
            async with asyncio.timeout(START_SECONDS):
                return await self._receive()
        except TimeoutError:
            raise CarrierError(f"no first message came within {START_SECONDS:g} s") from None
        except WebSocketDisconnect:
            raise CarrierError("the client left without a word", NORMAL) from None

    async def answer(self, ticket: Ticket, call: Callable[[], LiveCall | None]) -> None:
        """Tell the client that its call begins; `call` gives its records once it has."""
        self._call = call
        config: dict[str, Any] = {"call_id": ticket.call_id, "voice": ticket.persona.voice, "seed": ticket.seed}
        known = {"text_prompt": ticket.persona.prompt} if ticket.persona.prompt else {"persona": ticket.persona.name}
        message, said = self.stream.open(self.now_ms, config | known)
        await self.begin([message], said)

    async def refuse(self, code: int, why: str) -> None:
        """There will be no call: say why, and close."""
        await self._write([error_message(why)])
        await self.close(code, why)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say what is left to be said, and close."""
        listens = not (self._closed or self.broken or self.close_code)
        if listens and self.stream.state == "open":
            await self._tell_records()
            last = [*self.stream.answered(), *([error_message(reason)] if code != NORMAL else [])]
            await self._write(last)
        await super().close(code, reason)

    async def _look(self) -> None:
        await self._tell_records()
        until = self.stream.answered_ms
        if until is not None and until <= self.now_ms:
            await self._write(self.stream.answered())

    async def _tell_records(self) -> None:
        """Tell the client of what has been recorded since the last time."""
        call = self._call()
        if call is None:
            return
        new = call.records[self._told :]
        self._told += len(new)
        for record in new:
            await self._write(self.stream.tell(record, self.now_ms))


def conversation_routes(reception: Reception) -> APIRouter:
    """The router."""
    router = APIRouter()

    @router.websocket("/ws/conversation")
    async def conversation(socket: WebSocket) -> None:
        """First message: JSON with `text_prompt` and `voice`, or `persona`; `seed`. Then 24 kHz, 16 bit mono both ways.

        Answers with JSON messages (`config_ack`, `processing`, `transcript`, `done`, `error`) and the agent's sound.
        """
        if await reception.access.admit(socket, "talk") is None:
            return
        await accept(socket)
        leg = ConversationLeg(socket)
        try:
            wish = conversation_wish(await leg.first_message())
        except CarrierError as error:
            await leg.refuse(error.close_code, str(error))
            return
        ticket = await leg.seated(reception.switchboard, reception.seat(wish))
        if ticket is None:
            return
        await leg.answer(ticket, lambda: reception.switchboard.live.get(ticket.call_id))
        await reception.switchboard.hold_started(ticket, leg)

    return router
