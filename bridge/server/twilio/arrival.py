"""A call that comes in: who answers it, and its way into a slot or past it."""

from __future__ import annotations

import logging

from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import Response

from bridge.server.admission import cannot_take, who_answers, why_nobody
from bridge.server.journal import new_call_id
from bridge.server.personas import OnDuty
from bridge.server.tokens import Ticket
from bridge.server.twilio import answers
from bridge.server.twilio.overflow import turn_away
from bridge.server.twilio.requests import Desk, field, twiml

log = logging.getLogger("bridge.twilio")


async def answer_call(desk: Desk, request: Request, form: FormData) -> Response:
    """What the carrier is told of a call that asks to come in."""
    duty = await on_duty(desk, request, form)
    if duty is None:
        why = why_nobody(desk.book, request.query_params.get("persona"))
        log.warning("a call was turned away: %s", why)
        return twiml(answers.say_and_hang_up(answers.NOT_IN_SERVICE))
    ticket = Ticket(
        call_id=new_call_id(),
        carrier_id=field(form, "CallSid"),
        persona=duty.persona,
        persona_key=duty.key,
        from_number=field(form, "From"),
        to_number=field(form, "To"),
        record=_switch(request.query_params.get("record"), desk.settings.record),
    )
    if refusal := cannot_take(desk.switchboard, ticket.from_number):
        return turn_away(desk, request, ticket, refusal)
    return connect_call(desk, ticket)


async def on_duty(desk: Desk, request: Request, form: FormData) -> OnDuty | None:
    """The persona that answers, in its latest version."""
    await desk.book.refresh()
    pinned = request.query_params.get("persona")
    return who_answers(desk.book, pinned, field(form, "To"), desk.settings.default_persona)


def connect_call(desk: Desk, ticket: Ticket) -> Response:
    """Promise a slot to a call, and have its stream opened."""
    token = desk.switchboard.promise(ticket)
    stream_url = desk.signatures.stream_url(f"/twilio/media/{token}")
    return twiml(answers.connect(ticket, stream_url, desk.settings.public_url))


def _switch(value: str | None, default: bool) -> bool:
    """`record=1` or `record=0` in a webhook's address decides for that number; anything else leaves the setting."""
    return {"1": True, "0": False}.get(value or "", default)
