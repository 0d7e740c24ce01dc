"""How often the topic gate stopped something, by persona, topic and action, since the start of the process."""

from __future__ import annotations

from typing import Final

from bridge.transcript.records import VerdictRecord

MAX_SERIES: Final = 1_000
"""Combinations that are counted apart. Names come from persona files, which may change while the server runs."""

OTHER: Final = "other"
"""Persona and topic of the verdicts that came once there were so many."""

Labels = tuple[str, str, str]
"""Persona, topic, action."""


class VerdictCounts:
    """Owner of the counts. All calls of the process count into one."""

    def __init__(self) -> None:
        """Nothing was stopped yet."""
        self.audible = 0
        """Verdicts of which the caller heard the beginning of the phrase."""
        self._counts: dict[Labels, int] = {}

    def add(self, persona: str, verdict: VerdictRecord) -> None:
        """Count one verdict."""
        labels = (persona, verdict.topic, verdict.action)
        if labels not in self._counts and len(self._counts) >= MAX_SERIES:
            labels = (OTHER, OTHER, verdict.action)
        self._counts[labels] = self._counts.get(labels, 0) + 1
        self.audible += verdict.audible

    def items(self) -> list[tuple[Labels, int]]:
        """Every combination that was met, with its count."""
        return list(self._counts.items())
