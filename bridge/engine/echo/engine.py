"""The echo engine: the plainest engine there can be, and the reference for what an engine costs the bridge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bridge.engine.interface import Frame, Memory, Seat
from bridge.facts.speech import AgentFrame, Recollection, Wish
from bridge.persona.schema import Persona

DEFAULT_SLOTS = 256

SPEECH_LEVEL = 0.01
"""Root mean square (full scale 1) from which a frame counts as speech: −40 dB, above the noise of a telephone line."""


@dataclass(slots=True)
class _Slot:
    last: bytes = b""
    wish: Wish | None = None


class EchoEngine:
    """Each step gives a slot's previous caller frame back; the first answer of a call is silence."""

    name = "echo"
    tick_ms: int | None = None
    memory: Memory | None = None

    def __init__(self, slots: int = DEFAULT_SLOTS) -> None:
        """`slots` calls at once."""
        self._capacity = slots
        self._slots: dict[int, _Slot] = {}

    @property
    def details(self) -> dict[str, str]:
        """It has loaded nothing."""
        return {}

    @property
    def capacity(self) -> int:
        """Number of slots."""
        return self._capacity

    def prepare(self, persona: Persona, recollection: Recollection = (), *, once: bool = False) -> None:
        """There is nothing to prepare."""

    def open(self, slot: int, seat: Seat) -> None:
        """Begin with silence. An echo has no voice for a notice: what comes after it is wished for at once."""
        self._slots[slot] = _Slot(wish="record" if seat.recording_notice else None)

    def step(self, frames: Mapping[int, Frame]) -> dict[int, AgentFrame]:
        """Swap each slot's frame for the one before."""
        return {slot: self._swap(self._slots[slot], frame) for slot, frame in frames.items()}

    def _swap(self, slot: _Slot, frame: Frame) -> AgentFrame:
        speaking = float(np.dot(frame, frame)) > SPEECH_LEVEL**2 * len(frame)
        answer = AgentFrame(pcm=slot.last, caller_speaking=speaking, wish=slot.wish)
        slot.last, slot.wish = frame.tobytes(), None
        return answer

    def say(self, slot: int, text: str, wish: Wish | None = None) -> None:
        """An echo has no voice of its own: the line is left out and the wish comes with the next frame."""
        self._slots[slot].wish = wish

    def digit(self, slot: int, digit: str) -> None:
        """Keys mean nothing to an echo."""

    def close(self, slot: int) -> None:
        """Forget the slot's last frame."""
        self._slots.pop(slot, None)

    def render(self, text: str, language: str) -> bytes:
        """An echo has no voice of its own."""
        return b""
