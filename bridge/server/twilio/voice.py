"""The voice webhook, and the question what to do when the stream is over."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, Response

from bridge.server.twilio import answers
from bridge.server.twilio.arrival import answer_call
from bridge.server.twilio.probe import answer_probe, is_probe
from bridge.server.twilio.requests import Desk, field, repetition, target, twiml

log = logging.getLogger("bridge.twilio")


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
        return await desk.replays.once(names, lambda: answer_call(desk, request, form))

    @router.post("/after")
    async def after(request: Request) -> Response:
        """The stream is over: what now?"""
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        return await desk.replays.once(repetition(request, form), lambda: _go_on(desk, form))


async def _go_on(desk: Desk, form: FormData) -> Response:
    carrier_id = field(form, "CallSid")
    past = await desk.switchboard.register.over(carrier_id)
    desk.loose_ends.asked(carrier_id)
    if past is None:
        return twiml(answers.say_and_hang_up(answers.APOLOGY))
    desk.switchboard.away.rings(past.ticket.call_id)
    return twiml(answers.what_now(past.outcome, past.ticket, desk.settings.public_url))
