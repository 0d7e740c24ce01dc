"""Server-sent events, read from an answer that goes on (HTML standard, 9.2.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its kind (`message` where it has none), and its data, which is JSON."""

    kind: str
    data: Any


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events in an answer's lines. An event ends with an empty line; lines that begin with a colon are comments."""
    kind, data = "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(kind, _value("\n".join(data)))
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
