"""Who answers a call, and why none can be taken now: the same questions for every carrier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.persona.schema import E164
from bridge.server.personas import OnDuty, PersonaBook
from bridge.server.switchboard import Switchboard


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is turned away: `kind` for the carrier's answer, `why` for the log."""

    kind: Literal["stopping", "engine", "full", "caller"]
    why: str


def who_answers(book: PersonaBook, pinned: str | None, number: str, default: str | None) -> OnDuty | None:
    """The persona that the address names, else the one that lists the number, else the default."""
    if pinned is not None:
        return book.by_name(pinned)
    return book.by_number(number) or (book.by_name(default) if default else None)


def why_nobody(book: PersonaBook, pinned: str | None) -> str:
    """Why `who_answers` found nobody, for the log: without `pinned`, which whoever called may have made up."""
    if pinned is None:
        return "no persona answers this number, and DEFAULT_PERSONA names none"
    return f"the persona that its address names is not on duty; there are: {', '.join(book.names) or 'none'}"


def cannot_take(switchboard: Switchboard, caller: str) -> Refusal | None:
    """Why no call of `caller` can be taken now, or None. Callers who show no number are not told apart."""
    if switchboard.draining:
        return Refusal("stopping", "the server is stopping")
    if switchboard.engine.state != "ready":
        return Refusal("engine", f"the {switchboard.engine.name} engine is {switchboard.engine.state}")
    if switchboard.free <= len(switchboard.queue):
        return Refusal("full", "all slots are taken" if switchboard.free < 1 else "callers on hold come first")
    most = switchboard.calls_per_caller
    if most and E164.fullmatch(caller) and switchboard.calls_from(caller) >= most:
        return Refusal("caller", f"this caller has {most} calls already, and CALLS_PER_CALLER allows no more")
    return None
