"""The voice webhook, and the question what to do when the stream is over."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, Response

from bridge.call.parting import Outcome
from bridge.server.admission import cannot_take, who_answers
from bridge.server.journal import new_call_id
from bridge.server.tokens import Ticket
from bridge.server.twilio import answers
from bridge.server.twilio.probe import answer_probe, is_probe
from bridge.server.twilio.requests import Desk, field, repetition, target, twiml
from bridge.transcript.records import How

log = logging.getLogger("bridge.twilio")

WORDS: Final = {"stopping": answers.CLOSING, "engine": answers.APOLOGY, "full": answers.BUSY, "caller": answers.BUSY}
"""What a caller hears who is turned away, by the kind of the refusal."""

HOW: Final[dict[str, How]] = {
    "stopping": "shutdown",
    "engine": "engine_failed",
    "full": "engine_full",
    "caller": "too_many_calls",
}
"""How the record of such a call ends."""


def voice_routes(router: APIRouter, desk: Desk) -> None:
    """Add the webhooks that are answered with TwiML."""

    @router.post("/voice")
    async def voice(request: Request) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        if not (carrier_id := field(form, "CallSid")):
            return JSONResponse(
                {"error": "bad_request", "detail": "the form has no CallSid; is this Twilio's voice webhook?"}, 400
            )
        if is_probe(form):
            return await answer_probe(desk, request, form)
        names = [f"{target(request)} {carrier_id}", *repetition(request, form)]
        return await desk.replays.once(names, lambda: _answer_call(desk, request, form))

    @router.post("/after")
    async def after(request: Request) -> Response:
        """The stream is over: what now?"""
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        return await desk.replays.once(repetition(request, form), lambda: _go_on(desk, form))


async def _answer_call(desk: Desk, request: Request, form: FormData) -> Response:
    switchboard, settings = desk.switchboard, desk.settings
    await desk.book.refresh()
    from_number, to_number = field(form, "From"), field(form, "To")
    duty = who_answers(desk.book, request.query_params.get("persona"), to_number, settings.default_persona)
    if duty is None:
        log.warning("a call was turned away: no persona answers this number, and DEFAULT_PERSONA names none")
        return twiml(answers.say_and_hang_up(answers.NOT_IN_SERVICE))
    ticket = Ticket(
        call_id=new_call_id(),
        carrier_id=field(form, "CallSid"),
        persona=duty.persona,
        persona_key=duty.key,
        from_number=from_number,
        to_number=to_number,
        record=_switch(request.query_params.get("record"), settings.record),
    )
    if refusal := cannot_take(switchboard, from_number):
        log.warning("a call for %s was turned away: %s", duty.persona.name, refusal.why)
        switchboard.register.never_held(ticket, Outcome(HOW[refusal.kind], f"turned away: {refusal.why}"))
        if refusal.kind == "caller":  # nor is the person's line for somebody who calls again and again
            return twiml(answers.say_and_hang_up(answers.BUSY))
        return twiml(answers.say_then_person(WORDS[refusal.kind], duty.persona))
    token = switchboard.promise(ticket)
    return twiml(answers.connect(ticket, desk.signatures.stream_url(f"/twilio/media/{token}"), settings.public_url))


async def _go_on(desk: Desk, form: FormData) -> Response:
    carrier_id = field(form, "CallSid")
    past = await desk.switchboard.register.over(carrier_id)
    desk.loose_ends.asked(carrier_id)
    if past is None:
        return twiml(answers.say_and_hang_up(answers.APOLOGY))
    desk.switchboard.away.rings(past.ticket.call_id)
    return twiml(answers.what_now(past.outcome, past.ticket, desk.settings.public_url))


def _switch(value: str | None, default: bool) -> bool:
    """`record=1` or `record=0` in a webhook's address decides for that number; anything else leaves the setting."""
    return {"1": True, "0": False}.get(value or "", default)
