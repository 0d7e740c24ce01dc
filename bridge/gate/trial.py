"""A text put to the gate as if a model had written it: what would be said, and what a caller would hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.gate.rules import Pattern, Rules
from bridge.gate.tokens import TokenGate
from bridge.gate.topic import topic_gate
from bridge.gate.vocabulary import Piece, Vocabulary
from bridge.persona.schema import Persona


@dataclass(frozen=True, slots=True)
class Judged:
    """One piece. `forbid`: it was chosen, and is dropped because a later one stops the text. `refuse`: that one."""

    piece: str
    action: Literal["pass", "forbid", "refuse"]
    phrase: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The pieces up to the one that is refused; the first `heard` of them are heard, then `refusal`, if any."""

    pieces: tuple[Judged, ...]
    heard: int
    phrase: str | None = None
    refusal: str = ""


def try_pieces(persona: Persona, rules: Rules, pieces: Sequence[Piece], hold: int = 0) -> Trial:
    """Offer the pieces one by one, and no other: a model that insists on each of them."""
    kinds = list(dict.fromkeys([*pieces, ""]))
    place = {piece: token for token, piece in enumerate(kinds)}
    topic = topic_gate(persona, rules)
    gate = TokenGate(Vocabulary(rules, kinds), topic, place[""], hold=hold)
    # The text ends as a model's does, in padding: as much as it takes until all of it would have been heard.
    offered = [place[piece] for piece in pieces] + [place[""]] * (hold + 1)
    for at, token in enumerate(offered):
        choice = gate.choose([token], [1.0])
        if choice.stopped is not None:
            heard = at - choice.drop
            refusal = gate.take_over(choice.stopped, 0, "").text
            return _stopped([_shown(piece) for piece in pieces[: at + 1]], heard, choice.stopped, refusal)
    return Trial(tuple(Judged(_shown(piece), "pass") for piece in pieces), len(pieces))


def _stopped(shown: list[str], heard: int, stopped: Pattern, refusal: str) -> Trial:
    last = len(shown) - 1
    judged = [
        Judged(piece, "pass") if at < heard else Judged(piece, "refuse" if at == last else "forbid", stopped.phrase)
        for at, piece in enumerate(shown)
    ]
    return Trial(tuple(judged), min(heard, last), stopped.phrase, refusal)


def joined(pieces: Sequence[Piece]) -> str:
    """Pieces as text."""
    return b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces).decode(
        "utf-8", "replace"
    )


def _shown(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.decode("utf-8", "replace")
