"""The stream's upgrade: signature and token are checked before the socket is accepted."""

from __future__ import annotations

import logging

from fastapi import APIRouter, WebSocket
from starlette.responses import JSONResponse

from bridge.server.twilio.requests import Desk
from bridge.server.twilio_leg import TwilioLeg

log = logging.getLogger("bridge.twilio")


def media_routes(router: APIRouter, desk: Desk) -> None:
    """Add the stream's socket."""

    @router.websocket("/media/{token}")
    async def media(socket: WebSocket, token: str) -> None:
        problem = desk.signatures.upgrade_problem(socket.url.path, socket.headers.get("x-twilio-signature"))
        if problem:
            log.warning("a stream was refused: %s", problem)
            signed = "x-twilio-signature" in socket.headers
            await _refuse(socket, problem, address=desk.signatures.stream_url(socket.url.path), signed=signed)
            return
        if await desk.probes.take(token, socket):
            return
        ticket = desk.switchboard.tokens.take(token)
        if ticket is None:
            detail = "this stream address was never issued, has been used, or has expired"
            log.warning("a stream was refused: %s", detail)
            await _refuse(socket, detail)
            return
        await socket.accept()
        await desk.switchboard.hold(ticket, TwilioLeg(socket))


async def _refuse(socket: WebSocket, detail: str, **about: object) -> None:
    await socket.send_denial_response(JSONResponse({"error": "forbidden", "detail": detail, **about}, 403))
