"""How the server has fared, as columns of figures for plots."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from bridge.server.access.access import Access
from bridge.server.series import EVERY, MOST, Series


class Columns(BaseModel):
    """Samples from old to new, a column for each figure; the n-th of each column belong together."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "every": 5.0,
                    "at": ["2026-11-21T18:00:00.000+00:00"],
                    "calls": [3],
                    "capacity": [32],
                    "on_hold": [0],
                    "tick_p50_ms": [41.2],
                    "tick_p99_ms": [58.0],
                    "wait_p50_ms": [9.1],
                    "wait_p99_ms": [18.3],
                    "answers": [2],
                    "answer_p50_ms": [640.0],
                    "answer_p95_ms": [720.0],
                    "loop_lag_ms": [1.4],
                    "rss_mb": [212.5],
                    "engine_rss_mb": [2901.0],
                    "cpu": [0.04],
                    "engine_cpu": [0.61],
                }
            ]
        }
    )

    every: float = Field(description="Seconds from one sample to the next.")
    at: list[str] = Field(description="ISO 8601, UTC.")
    calls: list[int] = Field(description="Calls in progress.")
    capacity: list[int] = Field(description="Calls at once that were taken.")
    on_hold: list[int]
    tick_p50_ms: list[float | None] = Field(description="Length of the engine's steps: median; null without steps.")
    tick_p99_ms: list[float | None]
    wait_p50_ms: list[float | None] = Field(description="How long callers' frames waited for their step: median.")
    wait_p99_ms: list[float | None]
    answers: list[int] = Field(description="Times that an agent has answered a caller.")
    answer_p50_ms: list[float | None] = Field(
        description="From the end of callers' words to the agent's first sound: median; null where nobody was answered."
    )
    answer_p95_ms: list[float | None]
    loop_lag_ms: list[float] = Field(description="The longest that the server kept its own tasks waiting.")
    rss_mb: list[float] = Field(description="Resident memory of the server, in 10^6 bytes.")
    engine_rss_mb: list[float] = Field(description="The same of the engine process.")
    cpu: list[float] = Field(description="Processor cores that the server kept busy.")
    engine_cpu: list[float] = Field(description="The same of the engine process.")


def series_routes(series: Series, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["operation"], dependencies=[Depends(access.requires("system:read"))])

    @router.get("/series", summary="Calls, ticks, waits, lag, memory: the last hours", response_model=Columns)
    async def recent(
        seconds: Annotated[int, Query(ge=1, le=int(EVERY * MOST), examples=[3600])] = 3600,
    ) -> dict[str, Any]:
        """A sample each 5 s since the server was started, of the last six hours at most."""
        return series.recent(seconds)

    return router
