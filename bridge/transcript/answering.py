"""How soon the agent answers: from the end of the caller's words to the first of its own that the caller hears."""

from __future__ import annotations

from bridge.transcript.records import AgentSaid, CallerSaid, Record


class AnswerTimes:
    """Takes the records of one call in their order."""

    def __init__(self) -> None:
        """Nobody has spoken."""
        self._asked: int | None = None

    def take(self, record: Record) -> int | None:
        """Milliseconds, where this record is the beginning of an answer; None for every other.

        An agent who speaks while the caller does has not answered yet.
        """
        if isinstance(record, CallerSaid):
            self._asked = record.end_ms
        elif isinstance(record, AgentSaid) and self._asked is not None and record.start_ms >= self._asked:
            answered, self._asked = record.start_ms - self._asked, None
            return answered
        return None
