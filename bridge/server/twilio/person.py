"""Putting a caller through: the person is told first who is calling, may have to take the call with a key, and where
nobody takes it the caller comes back to the agent, who knows what was said.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response
from twilio.twiml.voice_response import VoiceResponse

from bridge.facts.errors import EngineError
from bridge.server.away import Absence
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket
from bridge.server.twilio import answers
from bridge.server.twilio.requests import Desk, field, repetition, twiml
from bridge.transcript.continued import brief

log = logging.getLogger("bridge.twilio")

RECALL_SECONDS: Final = 5.0
"""Time that the engine has to take in what was said; Twilio waits 15 s for an answer."""

NOT_TAKEN: Final = {
    "busy": "the person's line was busy",
    "no-answer": "the person did not answer",
    "failed": "the person could not be reached",
    "canceled": "the person was rung no longer",
    "completed": "the person did not take the call",
}
"""How a person was not reached, by Twilio's word for it."""

STATES: Final = frozenset({"initiated", "ringing", "in-progress", *NOT_TAKEN})
"""States of the call to a person."""


def person_routes(router: APIRouter, desk: Desk) -> None:
    """Add the webhooks of a transfer. Each names the call by our own id."""
    away = desk.switchboard.away

    @router.post("/whisper/{call_id}")
    async def whisper(request: Request, call_id: str) -> Response:
        """The person has answered, and hears something before the caller does."""
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        return twiml(await _whisper(desk, call_id, field(form, "ParentCallSid")))

    @router.post("/accept/{call_id}")
    async def accept(request: Request, call_id: str) -> Response:
        """The person has pressed a key: the two are put through."""
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        if absence := away.get(call_id):
            absence.taken = True
        return twiml(VoiceResponse())

    @router.post("/person/{call_id}")
    async def person(request: Request, call_id: str) -> Response:
        """The person is not on the line, or not any more: what now?"""
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        return await desk.replays.once(repetition(request, form), lambda: _afterwards(desk, call_id, form))

    @router.post("/person-status/{call_id}")
    async def person_status(request: Request, call_id: str) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        status, seconds = field(form, "CallStatus"), field(form, "CallDuration")
        if status in STATES:
            away.person(call_id, status, int(seconds) if seconds.isdecimal() else None)
        return Response(status_code=204)


async def _whisper(desk: Desk, call_id: str, carrier_id: str) -> VoiceResponse:
    register = desk.switchboard.register
    known = register.live.get(call_id) or register.past(carrier_id)
    if known is None or known.ticket.call_id != call_id:
        return VoiceResponse()
    ticket = known.ticket
    line = brief(ticket.persona.business, ticket.party, await register.records_of(call_id, carrier_id))
    absence = desk.switchboard.away.get(call_id)
    must_accept = absence is not None and ticket.persona.transfer_accept
    return answers.whisper(line, f"{desk.settings.public_url}/twilio/accept/{call_id}" if must_accept else "")


async def _afterwards(desk: Desk, call_id: str, form: FormData) -> Response:
    away = desk.switchboard.away
    absence = away.get(call_id)
    if absence is None:  # the engine had failed, or the server was started again: there is nowhere to go back to
        taken = _taken(form, accepted=True)
        return twiml(answers.hang_up() if taken else answers.say_and_hang_up(answers.NOBODY_THERE))
    if _taken(form, accepted=absence.taken or not absence.live.ticket.persona.transfer_accept):
        seconds = field(form, "DialCallDuration")
        away.over(call_id, f"they talked for {seconds} s" if seconds.isdecimal() else "they talked")
        return twiml(answers.hang_up())
    why = NOT_TAKEN.get(field(form, "DialCallStatus"), "the person was not reached")
    if field(form, "CallStatus") not in ("in-progress", ""):
        away.over(call_id, f"the caller hung up: {why}")
        return twiml(answers.hang_up())
    return twiml(await _come_back(desk, absence, why))


def _taken(form: FormData, *, accepted: bool) -> bool:
    """Whether the two have talked. A person who hangs up before they are put through has `completed` a call as well."""
    return accepted and field(form, "DialCallStatus") == "completed" and field(form, "DialBridged") != "false"


async def _come_back(desk: Desk, absence: Absence, why: str) -> VoiceResponse:
    """Connect the caller with the agent again."""
    switchboard, ticket = desk.switchboard, absence.live.ticket
    if switchboard.draining or switchboard.engine.state != "ready" or switchboard.free < 1:
        switchboard.away.over(ticket.call_id, f"{why}, and no slot was free to come back to")
        return answers.say_and_hang_up(answers.NOBODY_THERE)
    ticket = await _recalled(switchboard, absence)
    if switchboard.away.back(ticket.call_id) is None:  # it has ended meanwhile
        return answers.hang_up()
    log.info("call %s: comes back to the agent: %s", ticket.call_id, why)
    token = switchboard.promise(ticket)
    return answers.connect(ticket, desk.signatures.stream_url(f"/twilio/media/{token}"), desk.settings.public_url)


async def _recalled(switchboard: Switchboard, absence: Absence) -> Ticket:
    """A ticket for a stream on which the agent knows what was said, if the engine can take it in in time."""
    live = absence.live
    persona = live.ticket.persona.model_copy(update={"resume_say": live.ticket.persona.transfer_unanswered})
    try:
        async with asyncio.timeout(RECALL_SECONDS):
            recalled = await switchboard.seating.recalled(replace(live.ticket, persona=persona), live.records)
            return replace(recalled, persona=live.ticket.persona)
    except (TimeoutError, EngineError) as error:
        log.warning("call %s: begins anew: %s", live.ticket.call_id, error or "the engine is too slow")
        return live.ticket
