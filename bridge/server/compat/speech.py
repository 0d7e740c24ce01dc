"""`POST /v1/audio/speech`: a recording in, the agent's answer out, in one request and in real time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, UploadFile
from starlette.responses import Response

from bridge.audio.wav import read_wav, resampled, wav_of
from bridge.carrier.wish import Wish
from bridge.facts.formats import MODEL_RATE
from bridge.server.api.answers import refusals
from bridge.server.compat.reception import Reception
from bridge.server.compat.speech_leg import SpeechLeg
from bridge.server.seats import NoSeat
from bridge.server.tokens import Ticket
from bridge.transcript.records import Ended, How, Record
from bridge.transcript.turns import Turn, turns

MAX_SECONDS: Final = 240
"""Longest recording taken: the request lasts as long as the recording, and the answer behind it."""

MAX_HEADER: Final = 3500
"""Bytes of X-Transcript. Proxies take 4 or 8 KB for all headers of an answer together; the whole is at `Link`."""

DEFAULT_PROMPT: Final = "You are a helpful assistant."
"""The prompt of whoever gives none, as in the public wrapper."""

DEFAULT_SEED: Final = 42

SHORT_TEXT: Final = 40
"""Characters to which texts are cut before whole turns are left out."""

_FAILED: Final[frozenset[How]] = frozenset({"engine_failed", "shutdown", "internal_error"})
"""Ends of a call that are no answer."""

_ERRORS: Final = refusals(
    _404="there is no such persona on duty; there are: dental",
    _413="the body is longer than 25000000 bytes",
    _422="audio cannot be used: it is not a WAV file",
    _429="all slots are taken",
    _503="the call could not be held: the personaplex engine has stopped",
)

_ANSWER: Final[dict[str, Any]] = {
    "description": "The agent's answer: WAV, 24 kHz, 16 bit, mono. It begins with the recording and is no shorter.",
    "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        "X-Transcript": {
            "description": 'ASCII JSON: {"turns": [{"speaker", "text", "start_ms", "end_ms"}], "text", "truncated"}. '
            "Times are of the WAV, `text` is what the agent said. At most 3,500 bytes; `truncated` where it was more.",
            "schema": {"type": "string"},
        },
        "X-Call-Id": {"description": "The call's id, for its record.", "schema": {"type": "string"}},
        "Link": {"description": "The whole record of the call.", "schema": {"type": "string"}},
    },
}


def speech_routes(reception: Reception) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["speech"])

    @router.post(
        "/audio/speech",
        summary="Have a recording answered",
        dependencies=[Depends(reception.access.requires("talk"))],
        response_class=Response,
        responses=_ERRORS | {200: _ANSWER},
    )
    async def speech(
        request: Request,
        audio: Annotated[UploadFile, File(description="WAV of any rate, width and channels; 240 s, 25 MB.")],
        voice: Annotated[str | None, Form(description="Default: the persona's, or NATF2.", examples=["NATF2"])] = None,
        text_prompt: Annotated[
            str | None, Form(description="A prompt for this call alone.", examples=["You enjoy a good conversation."])
        ] = None,
        persona: Annotated[
            str | None, Form(description="One of the server's, instead of a prompt.", examples=["dental"])
        ] = None,
        seed: Annotated[
            int, Form(description="The same seed gives the same answer; -1 any.", examples=[42])
        ] = DEFAULT_SEED,
    ) -> Response:
        """The recording is played to the agent in real time, behind its greeting if it has one. The answer goes on
        until the agent has been quiet for two seconds, a minute at most. It is a call like any other, with a record.
        """
        leg = await _prepared(audio)
        prompt = text_prompt if text_prompt is not None or persona else DEFAULT_PROMPT
        wish = Wish(voice or None, prompt, persona or None, None if seed < 0 else seed)
        ticket = await reception.seat(wish)
        if isinstance(ticket, NoSeat):
            raise HTTPException(ticket.status, ticket.why, {"Retry-After": "5"} if ticket.status == 429 else None)
        leg.greeted = not (ticket.persona.greeting or ticket.persona.consent)
        records = await _held(reception, ticket, leg, request)
        ended = next((record for record in records if isinstance(record, Ended)), None)
        if ended is None or ended.how in _FAILED:
            raise HTTPException(503, f"the call could not be held: {ended.reason if ended else 'it has no record'}")
        wav = wav_of(np.frombuffer(leg.answer, "<i2"), MODEL_RATE)
        return Response(wav, media_type="audio/wav", headers=_headers(ticket.call_id, turns(records), leg.starts_ms))

    return router


async def _prepared(audio: UploadFile) -> SpeechLeg:
    """The recording, ready to be played."""

    def prepare(data: bytes) -> SpeechLeg:
        rate, samples = read_wav(data, MAX_SECONDS)
        return SpeechLeg(resampled(samples, rate, MODEL_RATE))

    try:
        return await asyncio.to_thread(prepare, await audio.read())  # a quarter of a second for four minutes
    except ValueError as error:
        raise HTTPException(422, f"audio cannot be used: {error}") from None


async def _held(reception: Reception, ticket: Ticket, leg: SpeechLeg, request: Request) -> Sequence[Record]:
    """Hold the call, for as long as somebody waits for its answer; its records."""
    held = asyncio.create_task(reception.switchboard.hold_started(ticket, leg))
    leaving = asyncio.create_task(_leaves(request, leg))
    try:
        await asyncio.sleep(0)  # it has begun, and is entered among the calls in progress
        call = reception.switchboard.live.get(ticket.call_id)
        await held
    finally:
        leaving.cancel()
    return call.records if call else ()


async def _leaves(request: Request, leg: SpeechLeg) -> None:
    """End the call of a client that is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    leg.hang_up("the client did not wait for the answer")


def _headers(call_id: str, said: Sequence[Turn], starts_ms: int) -> dict[str, str]:
    return {
        "X-Transcript": transcript_header(said, starts_ms),
        "X-Call-Id": call_id,
        "Link": f'</v1/calls/{call_id}>; rel="describedby"',
        "Cache-Control": "no-store",
    }


def transcript_header(said: Sequence[Turn], starts_ms: int) -> str:
    """What was heard, as JSON that any text may stand in: ASCII without control characters, at most `MAX_HEADER` bytes.

    Turns before `starts_ms` are left out, and times counted from there. Where that is too long, the longest texts
    are cut, then the last turns left out.
    """
    shown = [_shown(turn, starts_ms) for turn in said if turn.heard and turn.end_ms > starts_ms]
    truncated = False
    while True:
        text = " ".join(turn["text"] for turn in shown if turn["speaker"] == "agent")
        header = json.dumps({"turns": shown, "text": text, "truncated": truncated}, separators=(",", ":"))
        if len(header) <= MAX_HEADER:
            return header
        truncated = True
        longest = max(shown, key=lambda turn: len(turn["text"]))
        if len(longest["text"]) > SHORT_TEXT:
            longest["text"] = longest["text"][: len(longest["text"]) // 2]
        else:
            shown.pop()


def _shown(turn: Turn, starts_ms: int) -> dict[str, Any]:
    start_ms = max(0, turn.start_ms - starts_ms)
    return {"speaker": turn.speaker, "text": turn.text, "start_ms": start_ms, "end_ms": turn.end_ms - starts_ms}
