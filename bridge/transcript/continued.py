"""A call of several streams, as when a caller comes back from a person who did not answer: one record, one clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from bridge.transcript.records import AgentSaid, AgentUnheard, CallerSaid, Ended, Record
from bridge.transcript.turns import turns

MAX_BRIEF: Final = 280
"""Characters of a brief: some twenty seconds of speech, for which the caller waits."""

MAX_QUOTE: Final = 120
"""Characters that are quoted of the caller's last words."""


def later(record: Record, ms: int, turn: int) -> Record:
    """A record of a stream that began `ms` into the call, after `turn` utterances of the agent."""
    if isinstance(record, CallerSaid | AgentSaid):
        record = msgspec.structs.replace(record, start_ms=record.start_ms + ms, end_ms=record.end_ms + ms)
    elif hasattr(record, "at_ms"):
        record = msgspec.structs.replace(record, at_ms=record.at_ms + ms)
    if isinstance(record, AgentSaid | AgentUnheard) and record.turn:
        record = msgspec.structs.replace(record, turn=record.turn + turn)
    return record


def last_turn(records: Sequence[Record]) -> int:
    """The number of the agent's latest utterance."""
    return max((record.turn for record in records if isinstance(record, AgentSaid | AgentUnheard)), default=0)


def joined(one: Ended | None, other: Ended) -> Ended:
    """The end of a call whose first stream ended as `one`, and whose next one as `other`."""
    if one is None:
        return other
    names = dict.fromkeys((*one.counters, *other.counters))
    counters = {name: one.counters.get(name, 0) + other.counters.get(name, 0) for name in names}
    return msgspec.structs.replace(other, seconds=round(one.seconds + other.seconds, 3), counters=counters)


def brief(business: str, caller: str, records: Sequence[Record]) -> str:
    """One line for the person who is rung: for whom the call is, from whom, and what the caller said last."""
    said = [turn.text for turn in turns(records) if turn.speaker == "caller"]
    digits = " ".join(sign for sign in caller if sign.isdigit())
    line = f"A call for {business}" + (f", from {digits}." if digits else ".")
    if said:
        line += f" They said: {_shortened(said[-1], MAX_QUOTE)}"
    return _shortened(line, MAX_BRIEF)


def _shortened(text: str, most: int) -> str:
    """At most `most` characters, cut between words."""
    if len(text) <= most:
        return text
    return text[: most - 1].rsplit(" ", 1)[0].rstrip(" ,.;") + "…"
