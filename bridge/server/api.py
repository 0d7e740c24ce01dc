"""The HTTP API: health, metrics, and the calls for those who hold the key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.responses import JSONResponse, Response, StreamingResponse

from bridge import __version__
from bridge.server.journal import JournalError, read_transcript
from bridge.server.metrics import BridgeCollector, exposition
from bridge.server.personas import PersonaBook
from bridge.server.register import LiveCall
from bridge.server.store import CallStore
from bridge.server.switchboard import Switchboard
from bridge.transcript.records import encode
from bridge.transcript.summary import summarise


def api_routes(
    switchboard: Switchboard,
    book: PersonaBook,
    store: CallStore,
    collector: BridgeCollector,
    data_dir: Path,
    guard: Callable[..., None],
) -> APIRouter:
    """The router with the API. `guard` is a dependency that lets in who may see callers' words."""
    router = APIRouter()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)

    @router.head("/health", include_in_schema=False)
    @router.get("/health", tags=["operation"], summary="Is the bridge alive, and does it take calls?")
    async def health() -> JSONResponse:
        engine = switchboard.engine
        ready = engine.state == "ready" and book.read
        status = "draining" if switchboard.draining else "ok" if ready else "starting"
        return JSONResponse(
            {
                "status": status,
                "version": __version__,
                "engine": engine.name,
                "engine_state": engine.state,
                "engine_restarts": engine.counters.restarts,
                "calls": switchboard.calls,
                "capacity": engine.capacity,
                "admitted": engine.limit,
                "admitted_by_tick_time": engine.counters.beat.limit,
                "admitted_by_memory": engine.counters.beat.memory_calls,
                "kv_used_bytes": engine.counters.beat.kv_used_bytes,
                "kv_reserved_bytes": engine.counters.beat.kv_reserved_bytes,
                "shedding": engine.shedding,
                "free": switchboard.free,
                "on_hold": len(switchboard.queue),
                "personas": book.names,
                "personas_with_problems": sorted(book.problems),
                "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            status_code=200 if status == "ok" else 503,
        )

    @router.get("/metrics", tags=["operation"], summary="Figures for Prometheus")
    async def metrics() -> Response:
        return Response(exposition(registry), media_type=CONTENT_TYPE_LATEST)

    @router.get("/api/calls", tags=["calls"], summary="Calls, newest first", dependencies=[Depends(guard)])
    def calls(persona: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[dict[str, Any]]:
        return [row.as_dict() for row in store.list(persona=persona, limit=limit)]

    @router.get("/api/calls/{call_id}", tags=["calls"], summary="One call", dependencies=[Depends(guard)])
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
        "/api/calls/{call_id}/events",
        tags=["calls"],
        summary="A call's records as they come (server-sent events)",
        dependencies=[Depends(guard)],
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
