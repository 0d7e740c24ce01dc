"""How a call outlives its engine: its caller waits with a line and music, and goes on with another engine.

    engine heard ──no frame for ENGINE_STALL_SECONDS──▶ on hold ──a frame──▶ engine heard
                 ──engine lost─────────────────▶ on hold ──a new slot──▶ engine heard, from what was said
                                                         ──none in time, or lost before──▶ apology, end

All of it is bounded: a call is seated anew once, and waits for that no longer than its server allows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from bridge.audio.intake import CallerFrame
from bridge.call.slot import Slot
from bridge.facts.errors import EngineError
from bridge.facts.formats import FRAME_MS
from bridge.facts.speech import AgentFrame, Recollection, Said, Wish
from bridge.facts.ticks import Ticks
from bridge.persona.schema import Persona
from bridge.transcript.records import AgentSaid, CallerSaid, Record
from bridge.transcript.turns import turns

ENGINE_STALL_SECONDS: Final = 2.0
"""An engine that owes a frame for so long has its caller put on hold; the watchdog may take longer to replace it."""

MAX_TURNS: Final = 8
MAX_CHARACTERS: Final = 800
"""Of a recollection. A model that hears one token in 80 ms looks back on it for 16 of its 240 seconds."""

_MAX_PIECES: Final = 400
"""Records kept for it: the agent's come word by word."""


Reseat = Callable[[Recollection], Awaitable[Slot]]
"""Finds a slot in a new engine for a call that goes on, however long that takes. Raises `EngineError`."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """What a call is given to outlive its engine. `line` and `music` are 8 kHz mu-law."""

    reseat: Reseat
    line: bytes
    music: bytes
    seconds: float

    async def find(self, recollection: Recollection) -> Slot | None:
        """A new slot, or None if there is none within `seconds`."""
        try:
            async with asyncio.timeout(self.seconds):
                return await self.reseat(recollection)
        except (TimeoutError, EngineError):
            return None


class Hold:
    """What a caller hears in the meantime: the line once, then the music again and again."""

    def __init__(self, line: bytes, music: bytes) -> None:
        """`told` is set once the line has been handed out and heard; see `heard`."""
        self.told = asyncio.Event()
        self._line, self._music = line, music
        self._line_ends: int | None = None
        self._at = 0

    def take(self, samples: int) -> bytes:
        """The next `samples` bytes of mu-law; fewer where the line ends, so that the music begins with a piece."""
        if self._at < len(self._line):
            piece = self._line[self._at : self._at + samples]
            self._at += len(piece)
            return piece
        start = (self._at - len(self._line)) % len(self._music)
        piece = self._music[start : start + samples]
        self._at += len(piece)
        return piece

    def sent(self, end: int) -> None:
        """What was taken last is heard until sample `end` of the call."""
        if self._line_ends is None and self._at >= len(self._line):
            self._line_ends = end

    def heard(self, now: int) -> None:
        """The call has come to sample `now`."""
        if self._line_ends is not None and now >= self._line_ends:
            self.told.set()


class Recollector:
    """Keeps the last of what was said, as it is written down, for an engine that may have to go on from it."""

    def __init__(self, persona: Persona, *, recorded: bool = False, resumed: bool = False) -> None:
        """Nothing has been said. A call that is `recorded` begins with the persona's notice of that.

        The caller of a `resumed` one has heard all that a call begins with.
        """
        notice = persona.recording.notice if persona.recording and recorded else ""
        self._consent = _letters(notice + (persona.consent or ""))
        self._opening = self._consent + _letters(persona.greeting)
        self._pieces: deque[Record] = deque(maxlen=_MAX_PIECES)
        self._told = self._opening if resumed else 0  # letters of the agent's that were heard
        self._caller_spoke = False

    def noting(self, write: Callable[[Record], None]) -> Callable[[Record], None]:
        """`write`, and note what was said."""

        def note(record: Record) -> None:
            if isinstance(record, AgentSaid):
                self._told += _letters(record.text)
                self._pieces.append(record)
            elif isinstance(record, CallerSaid):
                self._caller_spoke = True
                self._pieces.append(record)
            write(record)

        return note

    def recollection(self) -> Recollection:
        """The last turns, oldest first; none where the call has to begin anew.

        It has to where the caller has not heard every notice to its end, nor, having said nothing, the greeting.
        """
        if self._told < (self._consent if self._caller_spoke else self._opening):
            return ()
        kept: list[Said] = []
        room = MAX_CHARACTERS
        for turn in reversed(turns(self._pieces)[-MAX_TURNS:]):
            room -= len(turn.text)
            if room < 0:
                break
            kept.append(Said(turn.speaker, turn.text))
        return tuple(reversed(kept))


class LaterSlot:
    """A slot taken in the middle of a call: its engine's time and turns, counted anew, become those of the call."""

    def __init__(self, slot: Slot, turn: int) -> None:
        """`turn` is the last one of the engine before."""
        self._slot = slot
        self._turn = turn
        self._began_ms: int | None = None

    @property
    def ticks(self) -> Ticks | None:
        """See `Slot`."""
        return self._slot.ticks

    @property
    def ahead_ms(self) -> float:
        """See `Slot`."""
        return self._slot.ahead_ms

    def push(self, frame: CallerFrame) -> None:
        """The first frame is the engine's millisecond 0."""
        if self._began_ms is None:
            self._began_ms = frame.number * FRAME_MS
        self._slot.push(frame)

    async def next(self) -> AgentFrame:
        """The next agent frame, on the call's clock."""
        frame = await self._slot.next()
        later = self._began_ms or 0
        return msgspec.structs.replace(
            frame,
            turn=frame.turn and frame.turn + self._turn,
            caller=tuple(
                msgspec.structs.replace(said, start_ms=said.start_ms + later, end_ms=said.end_ms + later)
                for said in frame.caller
            ),
            verdicts=tuple(msgspec.structs.replace(verdict, at_ms=verdict.at_ms + later) for verdict in frame.verdicts),
        )

    def say(self, text: str, wish: Wish | None = None) -> None:
        """See `Slot`."""
        self._slot.say(text, wish)

    def digit(self, digit: str) -> None:
        """See `Slot`."""
        self._slot.digit(digit)

    def close(self) -> None:
        """See `Slot`."""
        self._slot.close()


def _letters(text: str) -> int:
    return sum(sign.isalnum() for sign in text)
