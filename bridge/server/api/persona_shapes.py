"""Personas as the API shows them, with an example of each."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from bridge.persona.problem import Problem
from bridge.persona.schema import Persona
from bridge.server.persona_files import PersonaFile

TEXT: Final = 256 * 1024
"""Characters of YAML that are taken in at all; what is over the limit of a persona is told as a problem of it."""

MAX_PROBLEMS: Final = 200
"""Of a file that are told: whoever mends these is told the rest."""

_PROBLEM: Final[JsonDict] = {
    "line": 3,
    "column": 1,
    "where": "businness",
    "what": "is not a key of a persona",
    "hint": "did you mean business?",
}
_COST: Final[JsonDict] = {
    "tokens": 623,
    "exact": True,
    "frames": 686,
    "seconds": 54.88,
    "advised_frames": 750,
    "window_frames": 3000,
    "share": 0.2287,
}
_SUMMARY: Final[JsonDict] = {
    "name": "dental",
    "business": "Maple Street Dental",
    "agent_name": "Anna",
    "language": "en",
    "voice": "NATF2",
    "numbers": ["+12025550100"],
    "on_duty": True,
    "current": True,
    "engine_problem": None,
    "problems": [],
    "warnings": [],
    "blocked": ["medicines and their doses"],
    "updated_at": "2026-01-31T09:30:00.000+00:00",
}


class Shape(BaseModel):
    """Base of what the API answers with."""

    model_config = ConfigDict(frozen=True)


class ProblemShape(Shape):
    """One thing to change in a file; line and column count from 1."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROBLEM]})

    line: int
    column: int
    where: str = Field(description="The key, and the entry of a list counted from 1; empty for the file as a whole.")
    what: str
    hint: str = Field(description="What to do, if anything can be said; else empty.")

    @classmethod
    def all(cls, problems: tuple[Problem, ...]) -> list[ProblemShape]:
        """Of a report."""
        return [
            cls(line=each.line, column=each.column, where=each.where, what=each.what, hint=each.hint)
            for each in problems[:MAX_PROBLEMS]
        ]


class CostShape(Shape):
    """What the prompt takes of what PersonaPlex can look back on: voice, silence, text, silence."""

    model_config = ConfigDict(json_schema_extra={"examples": [_COST]})

    tokens: int = Field(description="Of the text; each takes one frame.")
    exact: bool = Field(description="False where the model's tokeniser or the voice is not on this machine.")
    frames: int = Field(description="Of 80 ms, with the voice and the silences around the text.")
    seconds: float = Field(description="The frames as time.")
    advised_frames: int = Field(description="More than so many frames of text crowd out the conversation.")
    window_frames: int = Field(description="What the model can look back on.")
    share: float = Field(description="The frames' part of that window; over 1 the prompt does not fit.")


class PersonaSummary(Shape):
    """One persona. Of a file with problems only its name is sure; the rest is then of the version that answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SUMMARY]})

    name: str
    business: str | None = None
    agent_name: str | None = None
    language: str | None = None
    voice: str | None = None
    numbers: list[str] = []
    on_duty: bool = Field(description="Whether it answers calls, with this version of its file or with one before it.")
    current: bool = Field(description="Whether the version that answers calls is that of the file as it is now.")
    engine_problem: str | None = Field(
        default=None, description="What keeps a version without problems of its own from being on duty."
    )
    problems: list[ProblemShape] = []
    warnings: list[ProblemShape] = []
    blocked: list[str] = Field(default=[], description="The topics that it must never talk about.")
    updated_at: str | None = Field(default=None, description="When the file was changed, ISO 8601 in UTC.")


class PersonaDetail(PersonaSummary):
    """One persona with its file, and what becomes of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _SUMMARY
                | {"yaml": "name: dental\n…", "etag": '"0f3a…"', "prompt": "<system> You work for …", "cost": _COST}
                | {"llm_prompt": "You are Anna and answer the telephone of …"}
            ]
        }
    )

    yaml: str
    etag: str = Field(description="Of this version: the header ETag, to be sent as If-Match with the next one.")
    prompt: str | None = Field(default=None, description="What PersonaPlex is told, to the letter.")
    llm_prompt: str | None = Field(default=None, description="What a language model at LLM_BASE_URL is told.")
    cost: CostShape | None = None


class CheckOrder(Shape):
    """A text that may become the file of a persona."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "bakery", "yaml": "name: bakery\nbusiness: …"}]}
    )

    name: str = Field(max_length=200, description="The persona's name, which its key `name` must be.")
    yaml: str = Field(max_length=TEXT)


class CheckAnswer(Shape):
    """Everything there is to say about it. Prompts, cost and the rest are there where it has no problems."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ok": False, "problems": [_PROBLEM], "warnings": [], "prompt": None, "llm_prompt": None, "cost": None}
            ]
        }
    )

    ok: bool
    problems: list[ProblemShape]
    warnings: list[ProblemShape]
    prompt: str | None = None
    llm_prompt: str | None = None
    cost: CostShape | None = None
    business: str | None = None
    agent_name: str | None = None
    language: str | None = None
    voice: str | None = None
    numbers: list[str] = []
    facts: int = 0
    blocked: list[str] = []
    allowed: list[str] = []


class Refused(Shape):
    """A persona that was not written, and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"detail": "the persona has 1 problem", "problems": [_PROBLEM]}]}
    )

    detail: str
    problems: list[ProblemShape]


def described(persona: Persona | None) -> dict[str, Any]:
    """What a summary takes from a persona."""
    if persona is None:
        return {}
    return {
        "business": persona.business,
        "agent_name": persona.agent_name,
        "language": persona.language,
        "voice": persona.voice,
        "numbers": list(persona.numbers),
        "blocked": [topic.topic for topic in persona.blocked],
    }


def changed_at(file: PersonaFile | None) -> str | None:
    """When a file was changed."""
    return file.changed_at if file else None
