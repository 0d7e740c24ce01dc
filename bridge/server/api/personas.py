"""The personas: list, read, check, write, delete."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from starlette.responses import JSONResponse

from bridge.facts.errors import EngineError, PersonaError
from bridge.persona.load import Report
from bridge.persona.prompt import llm_prompt
from bridge.persona.schema import Persona
from bridge.persona.template import template
from bridge.server.access.access import Access
from bridge.server.api.desk import Desk
from bridge.server.api.persona_shapes import (
    CheckAnswer,
    CheckOrder,
    CostShape,
    PersonaDetail,
    PersonaSummary,
    ProblemShape,
    Refused,
    changed_at,
    described,
)
from bridge.server.persona_editor import Examined, PersonaEditor
from bridge.server.persona_files import Condition, PersonaFileRefusedError, Why, tags_of
from bridge.server.personas import PersonaBook
from bridge.server.prompt_cost import PromptMeter

log = logging.getLogger("bridge.personas")

STATUS: Final[dict[Why, int]] = {
    "absent": 404,
    "unlike": 412,
    "unconditional": 428,
    "untouchable": 409,
    "too_many": 409,
    "unwritable": 503,
}
"""How a refusal to read or change a file is answered."""

YAML: Final = "text/yaml; charset=utf-8"
YAML_TYPES: Final = ("text/yaml", "application/yaml", "application/x-yaml", "text/x-yaml", "text/plain")

TEMPLATE: Final = "template"
"""The one name of a persona that the API has another use for."""

TAKEN_UP_SECONDS: Final = 10.0
"""How long an answer waits for the engine to prepare what was written; it goes on doing so behind it."""

_WORDS = {"application/json": {"example": {"detail": "there is no persona bakery"}}}
_ABSENT: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such persona.", "content": _WORDS}}
_TOUCHY: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is a link, or no text file, and therefore not the API's to touch."},
    412: {"description": "It is not the version that If-Match names."},
}


@dataclass(frozen=True, slots=True)
class PersonaDesk:
    """What the routes work with: the files, the versions on duty, the count of prompts, a thread."""

    editor: PersonaEditor
    book: PersonaBook
    meter: PromptMeter
    desk: Desk

    async def detail(self, name: str) -> PersonaDetail:
        """One persona in full."""
        examined, cost = await self.desk.do(self._in_full, name)
        assert examined.file is not None
        return PersonaDetail(
            **self._fields(examined),
            yaml=examined.file.text,
            etag=examined.file.etag,
            **self._prompts(examined.report.persona, cost),
        )

    def summary(self, examined: Examined) -> PersonaSummary:
        """One persona in short."""
        return PersonaSummary(**self._fields(examined))

    async def check(self, order: CheckOrder) -> CheckAnswer:
        """Everything there is to say about a text."""
        report, cost = await self.desk.do(self._check, order)
        persona = report.persona
        return CheckAnswer(
            ok=not report.problems,
            problems=ProblemShape.all(report.problems),
            warnings=ProblemShape.all(report.warnings),
            **described(persona),
            **self._prompts(persona, cost),
            facts=len(persona.facts) if persona else 0,
            allowed=list(persona.allowed.topics) if persona and persona.allowed else [],
        )

    async def take_up(self, name: str) -> None:
        """Have what has changed be on duty, or know why it cannot be."""
        taking_up = asyncio.ensure_future(self.book.refresh())
        try:
            await asyncio.wait_for(asyncio.shield(taking_up), TAKEN_UP_SECONDS)
        except TimeoutError:
            taking_up.add_done_callback(_complain)
        except EngineError as error:  # it is going to end the server, and says so itself
            log.warning("persona %s was written, and is not on duty: %s", name, error)

    def _in_full(self, name: str) -> tuple[Examined, CostShape | None]:
        examined = self.editor.one(name)
        return examined, self._cost(examined.report)

    def _check(self, order: CheckOrder) -> tuple[Report, CostShape | None]:
        report = self.editor.check(order.name, order.yaml)
        return report, self._cost(report)

    def _cost(self, report: Report) -> CostShape | None:
        return CostShape(**asdict(self.meter.cost(report.persona))) if report.persona else None

    def _prompts(self, persona: Persona | None, cost: CostShape | None) -> dict[str, Any]:
        if persona is None:
            return {}
        return {"prompt": self.meter.prompt(persona), "llm_prompt": llm_prompt(persona), "cost": cost}

    def _fields(self, examined: Examined) -> dict[str, Any]:
        report = examined.report
        duty = self.book.by_name(report.name)
        return {
            "name": report.name,
            **described(report.persona or (duty.persona if duty else None)),
            "on_duty": duty is not None,
            "current": duty is not None and duty.persona == report.persona,
            "engine_problem": None if report.problems else self.book.problems.get(report.name),
            "problems": ProblemShape.all(report.problems),
            "warnings": ProblemShape.all(report.warnings),
            "updated_at": changed_at(examined.file),
        }


def persona_routes(work: PersonaDesk, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["personas"])
    may_read = Depends(access.requires("personas:read"))
    may_write = Depends(access.requires("personas:write"))

    @router.get("/personas", summary="All personas", dependencies=[may_read])
    async def personas() -> list[PersonaSummary]:
        """Those on duty and those that are not, by name, each with what is wrong with its file."""
        return [work.summary(examined) for examined in await work.desk.do(work.editor.all)]

    @router.get(
        f"/personas/{TEMPLATE}",
        summary="A persona to start from",
        dependencies=[may_read],
        response_class=Response,
        responses={200: {"content": {"text/yaml": {"example": "name: bakery\n…"}}}},
    )
    async def new_template(
        name: Annotated[str, Query(description="The name that it is to have.", examples=["bakery"])],
    ) -> Response:
        """What `callbridge persona new` writes: commented, and without problems. 422: no persona can have this name."""
        try:
            return Response(template(name), media_type=YAML)
        except PersonaError as error:
            raise HTTPException(422, str(error)) from None

    @router.post("/personas/check", summary="Check a persona without writing it", dependencies=[may_read])
    async def check(order: CheckOrder) -> CheckAnswer:
        """All problems and warnings with line and column, the exact prompts, and what they cost."""
        return await work.check(order)

    @router.get(
        "/personas/{name}", summary="One persona", dependencies=[may_read], responses=_ABSENT | {409: _TOUCHY[409]}
    )
    async def read(name: str, response: Response) -> PersonaDetail:
        """Its file, what is wrong with it, its prompts and their cost. The header ETag names the version."""
        with _told():
            detail = await work.detail(name)
        response.headers["ETag"] = detail.etag
        return detail

    @router.put(
        "/personas/{name}",
        summary="Write a persona",
        dependencies=[may_write],
        response_model=PersonaDetail,
        responses=_TOUCHY
        | {
            201: {"description": "It is a new one.", "model": PersonaDetail},
            404: {"description": "No persona can have this name."},
            415: {"description": "The body is not YAML."},
            422: {"description": "It has problems; nothing was written.", "model": Refused},
            428: {"description": "Neither If-Match nor If-None-Match was given."},
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"text/yaml": {"schema": {"type": "string"}, "example": "name: bakery\n…"}},
            }
        },
    )
    async def write(
        name: str,
        request: Request,
        response: Response,
        if_match: Annotated[str | None, Header(description="The ETag of the version that is to be replaced.")] = None,
        if_none_match: Annotated[str | None, Header(description="`*`: there must be none of this name yet.")] = None,
    ) -> PersonaDetail | JSONResponse:
        """The next call has it. Only what has no problems is written; the version before stays as NAME.yaml.bak.

        The answer says whether it is on duty now, or what the engine found wrong with it.
        """
        kind = request.headers.get("content-type", "text/yaml").partition(";")[0].strip().lower()
        if kind not in YAML_TYPES:
            raise HTTPException(415, f"send the persona's YAML as {YAML_TYPES[0]}, not as {kind[:100]}")
        if name == TEMPLATE:
            raise HTTPException(422, f"/personas/{TEMPLATE} is where new ones come from; give it another name")
        condition = Condition(tags_of(if_match), tags_of(if_none_match))
        with _told():
            new, report = await work.desk.do(work.editor.write, name, await request.body(), condition)
        if report.problems:
            return _with_problems(report)
        await work.take_up(name)
        with _told():
            detail = await work.detail(name)
        response.status_code = 201 if new else 200
        response.headers["ETag"] = detail.etag
        return detail

    @router.delete(
        "/personas/{name}",
        status_code=204,
        summary="Delete a persona",
        dependencies=[may_write],
        responses=_ABSENT | _TOUCHY,
    )
    async def delete(name: str, if_match: Annotated[str | None, Header()] = None) -> None:
        """It answers no more calls; those in progress go on. Its last version stays as NAME.yaml.bak."""
        with _told():
            await work.desk.do(work.editor.delete, name, Condition(tags_of(if_match)))
        await work.take_up(name)

    return router


@contextmanager
def _told() -> Iterator[None]:
    """A refusal as an answer."""
    try:
        yield
    except PersonaFileRefusedError as error:
        raise HTTPException(STATUS[error.why], str(error)) from None


def _with_problems(report: Report) -> JSONResponse:
    count = len(report.problems)
    detail = f"the persona has {count} problem{'s' if count > 1 else ''}; nothing was written"
    refused = Refused(detail=detail, problems=ProblemShape.all(report.problems))
    return JSONResponse(refused.model_dump(), status_code=422)


def _complain(task: asyncio.Future[None]) -> None:
    """Nobody waits for it any more."""
    if not task.cancelled() and (error := task.exception()):
        log.warning("what was written to the personas is not on duty: %s", error)
