"""The topic gate, tried on a text."""

from __future__ import annotations

import time
from typing import Literal

from fastapi import APIRouter, Depends, HTTPException
from pydantic import ConfigDict, Field, model_validator
from starlette.responses import JSONResponse

from bridge.facts.errors import EngineError
from bridge.facts.speech import Action, Speaker
from bridge.gate.trial import LONGEST_TEXT
from bridge.persona.schema import Persona
from bridge.server.access.access import Access
from bridge.server.api.desk import Desk
from bridge.server.api.persona_shapes import TEXT, ProblemShape, Refused, Shape
from bridge.server.gate_trial import GateTrial
from bridge.server.personas import PersonaBook


class GateOrder(Shape):
    """What to try, and on whose gate: a persona's that answers calls, or that of a text that need not be saved."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"persona": "dental", "text": "Take two ibuprofen.", "speaker": "agent"}]},
    )

    persona: str | None = Field(default=None, max_length=200, description="The version of it that answers calls.")
    yaml: str | None = Field(default=None, max_length=TEXT, description="Instead of `persona`: the text of a file.")
    text: str = Field(max_length=LONGEST_TEXT)
    speaker: Speaker = Field(default="agent", description="Whose words they are.")

    @model_validator(mode="after")
    def _one_of_both(self) -> GateOrder:
        if (self.persona is None) == (self.yaml is None):
            raise ValueError("give either persona or yaml")
        return self


class PieceShape(Shape):
    """A word, or a token of the model."""

    piece: str
    action: Literal["pass", "forbid", "refuse"] = Field(
        description="`forbid`: dropped before it is heard, because a later one stops the text; `refuse`: that one. "
        "Of a caller's words `refuse` are those that meet what is blocked."
    )
    phrase: str | None = Field(description="Which phrase of the persona it concerns.")


class GateAnswer(Shape):
    """What the gate makes of the text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "blocked": True,
                    "pieces": [
                        {"piece": " Take", "action": "pass", "phrase": None},
                        {"piece": " two", "action": "pass", "phrase": None},
                        {"piece": " ibuprofen.", "action": "refuse", "phrase": "ibuprofen"},
                    ],
                    "heard": 0,
                    "spoken": "I'm sorry, I can't talk about that.",
                    "phrase": "ibuprofen",
                    "topic": "medicines and their doses",
                    "action": "refuse",
                    "refusal": "I'm sorry, I can't talk about that.",
                    "ms": 0.4,
                }
            ]
        }
    )

    blocked: bool
    pieces: list[PieceShape] = Field(description="Up to the one that is refused; what follows it is never said.")
    heard: int = Field(description="So many of the pieces are heard; of a caller's words all of them.")
    spoken: str = Field(description="All that the agent says: what is heard of its words, then the refusal.")
    phrase: str | None = Field(description="What was met, as the persona writes it.")
    topic: str | None = Field(description="The blocked topic; `off topic` for what is none of the allowed ones.")
    action: Action | None = Field(description="What this refusal, as the first of a call, leads to.")
    refusal: str = Field(description="What the caller hears instead; empty where nothing is refused.")
    ms: float = Field(description="How long it took to judge, in milliseconds.")


def gate_routes(trial: GateTrial, book: PersonaBook, desk: Desk, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["gate"])

    @router.post(
        "/gate/try",
        summary="Try the topic gate on a text",
        dependencies=[Depends(access.requires("personas:read"))],
        response_model=GateAnswer,
        responses={
            404: {"description": "No such persona answers calls."},
            422: {"description": "The YAML has problems.", "model": Refused},
            503: {"description": "Too many at once, or the model that tells allowed topics is missing."},
        },
    )
    async def put(order: GateOrder) -> GateAnswer | JSONResponse:
        """What would be said of the text, and what a caller would hear instead. Quick enough for each letter typed."""
        if order.persona is not None:
            duty = book.by_name(order.persona)
            persona = duty.persona if duty else None
            if persona is None:
                raise HTTPException(404, "no persona of that name answers calls")
        else:
            report = await desk.do(trial.examine, order.yaml)
            if report.persona is None:
                detail = "the persona has problems; its gate cannot be tried"
                refused = Refused(detail=detail, problems=ProblemShape.all(report.problems))
                return JSONResponse(refused.model_dump(), status_code=422)
            persona = report.persona
        try:
            return await desk.do(_judge, trial, persona, order)
        except EngineError as error:
            raise HTTPException(503, str(error)) from None

    return router


def _judge(trial: GateTrial, persona: Persona, order: GateOrder) -> GateAnswer:
    began = time.perf_counter()
    tried = trial.put(persona, order.text, order.speaker)
    verdict = tried.verdict
    return GateAnswer(
        blocked=verdict is not None,
        pieces=[PieceShape(piece=each.piece, action=each.action, phrase=each.phrase) for each in tried.pieces],
        heard=tried.count,
        spoken=tried.spoken,
        phrase=tried.phrase,
        topic=verdict.topic if verdict else None,
        action=verdict.action if verdict else None,
        refusal=tried.refusal,
        ms=round((time.perf_counter() - began) * 1000, 2),
    )
