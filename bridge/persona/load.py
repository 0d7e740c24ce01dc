"""Persona files: text in, a persona or the list of everything that is wrong with it out. No file is opened here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from bridge.persona.advice import advice
from bridge.persona.consistency import contradictions
from bridge.persona.document import MAX_BYTES, Document, read_yaml
from bridge.persona.problem import PersonaFileError, Problem
from bridge.persona.schema import Persona
from bridge.persona.wording import complaints

__all__ = ["MAX_BYTES", "PersonaFileError", "Problem", "Report", "check_all", "compare", "examine", "parse"]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one file: its persona unless there are `problems`; `warnings` never stand in the way."""

    name: str
    persona: Persona | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    number_places: tuple[tuple[str, int, int], ...] = ()


def parse(text: str, name: str) -> Persona:
    """The persona in a file's text; `name` is the file's name without `.yaml`.

    PersonaFileError lists everything that is wrong.
    """
    report = examine(text, name)
    if report.persona is None:
        raise PersonaFileError(name, report.problems)
    return report.persona


def examine(text: str, name: str) -> Report:
    """Everything there is to say about one file. A syntax error stands alone: nothing behind it can be read."""
    document = read_yaml(text)
    if document.values is None:
        return Report(name, None, document.problems)
    persona: Persona | None = None
    problems = [*document.problems, *contradictions(document, name)]
    try:
        persona = Persona.model_validate(document.values)
    except ValidationError as error:
        problems += complaints(document, error)
    ordered = _in_order(problems)
    warnings = _in_order(list(advice(document, persona)))
    return Report(name, None if ordered else persona, ordered, warnings, _number_places(document))


def check_all(files: Sequence[tuple[str, str]]) -> list[Report]:
    """Reports of several files that are to serve together, given as (name, text): a number may be in one only."""
    return compare([examine(text, name) for name, text in files])


def compare(reports: list[Report]) -> list[Report]:
    """The reports of files that are to serve together, with the numbers that more than one of them has."""
    owners: dict[str, list[int]] = {}
    for index, report in enumerate(reports):
        for number in dict.fromkeys(number for number, _, _ in report.number_places):
            owners.setdefault(number, []).append(index)
    return [_with_shared_numbers(index, reports, owners) for index in range(len(reports))]


def _with_shared_numbers(index: int, reports: list[Report], owners: dict[str, list[int]]) -> Report:
    report = reports[index]
    shared: list[Problem] = []
    for number, line, column in report.number_places:
        others = ", ".join(reports[other].name for other in owners[number] if other != index)
        if others:
            what = f"{number} is answered by {others} too"
            shared.append(Problem(line, column, "numbers", what, "a number can reach one persona only"))
    if not shared:
        return report
    return replace(report, persona=None, problems=_in_order([*report.problems, *shared]))


def _number_places(document: Document) -> tuple[tuple[str, int, int], ...]:
    numbers = document.values.get("numbers")
    if not isinstance(numbers, list):
        return ()
    return tuple(
        (number, *document.places[("numbers", index)])
        for index, number in enumerate(numbers)
        if isinstance(number, str)
    )


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda problem: (problem.line, problem.column)))
