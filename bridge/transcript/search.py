"""Whether words were said in a call: whatever the case and the accents, each of them anywhere, by either side."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

from bridge.transcript.records import AgentSaid, CallerSaid, Record


def words_of(query: str) -> tuple[str, ...]:
    """The words that are looked for, folded."""
    return tuple(dict.fromkeys(fold(query).split()))


def fold(text: str) -> str:
    """Text in which case and accents make no difference any more."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def said(records: Iterable[Record]) -> str:
    """Everything that was heard in a call, folded. The agent's words come in pieces, which are put together."""
    parts: list[str] = []
    turn: int | None = None
    for record in records:
        if isinstance(record, AgentSaid):
            parts.append(record.text if record.turn == turn else f"\n{record.text}")
            turn = record.turn
        elif isinstance(record, CallerSaid):
            parts.append(f"\n{record.text}")
            turn = None
    return fold("".join(parts))


def holds(text: str, words: Collection[str]) -> bool:
    """Whether a folded text has every one of these folded words in it."""
    return all(word in text for word in words)
