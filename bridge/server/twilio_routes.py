"""Twilio's requests: the voice webhook, the stream, and what Twilio asks or tells afterwards."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, WebSocket
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, Response
from twilio.twiml.voice_response import Connect, VoiceResponse

from bridge.call.session import Outcome
from bridge.persona.schema import Persona
from bridge.server.journal import new_call_id
from bridge.server.personas import OnDuty, PersonaBook
from bridge.server.signature import Signatures
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket
from bridge.server.twilio_leg import TwilioLeg

log = logging.getLogger("bridge.twilio")

MAX_FIELD: Final = 200
"""Longest call id or number taken from a form; Twilio's own have 34 and 16 characters."""

APOLOGY: Final = "I'm sorry, we have a technical problem. Please call again in a moment."
BUSY: Final = "I'm sorry, all our lines are busy. Please call again in a moment."
CLOSING: Final = "I'm sorry, we cannot take your call right now. Please call again in a moment."
NOT_IN_SERVICE: Final = "This number is not in service."

KNOWN_STREAM_ERRORS: Final = {
    "31901": "the stream's socket timed out",
    "31902": "the stream's socket was refused",
    "31920": "the stream's upgrade was not answered with 101: wrong address, expired token or refused signature",
    "31921": "our side closed the stream",
    "31922": "the stream's address is not wss",
    "31923": "the stream's address is malformed",
    "31924": "the stream broke the WebSocket protocol",
    "31941": "the stream's track was not valid",
    "31950": "Twilio did not understand a message of ours",
}
"""Twilio's error codes for streams, in words."""


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """What the routes need to know of the settings."""

    public_url: str
    default_persona: str | None
    record: bool


def twilio_routes(
    switchboard: Switchboard, book: PersonaBook, signatures: Signatures, settings: TwilioSettings
) -> APIRouter:
    """The router with Twilio's requests."""
    router = APIRouter(prefix="/twilio", include_in_schema=False)

    async def signed_form(request: Request) -> FormData | Response:
        """The form of a webhook, or the refusal of one that Twilio did not sign."""
        form = await request.form()
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        problem = signatures.webhook_problem(target, form, request.headers.get("x-twilio-signature"))
        if not problem:
            return form
        log.warning("%s refused: %s", request.url.path, problem)
        return JSONResponse({"error": "forbidden", "detail": problem}, status_code=403)

    @router.post("/voice")
    async def voice(request: Request) -> Response:
        form = await signed_form(request)
        if isinstance(form, Response):
            return form
        carrier_id = _field(form, "CallSid")
        if not carrier_id:
            return JSONResponse(
                {"error": "bad_request", "detail": "the form has no CallSid; is this Twilio's voice webhook?"}, 400
            )
        await book.refresh()
        to_number = _field(form, "To")
        duty = _who_answers(book, request.query_params.get("persona"), to_number, settings.default_persona)
        if duty is None:
            log.warning("a call was turned away: no persona answers this number, and DEFAULT_PERSONA names none")
            return _twiml(_say_and_hang_up(NOT_IN_SERVICE))
        if refusal := _cannot_take(switchboard):
            log.warning("a call for %s was turned away: %s", duty.persona.name, refusal[0])
            return _twiml(_say_then_person(refusal[1], duty.persona))
        ticket = Ticket(
            call_id=new_call_id(),
            carrier_id=carrier_id,
            persona=duty.persona,
            persona_key=duty.key,
            from_number=_field(form, "From"),
            to_number=to_number,
            record=_switch(request.query_params.get("record"), settings.record),
        )
        token = switchboard.tokens.issue(ticket)
        return _twiml(_connect(ticket, signatures.stream_url(f"/twilio/media/{token}"), settings.public_url))

    @router.post("/after")
    async def after(request: Request) -> Response:
        """The stream is over: what now?"""
        form = await signed_form(request)
        if isinstance(form, Response):
            return form
        known = switchboard.outcome(_field(form, "CallSid"))
        return _twiml(_what_now(*known) if known else _say_and_hang_up(APOLOGY))

    @router.post("/stream-status")
    async def stream_status(request: Request) -> Response:
        form = await signed_form(request)
        if isinstance(form, Response):
            return form
        if _field(form, "StreamEvent") == "stream-error":
            code = _field(form, "StreamErrorCode") or _field(form, "StreamError")[:5]
            words = KNOWN_STREAM_ERRORS.get(code, "unknown to this version")
            log.error("Twilio reports stream error %r for call %s: %s", code, _field(form, "CallSid"), words)
        return Response(status_code=204)

    @router.websocket("/media/{token}")
    async def media(socket: WebSocket, token: str) -> None:
        problem = signatures.upgrade_problem(socket.url.path, socket.headers.get("x-twilio-signature"))
        if problem:
            log.warning("a stream was refused: %s", problem)
            await socket.send_denial_response(JSONResponse({"error": "forbidden", "detail": problem}, 403))
            return
        ticket = switchboard.tokens.take(token)
        if ticket is None:
            detail = "this stream address was never issued, has been used, or has expired"
            log.warning("a stream was refused: %s", detail)
            await socket.send_denial_response(JSONResponse({"error": "forbidden", "detail": detail}, 403))
            return
        await socket.accept()
        await switchboard.hold(ticket, TwilioLeg(socket))

    return router


