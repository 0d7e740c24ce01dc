"""The probe of `callbridge twilio check`: the webhook of a call that there is not.

It is signed and answered like any other, so that everything between Twilio and this server is tried, and it leaves
nothing behind: no slot is promised, no record is written. Its stream is opened and closed again at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.websockets import WebSocket

from bridge.facts.probe import CLOSE_REASON, FIELD, STATE_HEADER, TIME_HEADER
from bridge.server.admission import cannot_take, who_answers
from bridge.server.register import utc_now
from bridge.server.tokens import Ticket
from bridge.server.twilio import answers

if TYPE_CHECKING:
    from bridge.server.twilio.requests import Desk

PROBE_SECONDS: Final = 30.0
"""How long the address of a probe's stream works."""

MAX_PROBES: Final = 16
"""Addresses that may be outstanding; the oldest are given up beyond it."""


class Probes:
    """The probes that may still open their stream. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """None is outstanding."""
        self._clock = clock
        self._until: dict[str, float] = {}

    def issue(self) -> str:
        """A token for the address of one probe's stream."""
        token = secrets.token_urlsafe(32)
        self._until[token] = self._clock() + PROBE_SECONDS
        while len(self._until) > MAX_PROBES:
            del self._until[next(iter(self._until))]
        return token

    async def take(self, token: str, socket: WebSocket) -> bool:
        """Open a probe's stream and close it again. False: the token is none of a probe's."""
        if self._until.pop(token, 0.0) <= self._clock():
            return False
        await socket.accept()
        await socket.close(1000, CLOSE_REASON)
        return True


def is_probe(form: FormData) -> bool:
    """Whether a webhook tells of a call that there is not."""
    return form.get(FIELD) == "1"


async def answer_probe(desk: Desk, request: Request, form: FormData) -> Response:
    """What a call that comes in now would be answered; headers say what awaits it, and what our clock says."""
    await desk.book.refresh()
    number = str(form.get("To", ""))
    duty = who_answers(desk.book, request.query_params.get("persona"), number, desk.settings.default_persona)
    if duty is None:
        return _answer(str(answers.say_and_hang_up(answers.NOT_IN_SERVICE)), "nobody")
    ticket = Ticket(
        call_id="probe",
        carrier_id="probe",
        persona=duty.persona,
        persona_key=duty.key,
        from_number="",
        to_number="",
        record=False,
    )
    stream_url = desk.signatures.stream_url(f"/twilio/media/{desk.probes.issue()}")
    refusal = cannot_take(desk.switchboard, "")
    twiml = answers.connect(ticket, stream_url, desk.settings.public_url)
    return _answer(str(twiml), refusal.kind if refusal else "ready")


def _answer(twiml: str, state: str) -> Response:
    return Response(twiml, media_type="text/xml", headers={STATE_HEADER: state, TIME_HEADER: utc_now()})
