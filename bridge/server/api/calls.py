"""The calls: the index, one call's record, and its records as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from starlette.responses import StreamingResponse

from bridge.server.access.access import Access
from bridge.server.journal import JournalError, read_transcript
from bridge.server.register import LiveCall
from bridge.server.store import CallStore
from bridge.server.switchboard import Switchboard
from bridge.transcript.records import encode
from bridge.transcript.summary import summarise


def calls_routes(switchboard: Switchboard, store: CallStore, data_dir: Path, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["calls"])
    may_read = access.requires("calls:read")

    @router.get("/calls", summary="Calls, newest first", dependencies=[Depends(may_read)])
    def calls(persona: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        return [row.as_dict() for row in store.list(persona=persona, limit=limit)]

    @router.get("/calls/{call_id}", summary="One call", dependencies=[Depends(may_read)])
    def call(call_id: str) -> dict[str, Any]:
        if live := switchboard.live.get(call_id):
            return summarise(tuple(live.records)) | _paths(data_dir, live.transcript, live.recording)
        row = store.get(call_id)
        if row is None:
            raise HTTPException(404, "there is no such call")
        try:
            reading = read_transcript(data_dir, row.transcript)
        except JournalError as error:
            raise HTTPException(404, str(error)) from None
        return summarise(reading.records) | _paths(data_dir, row.transcript, row.recording)

    @router.get(
        "/calls/{call_id}/events",
        summary="A call's records as they come (server-sent events)",
        dependencies=[Depends(may_read)],
    )
    async def events(call_id: str) -> StreamingResponse:
        live = switchboard.live.get(call_id)
        if live is None:
            raise HTTPException(404, "there is no such call in progress")
        return StreamingResponse(_follow(live), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    return router


async def _follow(live: LiveCall) -> AsyncIterator[bytes]:
    """What has been recorded so far, then each record as it comes, to the end of the call."""
    sent = 0
    while True:
        changed, over = live.changed, live.over
        for record in live.records[sent:]:
            yield b"data: " + encode(record) + b"\n"
            sent += 1
        if over and sent == len(live.records):
            return
        await changed.wait()


def _paths(data_dir: Path, transcript: str, recording: str | None) -> dict[str, str | None]:
    there = data_dir / recording if recording else None
    return {
        "transcript": str(data_dir / transcript),
        "recording": str(there) if there and there.exists() else None,
    }