def _who_answers(book: PersonaBook, pinned: str | None, number: str, default: str | None) -> OnDuty | None:
    if pinned is not None:
        return book.by_name(pinned)
    return book.by_number(number) or (book.by_name(default) if default else None)


def _cannot_take(switchboard: Switchboard) -> tuple[str, str] | None:
    """Why no call can be taken now, for the log and for the caller."""
    if switchboard.draining:
        return "the server is stopping", CLOSING
    if switchboard.engine.state != "ready":
        return f"the {switchboard.engine.name} engine is {switchboard.engine.state}", APOLOGY
    if switchboard.free < 1:
        return "all slots are taken", BUSY
    return None


def _connect(ticket: Ticket, stream_url: str, public_url: str) -> VoiceResponse:
    response = VoiceResponse()
    connect = Connect(action=f"{public_url}/twilio/after")
    stream = connect.stream(url=stream_url, name=ticket.call_id, status_callback=f"{public_url}/twilio/stream-status")
    stream.parameter(name="call_id", value=ticket.call_id)
    stream.parameter(name="persona", value=ticket.persona.name)
    response.append(connect)
    # Reached only where `action` is not: the stream could not be opened.
    _apologise(response, APOLOGY, ticket.persona)
    return response


def _what_now(outcome: Outcome, ticket: Ticket) -> VoiceResponse:
    response = VoiceResponse()
    person = ticket.persona.transfer
    match outcome.how:
        case "transfer" | "engine_failed" if person:  # the caller has been told already
            response.dial(person)
        case "carrier_lost" | "protocol_error" | "internal_error" | "shutdown":
            _apologise(response, APOLOGY, ticket.persona)
        case _:
            response.hangup()
    return response


def _say_then_person(line: str, persona: Persona) -> VoiceResponse:
    response = VoiceResponse()
    _apologise(response, line, persona)
    return response


def _apologise(response: VoiceResponse, line: str, persona: Persona) -> None:
    response.say(line)
    if persona.transfer:
        response.dial(persona.transfer)
    else:
        response.hangup()


def _say_and_hang_up(line: str) -> VoiceResponse:
    response = VoiceResponse()
    response.say(line)
    response.hangup()
    return response


def _twiml(response: VoiceResponse) -> Response:
    return Response(str(response), media_type="text/xml")


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value[:MAX_FIELD] if isinstance(value, str) else ""


def _switch(value: str | None, default: bool) -> bool:
    """`record=1` or `record=0` in a webhook's address decides for that number; anything else leaves the setting."""
    return {"1": True, "0": False}.get(value or "", default)
