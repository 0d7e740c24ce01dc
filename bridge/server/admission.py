"""Who answers a call, and why none can be taken now: the same questions for every carrier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.server.personas import OnDuty, PersonaBook
from bridge.server.switchboard import Switchboard


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is turned away: `kind` for the carrier's answer, `why` for the log."""

    kind: Literal["stopping", "engine", "full"]
    why: str


def who_answers(book: PersonaBook, pinned: str | None, number: str, default: str | None) -> OnDuty | None:
    """The persona that the address names, else the one that lists the number, else the default."""
    if pinned is not None:
        return book.by_name(pinned)
    return book.by_number(number) or (book.by_name(default) if default else None)


def cannot_take(switchboard: Switchboard) -> Refusal | None:
    """Why no call can be taken now, or None."""
    if switchboard.draining:
        return Refusal("stopping", "the server is stopping")
    if switchboard.engine.state != "ready":
        return Refusal("engine", f"the {switchboard.engine.name} engine is {switchboard.engine.state}")
    if switchboard.free < 1:
        return Refusal("full", "all slots are taken")
    return None
