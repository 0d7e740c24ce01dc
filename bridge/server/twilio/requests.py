"""What every one of Twilio's requests shares: whom it reaches, its signature, and the fields of its form."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, Response
from twilio.twiml.voice_response import VoiceResponse

from bridge.server.personas import PersonaBook
from bridge.server.signature import Signatures
from bridge.server.switchboard import Switchboard
from bridge.server.twilio.loose_ends import LooseEnds
from bridge.server.twilio.probe import Probes
from bridge.server.twilio.replays import Replays

log = logging.getLogger("bridge.twilio")

MAX_FIELD: Final = 200
"""Longest call id or number taken from a form; Twilio's own have 34 and 16 characters."""


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """What the routes need to know of the settings."""

    public_url: str
    default_persona: str | None
    record: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """Where Twilio's requests are taken: the parts of the server that they reach."""

    switchboard: Switchboard
    book: PersonaBook
    signatures: Signatures
    settings: TwilioSettings
    probes: Probes
    replays: Replays
    loose_ends: LooseEnds

    async def signed_form(self, request: Request) -> FormData | Response:
        """The form of a webhook, or the refusal of one that Twilio did not sign."""
        form = await request.form()
        problem = self.signatures.webhook_problem(target(request), form, request.headers.get("x-twilio-signature"))
        if not problem:
            return form
        log.warning("%s refused: %s", request.url.path, problem)
        # The last two tell whoever looks for a fault in between what came of the request on its way.
        about = {"address": self.signatures.address(target(request)), "signed": "x-twilio-signature" in request.headers}
        return JSONResponse({"error": "forbidden", "detail": problem, **about}, status_code=403)


def target(request: Request) -> str:
    """The path and query that a request asks for."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def repetition(request: Request, form: FormData) -> list[str]:
    """What names this request and Twilio's repetitions of it, if Twilio marks them."""
    token = request.headers.get("i-twilio-idempotency-token", "")[:MAX_FIELD]
    return [f"{target(request)} {field(form, 'CallSid')} {token}"] if token else []


def field(form: FormData, name: str) -> str:
    """A field's text, cut to `MAX_FIELD`; empty where the form does not have it."""
    value = form.get(name)
    return value[:MAX_FIELD] if isinstance(value, str) else ""


def twiml(response: VoiceResponse) -> Response:
    """An answer that Twilio acts on."""
    return Response(str(response), media_type="text/xml")
