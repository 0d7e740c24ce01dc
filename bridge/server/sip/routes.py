"""Asterisk's requests: may a call come, the socket of a call, and what to do with the caller when it is over.

All need the name and password that `callbridge sip config` wrote into Asterisk's files, and come from a network in
SIP_ALLOW. Nothing of a SIP header is believed beyond what it is for: numbers are looked up, never made into anything.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, WebSocket
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bridge.facts.errors import CarrierError
from bridge.server.admission import cannot_take, who_answers, why_nobody
from bridge.server.journal import new_call_id
from bridge.server.personas import PersonaBook
from bridge.server.sip.calls_out import CALL
from bridge.server.sip.leg import AsteriskLeg
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket

log = logging.getLogger("bridge.sip")

USER: Final = "asterisk"
"""The name with which Asterisk comes."""

MAX_STARTING: Final = 64
"""Sockets that may be open before their MEDIA_START; it follows the upgrade within milliseconds."""

NO_PERSONA: Final = "1"
BUSY: Final = "34"
HANG_UP: Final = "16"
"""Causes of ITU-T Q.850 for the dial plan: unallocated number (404 in SIP), no circuit (503), normal clearing."""

_CHANNEL_ID: Final = re.compile(r"[0-9A-Za-z_-]{0,64}[0-9]{1,12}\.[0-9]{1,12}")
"""Asterisk's own id of a channel: seconds and a count, behind the name of the system if it has one."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class SipSettings:
    """What the routes need to know of the settings."""

    password: str
    allow: tuple[Network, ...]
    default_persona: str | None
    record: bool


def sip_routes(switchboard: Switchboard, book: PersonaBook, settings: SipSettings) -> APIRouter:
    """The router with Asterisk's requests."""
    router = APIRouter(prefix="/sip", include_in_schema=False)
    turned_away: dict[str, str] = {}
    starting = 0

    @router.websocket("/media")
    async def media(socket: WebSocket) -> None:
        nonlocal starting
        if problem := _stranger(socket, settings):
            log.warning("a channel was refused: %s", problem)
            await socket.send_denial_response(JSONResponse({"error": "forbidden", "detail": problem}, 403))
            return
        if starting >= MAX_STARTING:
            log.warning("a channel was refused: %d are being opened already", starting)
            await socket.send_denial_response(JSONResponse({"error": "busy", "detail": "too many at once"}, 503))
            return
        starting += 1
        try:
            await socket.accept(subprotocol="media" if "media" in socket.scope["subprotocols"] else None)
            leg = AsteriskLeg(socket)
            ticket = await _received(leg)
        finally:
            starting -= 1
        if ticket:
            await leg.answer()
            await switchboard.hold_started(ticket, leg)

    async def _received(leg: AsteriskLeg) -> Ticket | None:
        """Who calls whom, if the call can be taken; otherwise it has been turned away."""
        try:
            started = await leg.start()
        except CarrierError as error:
            log.warning("a channel was refused: %s", error)
            await leg.close(error.close_code, str(error))
            return None
        said = started.parameters
        channel = _channel_id(said)
        if CALL in said:
            return await _placed(leg, said[CALL], channel or started.call_id)
        await book.refresh()
        pinned = said.get("BRIDGE_PERSONA") or None
        duty = who_answers(book, pinned, _e164(said.get("SIP_TO", "")), settings.default_persona)
        if duty is None:
            log.warning("a call was turned away: %s", why_nobody(book, pinned))
            await _turn_away(leg, channel, NO_PERSONA, "no persona answers this number")
            return None
        if refusal := cannot_take(switchboard, said.get("SIP_FROM", "")):
            log.warning("a call for %s was turned away: %s", duty.persona.name, refusal.why)
            await _turn_away(leg, channel, BUSY, refusal.why)
            return None
        return Ticket(
            call_id=new_call_id(),
            carrier_id=channel or started.call_id,
            persona=duty.persona,
            persona_key=duty.key,
            from_number=_e164(said.get("SIP_FROM", "")),
            to_number=_e164(said.get("SIP_TO", "")),
            record=settings.record,
            carrier="sip",
        )

    async def _placed(leg: AsteriskLeg, call_id: str, channel: str) -> Ticket | None:
        """The ticket of a call that we placed and that has been answered."""
        found = switchboard.tokens.bind(call_id, channel)
        if found is None:
            log.warning("a call that we did not place, or long ago, was answered; it is hung up")
            await _turn_away(leg, channel, HANG_UP, "this call is not expected")
            return None
        return switchboard.tokens.take(found[0])

    async def _turn_away(leg: AsteriskLeg, channel: str, cause: str, why: str) -> None:
        turned_away[channel] = cause
        while len(turned_away) > MAX_STARTING:
            turned_away.pop(next(iter(turned_away)))
        await leg.refuse(why)

    @router.get("/ready")
    async def ready(request: Request) -> Response:
        """Asked before a call is handed over: `yes`, or the cause with which to turn it away."""
        if problem := _stranger(request, settings):
            log.warning("%s refused: %s", request.url.path, problem)
            return JSONResponse({"error": "forbidden", "detail": problem}, status_code=403)
        return PlainTextResponse(BUSY if cannot_take(switchboard, caller="") else "yes")

    @router.get("/after/{channel}")
    async def after(request: Request, channel: str) -> Response:
        """What now? A number to refer the caller to, or the cause with which to hang up."""
        if problem := _stranger(request, settings):
            log.warning("%s refused: %s", request.url.path, problem)
            return JSONResponse({"error": "forbidden", "detail": problem}, status_code=403)
        if (cause := turned_away.pop(channel, None)) is not None:
            return PlainTextResponse(cause)
        past = await switchboard.register.over(channel)
        if past is None:
            return PlainTextResponse(BUSY)
        person = past.outcome.person or past.ticket.persona.transfer
        if person and past.outcome.how in ("transfer", "engine_failed", "internal_error"):
            return PlainTextResponse(person)
        return PlainTextResponse(HANG_UP)

    return router


def _channel_id(said: Mapping[str, str]) -> str:
    """The id of the caller's channel, as the dial plan handed it on; nothing where it did not."""
    given = said.get("BRIDGE_CHANNEL", "")
    return given if _CHANNEL_ID.fullmatch(given) else ""


def _e164(number: str) -> str:
    """A number with its plus. Trunks leave it out, or write 00; an extension of a PBX stays what it is."""
    digits = number.removeprefix("+").removeprefix("00")
    return f"+{digits}" if digits.isdecimal() and digits.isascii() and 7 <= len(digits) <= 15 else number


def _stranger(request: HTTPConnection, settings: SipSettings) -> str:
    """Why this request is not Asterisk's, in words, or nothing."""
    if not _may_come(request, settings.allow):
        return "Asterisk does not come from this address; SIP_ALLOW lists those from which it may"
    given = _basic(request.headers.get("authorization", ""))
    if not hmac.compare_digest(given.encode(), f"{USER}:{settings.password}".encode()):
        return "name or password is wrong; does websocket_client.conf carry this server's SIP_PASSWORD?"
    return ""


def _may_come(request: HTTPConnection, allow: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return any(address in network for network in allow)


def _basic(header: str) -> str:
    """Name and password of HTTP Basic authentication (RFC 7617), joined by a colon; empty if there are none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
