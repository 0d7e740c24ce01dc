"""From records to a conversation: who said what, in the order of the call's clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.facts.speech import Action, Speaker
from bridge.transcript.records import AgentSaid, AgentUnheard, CallerSaid, Record, VerdictRecord

PAUSE_MS: Final = 1200
"""An engine that does not count its utterances (turn 0) has begun a new one after a silence of this length."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said in one go, in milliseconds of the call. `heard` is false for words that were taken back.

    `proven` is false where any part of it was heard by the playout account alone; `reason` says why words were taken
    back.
    """

    speaker: Speaker
    text: str
    start_ms: int
    end_ms: int
    heard: bool = True
    proven: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GateEvent:
    """Something the topic gate stopped: the persona's phrase and topic, what was done, whether any of it was heard."""

    phrase: str
    topic: str
    action: Action
    at_ms: int
    speaker: Speaker
    audible: bool = False


def turns(records: Iterable[Record]) -> list[Turn]:
    """The conversation, unheard words included, ordered by when each turn began."""
    records = list(records)
    caller = [record for record in records if isinstance(record, CallerSaid)]
    said = [Turn("caller", _tidy(record.text), record.start_ms, record.end_ms) for record in caller]
    heard = sorted((record for record in records if isinstance(record, AgentSaid)), key=lambda piece: piece.start_ms)
    said += [_agent_turn(pieces) for pieces in _utterances(heard, caller)]
    said += _unheard([record for record in records if isinstance(record, AgentUnheard)])
    return sorted((turn for turn in said if turn.text), key=lambda turn: (turn.start_ms, turn.end_ms))


def gate(records: Iterable[Record]) -> list[GateEvent]:
    """The verdicts in order."""
    return [
        GateEvent(record.phrase, record.topic, record.action, record.at_ms, record.speaker, record.audible)
        for record in records
        if isinstance(record, VerdictRecord)
    ]


def _utterances(pieces: Sequence[AgentSaid], caller: Sequence[CallerSaid]) -> list[list[AgentSaid]]:
    """Pieces of one turn number are one utterance; those of turn 0 are parted by pauses and by the caller."""
    numbered: dict[int, list[AgentSaid]] = {}
    for piece in pieces:
        if piece.turn:
            numbered.setdefault(piece.turn, []).append(piece)
    utterances = list(numbered.values())
    row: list[AgentSaid] = []
    for piece in pieces:
        if piece.turn:
            continue
        if row and _parted(row[-1], piece, caller):
            utterances.append(row)
            row = []
        row.append(piece)
    return [*utterances, row] if row else utterances


def _parted(one: AgentSaid, other: AgentSaid, caller: Sequence[CallerSaid]) -> bool:
    return other.start_ms - one.end_ms > PAUSE_MS or any(
        one.end_ms <= said.start_ms and said.end_ms <= other.start_ms for said in caller
    )


def _agent_turn(pieces: Sequence[AgentSaid]) -> Turn:
    return Turn(
        "agent",
        _tidy("".join(piece.text for piece in pieces)),
        pieces[0].start_ms,
        max(piece.end_ms for piece in pieces),
        proven=all(piece.proven for piece in pieces),
    )


def _unheard(pieces: Sequence[AgentUnheard]) -> list[Turn]:
    """Words that were taken back at one moment, as one turn of no length."""
    moments: dict[tuple[int, int, str], list[str]] = {}
    for piece in pieces:
        moments.setdefault((piece.turn, piece.at_ms, piece.reason), []).append(piece.text)
    return [
        Turn("agent", _tidy("".join(texts)), at_ms, at_ms, heard=False, proven=False, reason=reason)
        for (_, at_ms, reason), texts in moments.items()
    ]


def _tidy(text: str) -> str:
    return " ".join(text.split())
