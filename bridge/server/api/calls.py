"""The calls: find them, read one, its records as they come, its transcript; delete one."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import AfterValidator, BeforeValidator
from starlette.responses import Response, StreamingResponse

from bridge.server.access.access import Access
from bridge.server.api.answers import refusals
from bridge.server.api.call_shapes import CallDetail, Deleted, Row, Rows, links
from bridge.server.api.desk import Desk
from bridge.server.call_files import CallFile, CallFiles, InProgressError
from bridge.server.journal import JournalError
from bridge.server.register import LiveCall
from bridge.server.search import find_calls
from bridge.server.switchboard import Switchboard
from bridge.server.wanted import Place, Wanted
from bridge.transcript.records import encode

log = logging.getLogger("bridge.calls")

T = TypeVar("T")

NO_CALL: Final = "there is no such call"


def _moment(moment: datetime) -> datetime:
    """In UTC, which it is taken for without a time zone. ValueError for a day before or after all days."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such moment in UTC") from None


def _written_out(moment: object) -> object:
    """A bare number is a mistake more often than seconds since 1970."""
    if isinstance(moment, str) and not re.match(r"\d{4}-\d\d-\d\d", moment):
        raise ValueError("write a moment like 2026-11-21T10:00:00Z")
    return moment


Moment = Annotated[datetime, BeforeValidator(_written_out), AfterValidator(_moment)]


@dataclass(frozen=True, slots=True)
class CallDesk:
    """What the routes work with: the calls in progress, the files, threads."""

    switchboard: Switchboard
    files: CallFiles
    desk: Desk

    async def look(self, work: Callable[..., T], *args: Any) -> T:
        """Ask index or disk for something, in a thread. HTTPException for a transcript that is gone."""
        try:
            return await self.desk.do(work, *args)
        except JournalError as error:
            log.warning("%s", error)
            raise HTTPException(404, "the transcript of this call is gone") from None

    def live(self, call_id: str) -> LiveCall | None:
        """The call, if it is in progress."""
        return self.switchboard.live.get(call_id)

    async def call(self, call_id: str) -> CallFile:
        """One call. HTTPException 404 if there is none."""
        found = await self.look(self.files.of, call_id, self.live(call_id))
        if found is None:
            raise HTTPException(404, NO_CALL)
        return found


