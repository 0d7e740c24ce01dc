"""Marks for clients that return none: what they are sent is taken to be played in order and at real time, at once.

The account of `bridge.audio.playout` reckons in the same way; here the leg says so, because nobody else will. Nor can
sound that was sent be taken back from such a client: a `Clear` only means that nothing more of it counts.
"""

from __future__ import annotations

from collections import deque

from bridge.facts.events import Played


class Playback:
    """Owner of what one client still has to play. Milliseconds are of one clock that never goes back."""

    def __init__(self) -> None:
        """Nothing was sent."""
        self._end_ms = 0.0
        self._marks: deque[tuple[float, Played]] = deque()

    @property
    def due_ms(self) -> float | None:
        """When the next mark is due; None: there is none."""
        return self._marks[0][0] if self._marks else None

    def sent(self, milliseconds: float, now_ms: float) -> None:
        """So much sound was sent."""
        self._end_ms = max(self._end_ms, now_ms) + milliseconds

    def mark(self, generation: int, number: int, now_ms: float) -> None:
        """A mark behind all that was sent."""
        self._marks.append((max(self._end_ms, now_ms), Played(generation, number)))

    def clear(self, now_ms: float) -> None:
        """What was sent does not count any more."""
        self._end_ms = min(self._end_ms, now_ms)
        self._marks.clear()

    def played(self, now_ms: float) -> list[Played]:
        """The marks that have become due, once each."""
        due = []
        while self._marks and self._marks[0][0] <= now_ms:
            due.append(self._marks.popleft()[1])
        return due
