"""What a call sees of its engine: one slot, frames in, frames out."""

from __future__ import annotations

from typing import Protocol

from bridge.audio.intake import CallerFrame
from bridge.facts.errors import EngineError
from bridge.facts.speech import AgentFrame, Wish
from bridge.facts.ticks import Ticks


class Slot(Protocol):
    """One call's place in an engine, in whatever process that engine runs.

    `ticks`: when the engine steps its calls; None where a frame is stepped as soon as it comes. `ahead_ms`: how long
    before its tick the caller frame was complete that the latest agent frame answers; below 0 where it missed it.
    """

    @property
    def ticks(self) -> Ticks | None:
        """See above."""

    @property
    def ahead_ms(self) -> float:
        """See above."""

    def push(self, frame: CallerFrame) -> None:
        """Hand over a caller frame. Never waits; a frame that finds no room is dropped and counted."""

    async def next(self) -> AgentFrame:
        """The next agent frame. Raises `EngineError` when the engine has stopped."""

    def say(self, text: str, wish: Wish | None = None) -> None:
        """Have the engine speak a line of the bridge's own next, and then wish."""

    def digit(self, digit: str) -> None:
        """Tell the engine of a key."""

    def close(self) -> None:
        """Give the slot back. May be repeated."""


class LostSlot:
    """The place of a call whose engine stopped before it could be seated: the caller still hears an apology."""

    ticks: Ticks | None = None
    ahead_ms = 0.0

    def __init__(self, why: str) -> None:
        """`why` goes into the call's record."""
        self._why = why

    def push(self, frame: CallerFrame) -> None:
        """Nobody listens."""

    async def next(self) -> AgentFrame:
        """There is none."""
        raise EngineError(self._why)

    def say(self, text: str, wish: Wish | None = None) -> None:
        """Nobody speaks."""

    def digit(self, digit: str) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """There is nothing to give back."""