def calls_routes(work: CallDesk, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["calls"])
    may_read = Depends(access.requires("calls:read"))
    may_delete = Depends(access.requires("calls:control"))

    @router.get("/calls", summary="Calls, newest first", dependencies=[may_read])
    async def calls(
        persona: Annotated[str | None, Query(pattern="^[a-z0-9_-]{0,64}$", description="Calls to this one.")] = None,
        q: Annotated[
            str,
            Query(max_length=200, description="A number, a call's id, or words that were said, in any order."),
        ] = "",
        number: Annotated[
            str | None,
            Query(alias="from", max_length=64, pattern=r"^[^\x00-\x1f]*$", description="Who called, or a part."),
        ] = None,
        since: Annotated[Moment | None, Query(description="Begun then or later, ISO 8601.")] = None,
        until: Annotated[Moment | None, Query(description="Begun before, ISO 8601.")] = None,
        ended: Annotated[
            str | None,
            Query(pattern="^[a-z_]{0,32}$", description="How they ended; also `interrupted` and `in_progress`."),
        ] = None,
        verdicts: Annotated[bool, Query(description="Those in which the gate stopped something.")] = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        after: Annotated[str | None, Query(max_length=100, description="`next` of the page before.")] = None,
    ) -> Rows:
        """Words are looked for in the transcripts themselves, 500 of them at most for one answer: `searched` says how
        many were read, and `next` goes on to older ones. Case and accents make no difference.
        """
        try:
            place = Place.of(after) if after else None
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        wanted = Wanted(
            persona=persona or None,
            caller=number.strip() or None if number else None,
            since=since,
            until=until,
            ended=ended or None,
            verdicts=verdicts,
        )
        page = await work.look(find_calls, work.files.store, work.files.data_dir, wanted, q, place, limit)
        return Rows(
            calls=[Row.of(entry) for entry in page.calls],
            next=str(page.next) if page.next else None,
            searched=page.searched,
        )

    @router.get("/calls/{call_id}", summary="One call", dependencies=[may_read], responses=refusals(_404=NO_CALL))
    async def call(call_id: str) -> CallDetail:
        """Also one that goes on, as far as it has come."""
        found = await work.call(call_id)
        summary = await work.desk.do(found.summary)
        recorded = found.recording is not None
        return CallDetail.model_validate(
            summary | {"call_id": call_id, "recording": recorded, "links": links(call_id, recording=recorded)}
        )

    @router.get(
        "/calls/{call_id}/events",
        summary="A call's records as they come (server-sent events)",
        dependencies=[may_read],
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"example": 'data: {"type":"caller_said","text":"Hello.", …}\n\n'}}},
            **refusals(_404="there is no such call in progress"),
        },
    )
    async def events(call_id: str) -> StreamingResponse:
        """Those so far, then each as it is written, to the end of the call."""
        live = work.live(call_id)
        if live is None:
            raise HTTPException(404, "there is no such call in progress")
        return StreamingResponse(_follow(live), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    @router.get(
        "/calls/{call_id}/transcript.{form}",
        summary="A call's transcript",
        dependencies=[may_read],
        response_class=Response,
        responses={
            200: {
                "description": "`jsonl` as it was written, a record to a line; `json` one object; `txt` to read.",
                "content": {
                    "application/x-ndjson": {"example": '{"type":"call","call_id":"57f1eb151d4c7451", …}\n'},
                    "application/json": {"schema": {"type": "object"}, "example": {"call_id": "57f1eb151d4c7451"}},
                    "text/plain": {"example": "  0:09.0  caller  What are your opening hours on Saturday?\n"},
                },
            },
            **refusals(_404=NO_CALL),
        },
    )
    async def transcript(call_id: str, form: Literal["jsonl", "json", "txt"]) -> Response:
        """Of a call that goes on, what there is so far."""
        found = await work.call(call_id)
        content, kind = await work.desk.do(partial(_written, found, form))
        headers = {"Content-Disposition": f'inline; filename="{call_id}.{form}"'}
        return Response(content, media_type=kind, headers=headers)

    @router.delete(
        "/calls/{call_id}",
        summary="Delete a call",
        dependencies=[may_delete],
        responses=refusals(_404=NO_CALL, _409="the call is in progress", _503="a file cannot be deleted"),
    )
    async def delete(call_id: str) -> Deleted:
        """For good: transcript, recording, row of the index, webhooks that wait. A call in progress stays."""
        if work.live(call_id):
            raise HTTPException(409, "the call is in progress; end it first")
        try:
            erased = await work.look(work.files.delete, call_id)
        except InProgressError:
            raise HTTPException(409, "the call is in progress, or has ended a moment ago; try again soon") from None
        if erased is None:
            raise HTTPException(404, NO_CALL)
        if erased.failures:
            log.error("call %s could not be deleted:\n%s", call_id, "\n".join(erased.failures))
            raise HTTPException(503, "a file of this call cannot be deleted; the server's log says why")
        log.info("call %s: deleted", call_id)
        return Deleted(call_id=call_id)

    return router


def _written(call: CallFile, form: str) -> tuple[bytes, str]:
    """A transcript in a form, and its media type."""
    if form == "jsonl":
        return call.data, "application/x-ndjson"
    if form == "txt":
        return call.text().encode("utf-8", "replace"), "text/plain; charset=utf-8"
    return json.dumps(call.summary(), ensure_ascii=False).encode("utf-8", "replace"), "application/json"


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
