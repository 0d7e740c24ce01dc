"""A text put to the gate as if a model had written it: what would be said, and what a caller would hear."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.gate.rules import Rules
from bridge.gate.scope import Scope, Watch
from bridge.gate.tokens import TokenGate
from bridge.gate.topic import topic_gate
from bridge.gate.vocabulary import Piece, Vocabulary
from bridge.persona.schema import Persona

Action = Literal["pass", "forbid", "refuse"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One piece. `forbid`: it was chosen, and is dropped because a later one stops the text. `refuse`: that one."""

    piece: str
    action: Action
    phrase: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The pieces up to the one that is refused; the first `heard` of them are heard, then `refusal`, if any."""

    pieces: tuple[Judged, ...]
    heard: int
    phrase: str | None = None
    refusal: str = ""


def try_pieces(
    persona: Persona, rules: Rules, pieces: Sequence[Piece], hold: int = 0, scope: Scope | None = None
) -> Trial:
    """Offer the pieces one by one, and no other: a model that insists on each of them.

    With a `scope`, what the pieces make is judged as soon as there is enough of it; in a call that takes a little
    longer, and some more of it is heard.
    """
    kinds = list(dict.fromkeys([*pieces, ""]))
    place = {piece: token for token, piece in enumerate(kinds)}
    gate = TokenGate(Vocabulary(rules, kinds), topic_gate(persona, rules), place[""], hold=hold)
    watch, decoder = Watch(), codecs.getincrementaldecoder("utf-8")("replace")
    # The text ends as a model's does, in padding: as much as it takes until all of it would have been heard.
    for at, piece in enumerate([*pieces, *[""] * (hold + 1)]):
        choice = gate.choose([place[piece]], [1.0])
        shown = pieces[: at + 1]
        if choice.stopped is not None:
            refusal = gate.take_over(choice.stopped, 0, "").text
            return _stopped(shown, at - choice.drop, choice.stopped.phrase, refusal)
        due = watch.feed(decoder.decode(piece if isinstance(piece, bytes) else piece.encode()))
        stray = scope.stray(due) if scope and due else None
        if stray is not None:
            refusal = gate.leave_topic(stray, "agent", 0, "").text
            return _stopped(shown, max(0, at - hold), stray.reason, refusal)
    return Trial(tuple(Judged(_shown(piece), "pass") for piece in pieces), len(pieces))


def _stopped(pieces: Sequence[Piece], heard: int, phrase: str, refusal: str) -> Trial:
    last = len(pieces) - 1
    judged = [
        Judged(_shown(piece), "pass") if at < heard else Judged(_shown(piece), _action(at, last), phrase)
        for at, piece in enumerate(pieces)
    ]
    return Trial(tuple(judged), min(heard, last), phrase, refusal)


def _action(at: int, last: int) -> Action:
    return "refuse" if at == last else "forbid"


def joined(pieces: Sequence[Piece]) -> str:
    """Pieces as text."""
    return b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces).decode(
        "utf-8", "replace"
    )


def _shown(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.decode("utf-8", "replace")
