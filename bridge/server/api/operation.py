"""Is the bridge alive, does it take calls, and its figures: for load balancers and Prometheus, without a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from bridge import __version__
from bridge.server.machine_room import MachineRoom
from bridge.server.metrics import BridgeCollector, exposition
from bridge.server.personas import PersonaBook
from bridge.server.switchboard import Switchboard

Status = Literal["ok", "starting", "draining"]


class ModelHealth(BaseModel):
    """One model, as it was at most half a minute ago."""

    name: str
    status: str = Field(description="On the disk: downloaded, partial, missing, wrong_size, damaged.")
    loaded: bool


class GpuHealth(BaseModel):
    """The GPU that the engine uses, else the first one."""

    name: str
    memory_bytes: int


class Health(BaseModel):
    """How the bridge is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "version": "0.1.0",
                    "engine": "personaplex",
                    "engine_state": "ready",
                    "engine_restarts": 0,
                    "model": "personaplex-7b-v1",
                    "recogniser": "moonshine-tiny-en",
                    "asrLoaded": True,
                    "asrDownloaded": True,
                    "ttsLoaded": True,
                    "llmLoaded": True,
                    "models": [{"name": "personaplex-7b-v1", "status": "downloaded", "loaded": True}],
                    "gpu": {"name": "NVIDIA H100 80GB HBM3", "memory_bytes": 85899345920},
                    "calls": 3,
                    "capacity": 32,
                    "admitted": 32,
                    "admitted_by_tick_time": 34,
                    "admitted_by_memory": 40,
                    "kv_used_bytes": 1500000000,
                    "kv_reserved_bytes": 48000000000,
                    "shedding": False,
                    "free": 29,
                    "on_hold": 0,
                    "personas": ["dental"],
                    "personas_with_problems": [],
                    "timestamp": "2026-11-21T18:00:00+00:00",
                }
            ]
        }
    )

    status: Status = Field(description="ok: takes calls. starting, draining: takes none; the HTTP status is then 503.")
    version: str
    engine: str
    engine_state: Literal["starting", "ready", "down", "stopped"]
    engine_restarts: int
    model: str | None = Field(description="The speech-to-speech or language model that the engine has loaded.")
    recogniser: str | None = Field(description="What hears the callers' words, where it is loaded.")
    asrLoaded: bool  # noqa: N815 - the names that clients of model hubs know
    asrDownloaded: bool  # noqa: N815
    ttsLoaded: bool  # noqa: N815
    llmLoaded: bool  # noqa: N815
    models: list[ModelHealth]
    gpu: GpuHealth | None
    calls: int
    capacity: int = Field(description="Slots of the engine.")
    admitted: int = Field(description="Calls at once that are taken.")
    admitted_by_tick_time: int | None
    admitted_by_memory: int | None
    kv_used_bytes: int
    kv_reserved_bytes: int
    shedding: bool = Field(description="Late steps keep new calls out for some seconds.")
    free: int
    on_hold: int
    personas: list[str]
    personas_with_problems: list[str]
    timestamp: datetime


class Alive(BaseModel):
    """The server answers."""

    status: Literal["alive"]


class Readiness(BaseModel):
    """Whether calls are taken."""

    ready: bool
    status: Status
    why: str = Field(description="What is waited for.", examples=["the personaplex engine is starting"])


def operation_routes(
    switchboard: Switchboard, book: PersonaBook, room: MachineRoom, collector: BridgeCollector
) -> APIRouter:
    """The router with `/health` and `/metrics`."""
    router = APIRouter(tags=["operation"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    unready: dict[int | str, dict[str, Any]] = {503: {"description": "it takes no calls: it starts, or winds down"}}

    def status() -> Status:
        if switchboard.draining:
            return "draining"
        return "ok" if switchboard.engine.state == "ready" and book.read else "starting"

    @router.head("/health", include_in_schema=False)
    @router.get(
        "/health",
        summary="Is the bridge alive, and does it take calls?",
        response_model=Health,
        responses={503: unready[503] | {"model": Health}},
    )
    async def health() -> JSONResponse:
        """Nothing is looked at for the answer, which may be asked for each second."""
        engine, beat, now = switchboard.engine, switchboard.engine.counters.beat, status()
        return JSONResponse(
            {
                "status": now,
                "version": __version__,
                "engine": engine.name,
                "engine_state": engine.state,
                "engine_restarts": engine.counters.restarts,
                **room.health(),
                "calls": switchboard.calls,
                "capacity": engine.capacity,
                "admitted": engine.limit,
                "admitted_by_tick_time": beat.limit,
                "admitted_by_memory": beat.memory_calls,
                "kv_used_bytes": beat.kv_used_bytes,
                "kv_reserved_bytes": beat.kv_reserved_bytes,
                "shedding": engine.shedding,
                "free": switchboard.free,
                "on_hold": len(switchboard.queue),
                "personas": book.names,
                "personas_with_problems": sorted(book.problems),
                "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            status_code=200 if now == "ok" else 503,
        )

    @router.head("/health/live", include_in_schema=False)
    @router.get("/health/live", summary="Does the server answer?", response_model=Alive)
    async def live() -> dict[str, str]:
        """200 as long as it does, whatever the engine is doing: restart the server where this does not answer."""
        return {"status": "alive"}

    @router.head("/health/ready", include_in_schema=False)
    @router.get(
        "/health/ready",
        summary="Does it take calls?",
        response_model=Readiness,
        responses={503: unready[503] | {"model": Readiness}},
    )
    async def ready() -> JSONResponse:
        """503 while it takes none: send calls elsewhere, and do not restart it."""
        now, engine = status(), switchboard.engine
        why = {
            "ok": "",
            "draining": "it winds down: calls in progress may end, no new one is taken",
            "starting": f"the {engine.name} engine is {engine.state}"
            if engine.state != "ready"
            else "the personas are being read",
        }[now]
        return JSONResponse({"ready": now == "ok", "status": now, "why": why}, 200 if now == "ok" else 503)

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {CONTENT_TYPE_LATEST.partition(";")[0]: {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(exposition(registry), media_type=CONTENT_TYPE_LATEST)

    return router
