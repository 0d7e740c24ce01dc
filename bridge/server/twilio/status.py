"""What Twilio tells beside a call: the state of its stream."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from bridge.server.twilio.requests import Desk, field

log = logging.getLogger("bridge.twilio")

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


def status_routes(router: APIRouter, desk: Desk) -> None:
    """Add the webhooks that only tell."""

    @router.post("/stream-status")
    async def stream_status(request: Request) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        if field(form, "StreamEvent") == "stream-error":
            code = field(form, "StreamErrorCode") or field(form, "StreamError")[:5]
            words = KNOWN_STREAM_ERRORS.get(code, "unknown to this version")
            log.error("Twilio reports stream error %r for call %s: %s", code, field(form, "CallSid"), words)
        return Response(status_code=204)
