"""Checks that look at several places of a file at once.

They work on the plain values, whatever the schema says of them, so that all that is wrong is told in one go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from bridge.gate.patterns import spellings
from bridge.gate.rules import Rules, compile_rules
from bridge.persona.document import Document, Path, spell
from bridge.persona.problem import Problem
from bridge.persona.schema import (
    OFF_TOPIC,
    BlockedTopic,
    Limits,
    Numbers,
    Persona,
    RecordingNotice,
    Unknown,
)

_OWN_LINES: Final = (
    ("greeting",),
    ("consent",),
    ("recording", "notice"),
    ("recording", "opted_out"),
    ("refusal",),
    ("transfer_say",),
    ("transfer_unanswered",),
    ("resume_say",),
    ("outbound", "notice"),
    ("outbound", "greeting"),
    ("outbound", "voicemail"),
    ("after_refusals", "say"),
    ("limits", "idle_question"),
    ("limits", "goodbye"),
    ("unknown", "ask_again"),
    ("unknown", "offer_transfer"),
    ("unknown", "give_up"),
)
"""Where a persona keeps the lines that the agent speaks word for word, besides the answers to its facts."""

_OPTIONAL: Final = ("recording", "outbound", "when_full")

_DEFAULTS: Final[dict[str, type[BaseModel]]] = {
    "limits": Limits,
    "unknown": Unknown,
    "recording": RecordingNotice,
}

_NOBODY: Final = ("is transfer, but there is no transfer number", "add a line such as transfer: +12025550143")


def contradictions(document: Document, name: str) -> Iterator[Problem]:
    """Everything in a file that contradicts something else in it, or the name of the file."""
    yield from _name(document, name)
    yield from _numbers(document)
    yield from _transfers(document)
    yield from _keys_of_two(document)
    yield from _no_caller_id(document)
    yield from _same_topics(document)
    yield from _prompt_tags(document.values, (), document)
    yield from _unusable_phrases(document)
    yield from _blocked_own_lines(document)


def usable_rules(document: Document) -> Rules:
    """The rules made of every blocked phrase that can be matched, and of every rule on numbers that can be used.

    Where the topic would stand in a hit, the path in words does (see `rule_paths`).
    """
    topics = [
        BlockedTopic.model_construct(topic=spell(path), phrases=(phrase,))
        for path, phrase in blocked_phrases(document)
        if _unusable(phrase) is None
    ]
    topics += [
        BlockedTopic.model_construct(topic=spell((*path, "numbers")), numbers=numbers)
        for path in _topics(document)
        if (numbers := _usable_numbers(document, path)) is not None
    ]
    return compile_rules(tuple(topics))


def rule_paths(document: Document) -> Iterator[Path]:
    """The paths of all that a topic can be met by."""
    yield from (path for path, _ in blocked_phrases(document))
    yield from ((*path, "numbers") for path in _topics(document))


def _usable_numbers(document: Document, topic: Path) -> Numbers | None:
    with suppress(ValidationError):
        numbers = Numbers.model_validate(_at(document, (*topic, "numbers")))
        if all(_unusable(word) is None for word in numbers.near):
            return numbers
    return None


def blocked_phrases(document: Document) -> Iterator[tuple[Path, str]]:
    """Each blocked word and phrase with its path."""
    for index, topic in enumerate(_list(document.values.get("blocked"))):
        if isinstance(topic, dict):
            for key in ("words", "phrases"):
                for place, phrase in enumerate(_list(topic.get(key))):
                    if isinstance(phrase, str) and phrase.strip():
                        yield ("blocked", index, key, place), phrase


def own_lines(document: Document) -> Iterator[tuple[Path, str]]:
    """Each line that the agent says word for word, with its path; where the file has none, the default."""
    for path in _OWN_LINES:
        if path[0] in _OPTIONAL and not isinstance(document.values.get(path[0]), dict):
            continue  # the agent never says these lines; without the group they are none of the persona's either
        value = _at(document, path)
        text = _default(path) if value is None else value
        if isinstance(text, str):
            yield path, text
    for topic in (*_topics(document), ("allowed",)):
        for key in ("refusal", "question"):
            if isinstance(text := _at(document, (*topic, key)), str):
                yield (*topic, key), text
    for key in _keys(document):
        if isinstance(text := _at(document, ("keys", key, "say")), str):
            yield ("keys", key, "say"), text
    for index, fact in enumerate(_list(document.values.get("facts"))):
        if isinstance(fact, dict) and isinstance(fact.get("answer"), str):
            yield ("facts", index, "answer"), fact["answer"]


def _default(path: tuple[str, ...]) -> Any:
    model = _DEFAULTS.get(path[0], Persona)
    return model.model_fields[path[-1]].default if path[-1] in model.model_fields else None


def _name(document: Document, name: str) -> Iterator[Problem]:
    given = document.values.get("name")
    if isinstance(given, str) and given != name:
        hint = f"write name: {name}, or rename the file to {given}.yaml"
        yield document.problem(("name",), f"{given!r} is not the file's name", hint)


def _numbers(document: Document) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, number in enumerate(_list(document.values.get("numbers"))):
        if isinstance(number, str):
            if number in seen:
                yield document.problem(("numbers", index), f"{number} is listed twice", "remove one of them")
            seen.add(number)


def _transfers(document: Document) -> Iterator[Problem]:
    """Actions that put callers through to nobody."""
    if document.values.get("transfer"):
        return
    groups: list[Path] = [("after_refusals",), *_topics(document), ("allowed",)]
    for path in groups:
        if _at(document, (*path, "action")) == "transfer":
            yield document.problem((*path, "action"), *_NOBODY)
    for key in _keys(document):
        short = _at(document, ("keys", key)) == "transfer"
        if short or (_at(document, ("keys", key, "then")) == "transfer" and not _at(document, ("keys", key, "to"))):
            yield document.problem(("keys", key), *_NOBODY)


def _no_caller_id(document: Document) -> Iterator[Problem]:
    """A persona that calls people, from no number."""
    calls = isinstance(document.values.get("outbound"), dict)
    if calls and not (_at(document, ("outbound", "caller_id")) or _list(document.values.get("numbers"))):
        hint = "list a number under numbers, or write caller_id"
        yield document.problem(("outbound",), "there is no number to call from", hint)


def _keys_of_two(document: Document) -> Iterator[Problem]:
    """A key that both refuses the recording and does something else."""
    taken = _at(document, ("recording", "opt_out_key"))
    if taken in _keys(document):
        yield document.problem(
            ("keys", taken), "is the recording's opt_out_key too", "take another key for one of them"
        )


def _keys(document: Document) -> list[str]:
    keys = document.values.get("keys")
    return list(keys) if isinstance(keys, dict) else []


def _same_topics(document: Document) -> Iterator[Problem]:
    """Topics of one name: what a refusal says and leads to is looked up by it."""
    seen = {OFF_TOPIC} if document.values.get("allowed") else set()
    for path in _topics(document):
        name = _at(document, (*path, "topic"))
        if isinstance(name, str):
            if name in seen:
                yield document.problem((*path, "topic"), f"{name!r} is listed twice", "put both into one entry")
            seen.add(name)


def _topics(document: Document) -> list[Path]:
    return [("blocked", index) for index in range(len(_list(document.values.get("blocked"))))]


def _at(document: Document, path: Path) -> Any:
    """The value at a path; None where there is none."""
    value: Any = document.values
    for key in path:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and key < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _prompt_tags(value: Any, path: Path, document: Document) -> Iterator[Problem]:
    if isinstance(value, str) and ("<system>" in value or "</system>" in value):
        yield document.problem(path, "contains <system>, the mark around a model's prompt", "remove it")
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _prompt_tags(part, (*path, key), document)


def _unusable_phrases(document: Document) -> Iterator[Problem]:
    near = (
        ((*topic, "numbers", "near", place), word)
        for topic in _topics(document)
        for place, word in enumerate(_list(_at(document, (*topic, "numbers", "near"))))
        if isinstance(word, str) and word.strip()
    )
    for path, phrase in (*blocked_phrases(document), *near):
        reason = _unusable(phrase)
        if reason is not None:
            yield document.problem(path, reason)


def _unusable(phrase: str) -> str | None:
    try:
        tuple(spellings(phrase, ""))
    except ValueError as error:
        return str(error)
    return None


def _blocked_own_lines(document: Document) -> Iterator[Problem]:
    """Lines that the gate would stop: the agent could never say them."""
    rules = usable_rules(document)
    for path, line in own_lines(document):
        for hit in rules.find(line)[:1]:
            what = f"contains {line[hit.start : hit.end]!r}, which {hit.phrase!r} under blocked forbids to say"
            written = path in document.places
            hint = "reword it, or narrow the blocked phrase" if written else f"the default is {line!r}; write your own"
            yield document.problem(path, what, hint)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
