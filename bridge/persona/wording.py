"""The schema's complaints in words for the owner of a file, who knows neither Python nor pydantic."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.persona.document import Document, Path
from bridge.persona.problem import Problem
from bridge.persona.schema import E164, Persona

_EXAMPLES: Final = {
    "name": "the file's name without .yaml, such as dental",
    "business": "such as: Maple Street Dental",
    "description": "completes “You work for …, which is …”, such as: a family dental practice in Springfield",
    "agent_name": "such as: Anna",
    "greeting": "such as: Thank you for calling, how can I help you?",
    "refusal": "such as: I'm sorry, I can't talk about that.",
    "ask": "a list of questions, such as: - When are you open?",
    "answer": "one or two short sentences that are spoken as they stand",
    "topic": "such as: medical advice",
    "topics": "a list of topics, such as: - teeth and dental treatment",
    "notice": "such as: This call is recorded. Press 8 if you do not want that.",
}
"""What stands behind a required key, told where it is missing or empty."""

_PATTERNS: Final = {
    "name": "small letters, digits, - and _ only, beginning with a letter or digit",
    "language": "two small letters, and a country if it matters: en or en-GB",
    "voice": "letters, digits, - and _ only, such as NATF2",
    "opt_out_key": "one key of a telephone in quotes: a digit, '*' or '#'",
    "[key]": "one key of a telephone: a digit, or '*' or '#' in quotes",
}


_MOST: Final = 200
"""Errors of the schema that are told; a file with more is something else than a persona."""


def complaints(document: Document, error: ValidationError) -> list[Problem]:
    """The schema's errors as problems. Checks that concern the whole file at once belong to `consistency`."""
    details = [detail for detail in error.errors(include_url=False) if detail["loc"]]
    return [_problem(document, detail) for detail in details[:_MOST]]


def _problem(document: Document, detail: ErrorDetails) -> Problem:
    path: Path = detail["loc"]
    what, hint = _words(path, detail)
    return document.problem(path, what, hint)


def _words(path: Path, detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and what to do, by pydantic's name for the error."""
    kind, value, limits = detail["type"], detail["input"], detail.get("ctx", {})
    key = str(next((part for part in reversed(path) if isinstance(part, str)), ""))
    if kind == "missing":
        return "is missing", _EXAMPLES.get(key, "")
    if kind == "extra_forbidden":
        return "there is no such key", _similar(key, _known_keys(path[:-1]))
    if value is None or kind == "string_too_short":
        return "is empty", _EXAMPLES.get(key, "write a value behind the colon, or remove the key")
    match kind:
        case "string_type":
            return "must be a text", "put quotes around it, or indent it less" if isinstance(value, dict) else ""
        case "tuple_type":
            return "must be a list", "begin the line below with a hyphen and a space: - …"
        case "dict_type" | "model_type":
            return "must be a group of keys", f"the keys are {_enumerate(_known_keys(path))}"
        case "string_too_long":
            return f"has {len(value):,} characters; {limits['max_length']:,} are allowed", "shorten it or split it up"
        case "too_short":
            return "needs at least one entry", _EXAMPLES.get(key, "")
        case "string_pattern_mismatch":
            return f"{value!r} is not possible here", _PATTERNS[key]
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", limits["expected"])
            return f"{value!r} is not possible here", _similar(str(value), allowed)
        case "bool_parsing" | "bool_type":
            return "must be yes or no", ""
        case "greater_than_equal":
            return f"must be at least {limits['ge']}, and is {value}", ""
        case "less_than_equal":
            return f"must be at most {limits['le']}, and is {value}", ""
        case "value_error" if key in ("numbers", "transfer") and isinstance(value, str):
            return str(limits["error"]), _as_e164(value)
        case "value_error":
            return str(limits["error"]), ""
    if kind.startswith(("int_", "float_", "finite_")):
        return f"must be a {'whole ' if kind.startswith('int_') else ''}number, and is {value!r}", ""
    return detail["msg"], ""


def _as_e164(number: str) -> str:
    digits = "+" + re.sub(r"[^0-9]", "", number)
    if number.strip().startswith("+") and E164.fullmatch(digits):
        return f"write it as {digits}"
    return "a plus, the country code, and the number, without spaces"


def _similar(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {_enumerate(names)}"


def _enumerate(names: Iterable[str]) -> str:
    return ", ".join(names)


def _known_keys(path: Path) -> list[str]:
    """The keys that the schema knows at this place."""
    model: type[BaseModel] = Persona
    parts = iter(path)
    for part in parts:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            inner = _model_within(annotation)
            if get_origin(annotation) is dict:
                next(parts, None)  # a key of the owner's own
            assert inner is not None  # the schema complains of keys only where it has a group of keys
            model = inner
    return list(model.model_fields)


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """The group of keys that an annotation such as `tuple[Fact, ...]` speaks of."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in (tuple, dict, Union, UnionType, Annotated):
        return next((model for part in get_args(annotation) if (model := _model_within(part))), None)
    return None
