"""What Twilio tells beside a call: the state of its stream, and of the call itself. All of it goes into its record."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from bridge.call.parting import Outcome
from bridge.server.register import utc_now
from bridge.server.switchboard import Switchboard
from bridge.server.twilio.errors import STREAM_ERRORS
from bridge.server.twilio.requests import Desk, field, repetition, target
from bridge.transcript.records import CarrierReport, How, Problem

log = logging.getLogger("bridge.twilio")

CALL_OVER: Final[dict[str, tuple[How, str]]] = {
    "completed": ("caller_hung_up", "the caller hung up before the stream came"),
    "canceled": ("caller_hung_up", "the caller hung up before the stream came"),
    "busy": ("never_connected", "the line was busy"),
    "no-answer": ("never_connected", "nobody answered"),
    "failed": ("never_connected", "the carrier could not place the call"),
}
"""The states in which a call is over; and how a call ended of which only that is known."""

STATES: Final = frozenset({"queued", "initiated", "ringing", "in-progress", "answered", *CALL_OVER})
"""Every state that Twilio gives a call, with the names of its events."""


def status_routes(router: APIRouter, desk: Desk) -> None:
    """Add the webhooks that only tell."""

    @router.post("/stream-status")
    async def stream_status(request: Request) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        return await desk.replays.once(_told(request, form), lambda: _stream_event(desk.switchboard, form))

    @router.post("/call-status")
    @router.post("/call-status/{call_id}")
    async def call_status(request: Request, call_id: str = "") -> Response:
        """`call_id` is our own name of a call that we place: Twilio may tell of it before we know Twilio's."""
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        if call_id:
            desk.switchboard.tokens.bind(call_id, field(form, "CallSid"))
        return await desk.replays.once(_told(request, form), lambda: _call_status(desk, form))


def _told(request: Request, form: FormData) -> list[str]:
    """What Twilio tells it tells once: the same form again is a repetition, marked or not."""
    fields = repr(sorted((name, value) for name, value in form.multi_items() if isinstance(value, str)))
    return [hashlib.sha256(f"{target(request)} {fields}".encode()).hexdigest(), *repetition(request, form)]


async def _stream_event(switchboard: Switchboard, form: FormData) -> Response:
    if field(form, "StreamEvent") == "stream-error":
        _stream_error(switchboard, form)
    return Response(status_code=204)


def _stream_error(switchboard: Switchboard, form: FormData) -> None:
    carrier_id = field(form, "CallSid")
    code = field(form, "StreamErrorCode") or field(form, "StreamError")[:5]
    code = code if code.isdecimal() else "without a code"
    what = f"Twilio reports stream error {code}: {STREAM_ERRORS.get(code, 'unknown to this version')}"
    if ticket := switchboard.withdraw(carrier_id):
        # Twilio tries once: the stream will not come, and the slot that waits for it is free.
        switchboard.never_came(ticket, Outcome("never_connected", "the stream could not be opened"), what)
        log.error("call %s: %s", ticket.call_id, what)
        return
    live = switchboard.register.by_carrier(carrier_id)
    now_ms = live.session.now_ms if live and live.session else 0
    noted = switchboard.register.note(carrier_id, Problem(what, now_ms))
    log.error("call %s: %s%s", carrier_id, what, "" if noted else "; it has no record here")


async def _call_status(desk: Desk, form: FormData) -> Response:
    status = field(form, "CallStatus")
    if status in CALL_OVER:
        desk.loose_ends.asked(field(form, "CallSid"))
    if status in STATES:
        _call_state(desk.switchboard, form)
    return Response(status_code=204)


def _call_state(switchboard: Switchboard, form: FormData) -> None:
    carrier_id, status = field(form, "CallSid"), field(form, "CallStatus")
    over = CALL_OVER.get(status)
    if over and (ticket := switchboard.withdraw(carrier_id)):
        switchboard.never_came(ticket, Outcome(*over))
    seconds, code = field(form, "CallDuration"), field(form, "SipResponseCode")
    report = CarrierReport(
        what=status,
        told_at=utc_now(),
        seconds=int(seconds) if seconds.isdecimal() else None,
        code=code if code.isdecimal() else "",
    )
    if not switchboard.register.note(carrier_id, report):
        log.info("Twilio reports call %s as %s; it has no record here", carrier_id, status)
    live = switchboard.register.by_carrier(carrier_id)
    if over and live:
        switchboard.away.over(live.ticket.call_id, "the caller hung up")
    if over and live and live.session:
        # Whatever has become of the socket: nobody is at its other end, and the slot is free.
        live.session.stop("caller_hung_up", "the carrier says that the call is over")
