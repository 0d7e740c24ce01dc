"""The carrier's playout buffer: what it was sent is played in order, in real time, 20 ms to a step.

Pure: a step is whoever owns the clock saying that another 20 ms have gone by.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from bridge.facts.formats import PHONE_PACKET, PHONE_RATE

MAX_BUFFERED: Final = 600 * PHONE_RATE
"""Ten minutes. Audio beyond it is dropped and counted: a bridge that far ahead of real time has a fault."""

MAX_MARKS: Final = 10_000
"""Marks beyond it are dropped and counted."""


class PlayoutBuffer:
    """One call's buffer. Positions are bytes (samples at 8 kHz) of everything that was ever put in."""

    def __init__(self) -> None:
        """Empty, with nothing played."""
        self.dropped = 0
        self.dropped_marks = 0
        self.clears = 0
        self._audio = bytearray()
        self._taken = 0
        self._heard = 0
        self._marks: deque[tuple[int, str]] = deque()

    @property
    def pending(self) -> int:
        """Bytes that were sent and have not begun to be played."""
        return len(self._audio)

    def put(self, ulaw: bytes) -> None:
        """Append audio of any length."""
        room = MAX_BUFFERED - len(self._audio)
        self.dropped += max(0, len(ulaw) - room)
        self._audio += ulaw[:room]

    def mark(self, name: str) -> list[str]:
        """Set a mark behind all audio so far; give it back at once where all of that has been played."""
        if len(self._marks) >= MAX_MARKS:
            self.dropped_marks += 1
            return []
        self._marks.append((self._taken + len(self._audio), name))
        return self._due()

    def clear(self) -> list[str]:
        """Forget the audio; give back every mark that was pending, at once, as Twilio does."""
        self.clears += 1
        self._audio.clear()
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def step(self) -> tuple[list[str], bytes]:
        """Another 20 ms: the marks that are due at their beginning, and what is played in them (0-160 bytes)."""
        self._heard = self._taken
        due = self._due()
        piece = bytes(self._audio[:PHONE_PACKET])
        del self._audio[:PHONE_PACKET]
        self._taken += len(piece)
        return due, piece

    def _due(self) -> list[str]:
        names = []
        while self._marks and self._marks[0][0] <= self._heard:
            names.append(self._marks.popleft()[1])
        return names
