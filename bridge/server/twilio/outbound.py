"""Twilio's requests of calls that we place: somebody has answered, and who it was."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from bridge.server.calls_out import CallsOut
from bridge.server.twilio import answers
from bridge.server.twilio.requests import Desk, field, repetition, target, twiml
from bridge.server.twilio_client import TwilioError

log = logging.getLogger("bridge.twilio")

ANSWERED_BY = frozenset(
    {
        "human", "unknown", "fax", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other",
    }
)  # fmt: skip
"""What answering-machine detection finds."""


def outbound_routes(router: APIRouter, desk: Desk, calls_out: CallsOut) -> None:
    """Add the webhooks of calls that we place. Each names the call by our own id."""

    @router.post("/answered/{call_id}")
    async def answered(request: Request, call_id: str) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        names = [f"{target(request)} {field(form, 'CallSid')}", *repetition(request, form)]
        return await desk.replays.once(names, lambda: _connect(desk, calls_out, call_id, form))

    @router.post("/machine/{call_id}")
    async def machine(request: Request, call_id: str) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        names = [f"{target(request)} {field(form, 'CallSid')}", *repetition(request, form)]
        return await desk.replays.once(names, lambda: _told(calls_out, call_id, form))


async def _connect(desk: Desk, calls_out: CallsOut, call_id: str, form: FormData) -> Response:
    found = calls_out.answered(call_id, field(form, "CallSid"))
    if found is None:
        log.warning("a call that we did not place, or long ago, was answered; it is hung up")
        return twiml(answers.hang_up())
    token, ticket = found
    stream_url = desk.signatures.stream_url(f"/twilio/media/{token}")
    return twiml(answers.connect(ticket, stream_url, desk.settings.public_url))


async def _told(calls_out: CallsOut, call_id: str, form: FormData) -> Response:
    if (answered_by := field(form, "AnsweredBy")) in ANSWERED_BY:
        try:
            await calls_out.told_of_machine(call_id, field(form, "CallSid"), answered_by)
        except TwilioError as error:
            log.error("call %s: a machine answered, and it could not be hung up on: %s", call_id, error)
    return Response(status_code=204)
