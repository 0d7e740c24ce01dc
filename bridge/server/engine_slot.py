"""One call's slot in the engine process, as the call holds it; see `bridge.call.slot.Slot`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from bridge.audio.intake import CallerFrame
from bridge.engine import messages
from bridge.facts.errors import EngineError
from bridge.facts.speech import AgentFrame, Wish
from bridge.facts.ticks import Ticks

if TYPE_CHECKING:
    from bridge.server.engine_process import EngineProcess

MAX_ANSWERS: Final = 25
"""Agent frames that may wait for their call, two seconds; then the oldest are dropped and counted."""


class EngineSlot:
    """Frames in, frames out, until the engine is lost. Owner: the call."""

    def __init__(self, process: EngineProcess, occupant: int) -> None:
        """Made by `EngineProcess.open`."""
        self.occupant = occupant
        self.dropped = 0
        self.ahead_ms = 0.0
        self._process = process
        self._answers: deque[tuple[AgentFrame, float]] = deque()
        self._arrived = asyncio.Event()
        self._lost = ""
        self._open = True

    @property
    def ticks(self) -> Ticks | None:
        """When the engine steps its calls."""
        return self._process.ticks

    def push(self, frame: CallerFrame) -> None:
        """Send the frame to the engine process; drop it, counted, if that process does not read."""
        if self._open and not self._process.send_frame(
            messages.CallerFrame(self.occupant, frame.number, frame.pcm.tobytes(), time.monotonic())
        ):
            self.dropped += 1

    async def next(self) -> AgentFrame:
        """Wait for the next agent frame."""
        while not self._answers:
            if self._lost:
                raise EngineError(self._lost)
            self._arrived.clear()
            await self._arrived.wait()
        frame, self.ahead_ms = self._answers.popleft()
        return frame

    def say(self, text: str, wish: Wish | None = None) -> None:
        """Speak a line of the bridge's own."""
        self._process.send(messages.Say(self.occupant, text, wish))

    def digit(self, digit: str) -> None:
        """Pass a key on."""
        self._process.send(messages.Key(self.occupant, digit))

    def close(self) -> None:
        """Give the slot back."""
        if self._open:
            self._open = False
            self._process.release(self)

    def deliver(self, answer: messages.Answer) -> None:
        """Called by the process: an answer has come."""
        if len(self._answers) >= MAX_ANSWERS:
            self._answers.popleft()
            self.dropped += 1
        self._answers.append((answer.frame, 1000 * answer.ahead))
        self._arrived.set()

    def lose(self, why: str) -> None:
        """Called by the process: there will be no more answers."""
        self._lost = why
        self._arrived.set()
