"""The models: which there are, how they are on the disk, and downloading the one that has to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from bridge.facts.errors import BridgeError
from bridge.hub.errors import HubError
from bridge.server.access.access import Access
from bridge.server.api.answers import refusals
from bridge.server.downloads import Downloads, Progress
from bridge.server.machine_room import MachineRoom

_EXAMPLE: Final[dict[str, Any]] = {
    "state": "downloading",
    "file": "model.safetensors",
    "have": 4_194_304_000,
    "total": 16_740_000_000,
    "all_have": 4_586_000_000,
    "all_total": 17_132_000_000,
    "idle_seconds": 0.2,
    "error": None,
    "advice": None,
}


class DownloadProgress(BaseModel):
    """How far a download is. Counts are bytes."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    state: Literal["downloading", "checking", "done", "failed", "stopped"]
    file: str = Field(description="The file in work.")
    have: int = Field(description="Of this file: bytes that have been downloaded or checked.")
    total: int
    all_have: int = Field(description="Of all files: bytes that are on the disk.")
    all_total: int
    idle_seconds: float = Field(description="How long nothing has moved.")
    error: str | None = Field(
        description="Kind of failure: token_missing, token_malformed, token_rejected (401), licence (403), not_found, "
        "rate_limit, unreachable, stalled, no_room, damaged, package, other."
    )
    advice: str | None = Field(description="What was wrong and what to do, in words.")


class Model(BaseModel):
    """One model. Sizes are in megabytes of 10^6 bytes."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "name": "personaplex-7b-v1",
                    "type": "speech-to-speech",
                    "status": "partial",
                    "localPath": "/srv/models/personaplex-7b-v1",
                    "expectedSizeMb": 17132.6,
                    "presentSizeMb": 4586.0,
                    "isRequired": True,
                    "isAvailableForDownload": True,
                    "requiresAuthentication": True,
                    "loaded": False,
                    "download": _EXAMPLE,
                    "files": [],
                }
            ]
        },
    )

    name: str
    type: str
    status: Literal["downloaded", "partial", "missing", "wrong_size", "damaged"]
    localPath: str  # noqa: N815 - the name that clients of model hubs know
    expectedSizeMb: float  # noqa: N815
    presentSizeMb: float  # noqa: N815
    isRequired: bool = Field(description="Calls with the chosen engine need it.")  # noqa: N815
    isAvailableForDownload: bool = Field(description="False for models that come inside packages.")  # noqa: N815
    requiresAuthentication: bool = Field(description="Its download needs HF_TOKEN.")  # noqa: N815
    loaded: bool = Field(description="The running engine has it in memory.")
    download: DownloadProgress | None = Field(description="Its download since the server was started, if any.")
    files: list[dict[str, Any]] = Field(description="File by file: name, status, presentSizeMb, expectedSizeMb, …")


def models_routes(room: MachineRoom, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["models"])
    may_read = Depends(access.requires("models:read"))
    may_write = Depends(access.requires("models:write"))
    stream: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "Server-sent events `progress`, each with the object that the description shows.",
            "content": {"text/event-stream": {"example": _event(Progress(**_EXAMPLE)).decode()}},
        }
    }

    def listed() -> list[dict[str, Any]]:
        try:
            models = room.models()
        except HubError as error:
            raise HTTPException(409, str(error)) from None
        progress = room.downloads.progress
        return [
            model | {"download": asdict(progress) if progress and model["isAvailableForDownload"] else None}
            for model in models
        ]

    def downloads_of(name: str) -> Downloads:
        model = next((model for model in listed() if model["name"] == name), None)
        if model is None:
            raise HTTPException(404, "there is no such model")
        if not model["isAvailableForDownload"]:
            raise HTTPException(409, f"{name} comes inside the package {model['package']}; it cannot be downloaded")
        return room.downloads

    @router.get(
        "/models",
        summary="All models, and how they are on the disk",
        dependencies=[may_read],
        response_model=list[Model],
        responses=refusals(_409="the note on what was downloaded is damaged; the words say which file to remove"),
    )
    def models() -> list[dict[str, Any]]:
        """PersonaPlex first, then those of the CPU engine, which come inside packages."""
        return listed()

    @router.post(
        "/models/{name}/download",
        status_code=202,
        response_model=DownloadProgress,
        summary="Download a model",
        dependencies=[may_write],
        responses=stream | refusals(_404="there is no such model", _409="it is being downloaded, or cannot be"),
    )
    async def download(name: str, accept: Annotated[str, Header()] = "") -> Response:
        """About 17 GB, 10 to 30 minutes, in a process of its own. What is there already is kept; a download that was
        stopped, or failed, goes on from there. With `Accept: text/event-stream` the answer is its progress.
        """
        downloads = await asyncio.to_thread(downloads_of, name)
        try:
            begun = await downloads.begin()
        except BridgeError as error:
            raise HTTPException(409, str(error)) from None
        if "text/event-stream" in accept:
            return _streamed(downloads)
        return JSONResponse(asdict(begun), 202)

    @router.get(
        "/models/{name}/download",
        summary="The progress of a download (server-sent events)",
        dependencies=[may_read],
        response_class=StreamingResponse,
        responses=stream
        | refusals(_404="there is no such model, or no download of it has been begun", _409="it cannot be downloaded"),
    )
    async def progress(name: str) -> Response:
        """Up to its end; what became of the last one, if none goes on. A comment comes where nothing moves for 15 s."""
        downloads = await asyncio.to_thread(downloads_of, name)
        if downloads.progress is None:
            raise HTTPException(404, "no download has been begun since the server was started")
        return _streamed(downloads)

    @router.delete(
        "/models/{name}/download",
        response_model=DownloadProgress,
        summary="Stop a download",
        dependencies=[may_write],
        responses=refusals(_404="there is no such model", _409="nothing is being downloaded"),
    )
    async def stop(name: str) -> dict[str, Any]:
        """What has arrived is kept, and the next download goes on from there."""
        downloads = await asyncio.to_thread(downloads_of, name)
        if not await downloads.stop() or downloads.progress is None:
            raise HTTPException(409, "nothing is being downloaded")
        return asdict(downloads.progress)

    return router


def _streamed(downloads: Downloads) -> StreamingResponse:
    return StreamingResponse(_events(downloads), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _events(downloads: Downloads) -> AsyncIterator[bytes]:
    async for progress in downloads.follow():
        yield b": nothing moves\n\n" if progress is None else _event(progress)


def _event(progress: Progress) -> bytes:
    return b"event: progress\ndata: " + msgspec.json.encode(progress) + b"\n\n"
