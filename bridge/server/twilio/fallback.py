"""The fallback webhook: what Twilio asks where it could not use an answer of ours.

It needs no engine and no slot, so it answers through most troubles, but not when the whole machine is away: for that
a number's fallback should be a TwiML Bin, which Twilio itself keeps (docs/twilio.md).
"""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from bridge.call.parting import Outcome
from bridge.server.admission import who_answers
from bridge.server.twilio import answers
from bridge.server.twilio.errors import STREAM_ERRORS
from bridge.server.twilio.requests import Desk, field, twiml

log = logging.getLogger("bridge.twilio")

WEBHOOK_ERRORS: Final = {
    "11200": "our answer was an HTTP error, or none came within 15 s",
    "11205": "no connection could be made",
    "11206": "the answer was not HTTP",
    "11210": "the host's name could not be found",
    "11215": "there were too many redirects",
    "11237": "our certificate is not trusted: expired, self-signed, or its chain is incomplete",
    "11750": "the TwiML was longer than 64 KB",
    "12100": "the TwiML was not well-formed XML",
    "12200": "the TwiML broke its schema",
    "12300": "the answer's content type was not that of TwiML",
} | STREAM_ERRORS
"""Twilio's error codes for webhooks and what they answer, in words."""


def fallback_routes(router: APIRouter, desk: Desk) -> None:
    """Add the fallback."""

    @router.post("/fallback")
    async def fallback(request: Request) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        carrier_id, code = field(form, "CallSid"), field(form, "ErrorCode")
        words = WEBHOOK_ERRORS.get(code, "an error unknown to this version")
        what = f"Twilio could not use our answer at {urlsplit(field(form, 'ErrorUrl')).path}: {words} ({code})"
        log.error("call %s: %s", carrier_id, what)
        if ticket := desk.switchboard.withdraw(carrier_id):
            desk.switchboard.never_came(
                ticket, Outcome("never_connected", "the carrier could not use our answer"), what
            )
        pinned = request.query_params.get("persona")
        duty = who_answers(desk.book, pinned, field(form, "To"), desk.settings.default_persona)
        if duty is None:
            return twiml(answers.say_and_hang_up(answers.APOLOGY))
        return twiml(answers.say_then_person(answers.APOLOGY, duty.persona))
