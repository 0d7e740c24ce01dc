"""The two addresses of a caller on hold: the question whether a slot is free by now, and the music."""

from __future__ import annotations

import io
import logging
import wave
from dataclasses import replace
from functools import cache

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, Response

from bridge.audio.music import hold_music
from bridge.facts.formats import PHONE_RATE
from bridge.server.admission import Refusal
from bridge.server.twilio import answers
from bridge.server.twilio.arrival import answer_call, connect_call, on_duty
from bridge.server.twilio.overflow import another_round, back_in, turn_away, waited_too_long
from bridge.server.twilio.requests import Desk, field, repetition, target, twiml

log = logging.getLogger("bridge.twilio")


def hold_routes(router: APIRouter, desk: Desk) -> None:
    """Add what a caller on hold needs."""

    @router.post("/hold")
    async def hold(request: Request) -> Response:
        form = await desk.signed_form(request)
        if isinstance(form, Response):
            return form
        if not (carrier_id := field(form, "CallSid")):
            return JSONResponse({"error": "bad_request", "detail": "the form has no CallSid"}, 400)
        names = [f"{target(request)} {carrier_id}", *repetition(request, form)]
        return await desk.replays.once(names, lambda: _ask(desk, request, form))

    @router.api_route("/hold-music.wav", methods=["GET", "HEAD"])
    async def music() -> Response:
        """Nobody's secret, and fetched by what need not sign: it is served to everybody."""
        return Response(_music_wav(), media_type="audio/wav", headers={"Cache-Control": "public, max-age=86400"})


async def _ask(desk: Desk, request: Request, form: FormData) -> Response:
    """The turn of a caller on hold."""
    switchboard, carrier_id = desk.switchboard, field(form, "CallSid")
    duty = await on_duty(desk, request, form)
    if duty is None or switchboard.draining:
        ticket = switchboard.queue.leave(carrier_id)
        if duty is None or ticket is None:
            return twiml(answers.say_and_hang_up(answers.CLOSING))
        return turn_away(desk, request, ticket, Refusal("stopping", "the server is stopping"))
    free = switchboard.free if switchboard.engine.state == "ready" else 0
    turn = switchboard.queue.ask(carrier_id, free, back_in(duty.persona.when_full))
    if turn is None:  # it was given up, or this server is not the one that it began to wait at
        return await answer_call(desk, request, form)
    ticket = replace(turn.call, persona=duty.persona, persona_key=duty.key)
    if turn.what == "wait":
        return another_round(desk, request, ticket)
    if turn.what == "too_long":
        return waited_too_long(desk, ticket, turn.waited)
    log.info("call %s: its turn after %.0f s on hold", ticket.call_id, turn.waited)
    return connect_call(desk, ticket)


@cache
def _music_wav() -> bytes:
    """The music as a file: 16-bit PCM, 8 kHz, mono."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PHONE_RATE)
        file.writeframes(hold_music().tobytes())
    return data.getvalue()
