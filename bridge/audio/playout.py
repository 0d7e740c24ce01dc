"""What the caller hears and when: an account of the carrier's buffer, kept in samples at 8 kHz.

The carrier plays what it is sent, in order, at real time. So a piece sent at `now` begins when all before it
has been played, or at once. The account says where each piece lies on the call's clock; marks that come back
prove it. After a `clear` the pieces that had not been played are given back, so that a transcript and a recording
hold what was heard and not what was made.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from bridge.facts.formats import PHONE_BYTES_PER_MS

MAX_LEAD_MS = 60
"""The carrier's buffer may hold this much, the jitter of a good line, before quiet pieces are left out: each lag of the
line or of the engine adds to it, and delays every word until the end of the call unless silence makes up for it."""

MAX_TOLD = 256
"""Pieces of text that are remembered to tell what of a phrase was heard; a phrase has at most 120 characters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio that was sent: `start` … `end` is its place on the call's clock, in samples at 8 kHz."""

    start: int
    end: int
    text: str = ""
    turn: int = 0
    mark: int | None = None

    @property
    def start_ms(self) -> int:
        """Beginning of the piece in milliseconds of the call."""
        return self.start // PHONE_BYTES_PER_MS

    @property
    def end_ms(self) -> int:
        """End of the piece in milliseconds of the call."""
        return self.end // PHONE_BYTES_PER_MS


class Playout:
    """The account of one call. Owner: the call's speaking task."""

    def __init__(self) -> None:
        """An empty buffer of generation 0."""
        self.generation = 0
        self.skipped_ms = 0
        self._end = 0
        self._marks = 0
        self._waiting: deque[Piece] = deque()
        self._told: deque[tuple[Piece, bool]] = deque(maxlen=MAX_TOLD)  # text sent, and whether it sounded or will

    def lead_ms(self, now: int) -> int:
        """Milliseconds of audio that the carrier still holds at `now` (samples)."""
        return max(0, self._end - now) // PHONE_BYTES_PER_MS

    @property
    def end(self) -> int:
        """Where the last piece sent ends, in samples."""
        return self._end

    def room_for_silence(self, now: int, samples: int) -> bool:
        """Whether a silent piece should be sent; if not it is counted as skipped, and the lead shrinks by it."""
        if self.lead_ms(now) <= MAX_LEAD_MS:
            return True
        self.skipped_ms += samples // PHONE_BYTES_PER_MS
        return False

    def send(self, now: int, samples: int, text: str = "", turn: int = 0, *, marked: bool = False) -> Piece:
        """Enter a piece of `samples` sent at `now`. A piece with text or a mark is kept until it has been played."""
        start = max(now, self._end)
        self._end = start + samples
        piece = Piece(start, self._end, text, turn)
        if marked or text:
            self._marks += 1
            piece = replace(piece, mark=self._marks)
            self._waiting.append(piece)
        if text:
            self._told.append((piece, True))
        return piece

    def played(self, generation: int, mark: int) -> list[Piece]:
        """A mark came back: the pieces that are thereby proven to have been heard, oldest first.

        Marks of a generation that was cleared prove nothing.
        """
        if generation != self.generation:
            return []
        heard = []
        while self._waiting and self._waiting[0].mark is not None and self._waiting[0].mark <= mark:
            heard.append(self._waiting.popleft())
        return heard

    def presumed(self, now: int) -> list[Piece]:
        """The pieces that ended before `now` without a mark: heard by this account alone."""
        heard = []
        while self._waiting and self._waiting[0].end <= now:
            heard.append(self._waiting.popleft())
        return heard

    def clear(self, now: int) -> list[Piece]:
        """Forget what has not been played at `now`; give back the pieces that were not heard to their end."""
        self.generation += 1
        self._end = min(self._end, now)
        unheard = [piece for piece in self._waiting if piece.end > now]
        silent = {piece.mark for piece in unheard if piece.start >= now}  # those of which not a sample was heard
        self._told = deque(((piece, sounds and piece.mark not in silent) for piece, sounds in self._told), MAX_TOLD)
        self._waiting = deque(piece for piece in self._waiting if piece.end <= now)
        return unheard

    def heard_of(self, text: str) -> str:
        """What the caller has heard, or will, of `text`, with which the text that was sent ends; "" for nothing.

        A piece counts from its first sample on: one that a `clear` cut in two was heard. Spaces do not matter. Where
        the end of `text` was never sent, because the caller had interrupted, its beginning up to a space counts.
        """
        told = "".join("".join(piece.text.split()) for piece, _ in self._told)
        words = text.split()
        sent = next((n for n in range(len(words), 0, -1) if told.endswith("".join(words[:n]))), 0)
        left = sum(map(len, words[:sent]))
        heard: list[str] = []
        for piece, sounds in reversed(self._told):
            if left <= 0:
                break
            letters = len("".join(piece.text.split()))
            if sounds:
                heard.append(piece.text if letters <= left else piece.text[-left:])
            left -= letters
        return "".join(reversed(heard))
