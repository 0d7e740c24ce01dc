"""`GET /v1/events`: the whole house as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Depends, HTTPException
from starlette.responses import StreamingResponse

from bridge.server.access.access import Access
from bridge.server.browser.onlookers import Onlookers

QUIET_SECONDS: Final = 15.0
"""So often something is sent, be it that all is well: routers forget connections on which nothing is said."""

_EXAMPLE: Final = """\
event: state
data: {"calls":[{"call_id":"57f1eb151d4c7451","persona":"dental","business":"Maple Street Dental",\
"from":"+12025550143","to":"+12025550100","direction":"inbound","carrier":"twilio",\
"started_at":"2026-11-21T10:00:00.000Z","seconds":9.3,"recorded":false,"listenable":true}],"waiting":[],\
"capacity":8,"free":7,"engine":"cascade","engine_state":"ready"}

event: record
data: {"call_id":"57f1eb151d4c7451","record":{"type":"caller_said","text":"Hello?","start_ms":8120,"end_ms":8800}}

event: levels
data: {"levels":{"57f1eb151d4c7451":[-28.4,-90.0]}}
"""


def events_routes(onlookers: Onlookers, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["live"])

    @router.get(
        "/events",
        summary="The whole house as it is now (server-sent events)",
        dependencies=[Depends(access.requires("calls:read"))],
        response_class=StreamingResponse,
        responses={
            200: {"description": "Events without end.", "content": {"text/event-stream": {"example": _EXAMPLE}}},
            429: {"description": "Too many look at once."},
        },
    )
    async def events() -> StreamingResponse:
        """`state` comes first, and whenever it changes: calls that begin or end, callers on hold, the engine.

        `record` is each record of each call as it is written; `levels`, five times a second while calls go on, the
        loudness of caller and agent in dB of full scale. Whoever reads too slowly is told how many events were
        `lost`, and the state anew. A line that begins with a colon comes every 15 s.
        """
        if onlookers.full:
            raise HTTPException(429, "too many look at once", {"Retry-After": "30"})
        return StreamingResponse(
            _told(onlookers), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    return router


async def _told(onlookers: Onlookers) -> AsyncIterator[bytes]:
    onlooker = onlookers.join()
    try:
        while (told := await onlooker.next(QUIET_SECONDS)) is not None:
            yield told or b": all is well\n\n"
    finally:
        onlookers.leave(onlooker)
