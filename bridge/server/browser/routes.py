"""The phone in the browser: a call over one WebSocket."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import APIRouter, WebSocket
from starlette.responses import JSONResponse

from bridge.facts.errors import CarrierError
from bridge.server.access.access import Access
from bridge.server.access.credentials import accept
from bridge.server.browser.leg import BrowserLeg
from bridge.server.personas import PersonaBook
from bridge.server.seats import NoSeat, Wanted, seat_for
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket

log = logging.getLogger("bridge.browser")

MAX_STARTING: Final = 64
"""Sockets that may be open before their call has begun."""


def phone_routes(switchboard: Switchboard, book: PersonaBook, access: Access, *, record: bool) -> APIRouter:
    """The router. `record` says whether a call is recorded whose client leaves that open."""
    router = APIRouter()
    starting = 0

    @router.websocket("/phone")
    async def phone(socket: WebSocket) -> None:
        nonlocal starting
        if await access.admit(socket, "talk") is None:
            return
        if starting >= MAX_STARTING:
            await socket.send_denial_response(JSONResponse({"detail": "too many calls begin at once"}, 503))
            return
        starting += 1
        try:
            await accept(socket)
            leg = BrowserLeg(socket)
            ticket = await _seated(leg)
            if ticket is None:
                return
            await leg.begin(ticket, lambda: switchboard.live.get(ticket.call_id))
        finally:
            starting -= 1
        await switchboard.hold_started(ticket, leg)

    async def _seated(leg: BrowserLeg) -> Ticket | None:
        """A ticket for the call that the client asks for; None if it has been turned away."""
        try:
            asked = await leg.asked()
        except CarrierError as error:
            await leg.close(error.close_code, str(error))
            return None
        wanted = Wanted(asked.persona, asked.voice, asked.text_prompt, asked.seed)
        may_record = record if asked.record is None else asked.record
        seat = await seat_for(switchboard, book, wanted, carrier="browser", record=may_record)
        if isinstance(seat, NoSeat):
            await leg.close(seat.close_code, seat.why)
            return None
        return seat

    return router
