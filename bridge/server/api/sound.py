"""The recordings of calls: to download, to play from any place, to draw."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Depends, HTTPException, Query
from starlette.responses import FileResponse, Response, StreamingResponse

from bridge.call.recording import HEADER_BYTES
from bridge.facts.formats import PHONE_RATE
from bridge.server.access.access import Access
from bridge.server.api.answers import refusals
from bridge.server.api.call_shapes import WaveformShape
from bridge.server.api.calls import CallDesk
from bridge.server.waveform import MAX_POINTS, Waveform, WaveformError, waveform

NO_RECORDING: Final = "there is no recording of such a call"
WAV: Final = "audio/wav"

_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_CHUNK: Final = 64 * 1024


def sound_routes(work: CallDesk, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["calls"], dependencies=[Depends(access.requires("calls:listen"))])

    async def recording(call_id: str) -> Path:
        path = await work.look(work.files.recording, call_id, work.live(call_id))
        if path is None:
            raise HTTPException(404, NO_RECORDING)
        return path

    @router.get(
        "/calls/{call_id}/recording.wav",
        summary="A call's recording",
        response_class=FileResponse,
        responses={
            200: {"content": {WAV: _BYTES}},
            206: {"description": "The part that `Range` asks for.", "content": {WAV: _BYTES}},
            400: {"description": "`Range` cannot be read.", "content": {"text/plain": {"example": "Malformed range"}}},
            416: {"description": "It has no such part.", "content": {"text/plain": {"example": ""}}},
            **refusals(_404=NO_RECORDING),
        },
    )
    async def wav(call_id: str) -> Response:
        """Stereo, 16 bit, 8 kHz, the caller on the left; once the call is over in parts, too, by `Range`."""
        path = await recording(call_id)
        name = f"{call_id}.wav"
        try:
            if work.live(call_id):
                headers = {"Content-Disposition": f'inline; filename="{name}"', "Accept-Ranges": "none"}
                size, chunks = await work.desk.do(_so_far, path)
                return StreamingResponse(
                    chunks, media_type=WAV, headers=headers | {"Content-Length": str(size), "Cache-Control": "no-store"}
                )
            status = await work.desk.do(path.lstat)
        except OSError:  # deleted in this moment
            raise HTTPException(404, NO_RECORDING) from None
        return FileResponse(path, media_type=WAV, filename=name, stat_result=status, content_disposition_type="inline")

    @router.get("/calls/{call_id}/waveform", summary="A recording's outline", responses=refusals(_404=NO_RECORDING))
    async def outline(
        call_id: str,
        points: Annotated[int, Query(ge=1, le=MAX_POINTS, description="How many stretches, at most.")] = 800,
    ) -> WaveformShape:
        """For drawing: of each stretch the lowest and highest sample, on both sides; also while the call goes on."""
        path = await recording(call_id)
        try:
            return _shape(await work.desk.do(waveform, path, points))
        except WaveformError as error:
            raise HTTPException(404, str(error)) from None

    return router


def _shape(found: Waveform) -> WaveformShape:
    return WaveformShape.model_construct(
        seconds=round(found.seconds, 3), rate=PHONE_RATE, caller=_shares(found.caller), agent=_shares(found.agent)
    )


def _shares(samples: npt.NDArray[np.int16]) -> list[list[float]]:
    shares: list[list[float]] = np.round(samples / 32768, 4).tolist()
    return shares


def _so_far(path: Path) -> tuple[int, Iterator[bytes]]:
    """The bytes of a recording that grows, as many as its header tells of now, and their number. Raises OSError."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb")
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        file.close()
        raise OSError("nothing is written yet")
    (told,) = struct.unpack_from("<I", header, HEADER_BYTES - 4)

    def chunks() -> Iterator[bytes]:
        left = told
        with file:
            yield header
            while left and (data := file.read(min(_CHUNK, left))):
                left -= len(data)
                yield data

    return HEADER_BYTES + told, chunks()
