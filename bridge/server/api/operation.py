"""Is the bridge alive, does it take calls, and its figures: for load balancers and Prometheus, without a key."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.responses import JSONResponse, Response

from bridge import __version__
from bridge.server.metrics import BridgeCollector, exposition
from bridge.server.personas import PersonaBook
from bridge.server.switchboard import Switchboard


def operation_routes(switchboard: Switchboard, book: PersonaBook, collector: BridgeCollector) -> APIRouter:
    """The router with `/health` and `/metrics`."""
    router = APIRouter(tags=["operation"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)

    @router.head("/health", include_in_schema=False)
    @router.get("/health", summary="Is the bridge alive, and does it take calls?")
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

    @router.get("/metrics", summary="Figures for Prometheus")
    async def metrics() -> Response:
        return Response(exposition(registry), media_type=CONTENT_TYPE_LATEST)

    return router
