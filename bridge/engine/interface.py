"""The one interface between calls and engines. A call never knows which engine it has.

An engine lives in a process of its own and is driven by `bridge.engine.worker`, from one thread: `open` a slot for
a persona, `step` it with one caller frame at a time, `close` it. Caller audio is the clock: each step takes one 80 ms
caller frame per slot and gives back exactly one 80 ms agent frame for it, so an engine neither sleeps nor reads a
clock. Work that takes longer than a step belongs in threads of the engine; its results come out in a later step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bridge.facts.speech import AgentFrame, Recollection, Wish
from bridge.persona.schema import Persona

Frame = npt.NDArray[np.float32]
"""One 80 ms frame: float32, shape (1920,), 24 kHz mono, full scale ±1."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What a slot needs to know of its call. `seed` names the slot's own stream of random numbers.

    With a `recollection` the call has been going on in another process: the agent says the persona's `resume_say`
    instead of greeting, and goes on from what was said. With `notice` the call is to be recorded: the persona's notice
    is spoken first, to its end, and `record` wished for on its last frame. `once`: this persona is for this call alone.
    """

    persona: Persona
    seed: int = 0
    caller_transcript: bool = True
    recollection: Recollection = ()
    notice: bool = False
    once: bool = False

    @property
    def recording_notice(self) -> str:
        """What the caller must hear before anything else; empty if nothing."""
        told = self.persona.recording
        return told.notice if told and self.notice and not self.recollection else ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of what an engine remembers of its calls: bytes in use, bytes taken from the device, and for how many calls at
    once it suffices, as they are now."""

    used: int
    reserved: int
    calls: int


class Engine(Protocol):
    """See the module's docstring. A failure in one slot raises from `step` only if every slot is lost.

    `tick_ms` is the time from one step to the next where all calls should be stepped together (see
    `bridge.engine.tick`); None: step whenever a frame waits.
    """

    name: str
    tick_ms: int | None

    @property
    def memory(self) -> Memory | None:
        """Where memory bounds the number of calls: how it stands. None where it does not."""

    @property
    def details(self) -> dict[str, str]:
        """What it has loaded, for the health page: its `device`, and the models by what they do.

        That is `asr`, `vad`, `embedding`, `tts`, `llm`.
        """

    @property
    def capacity(self) -> int:
        """Number of slots; slots are numbered 0 … capacity − 1."""

    def prepare(self, persona: Persona, recollection: Recollection = (), *, once: bool = False) -> None:
        """Do beforehand what would make the first call of this persona wait. May be slow; may be repeated.

        With `once`, do so for one call that will be seated with it, and with the `recollection` if there is one; what
        is kept for that must not crowd out the personas of others.
        Called from a second thread, like `render`, while other slots step: live calls must not wait for it.
        """

    def open(self, slot: int, seat: Seat) -> None:
        """Seat a call. Must be quick for a prepared persona. Nothing of the slot's former call may remain."""

    def step(self, frames: Mapping[int, Frame]) -> dict[int, AgentFrame]:
        """Take one caller frame for each of some open slots; give one agent frame for each of the same slots."""

    def say(self, slot: int, text: str, wish: Wish | None = None) -> None:
        """Speak a line of the bridge's own (idle question, goodbye) next; then set `wish` on its last frame."""

    def digit(self, slot: int, digit: str) -> None:
        """The caller pressed a key; recognition should not take its tone for words."""

    def close(self, slot: int) -> None:
        """Free the slot. Threads that still work for it must not disturb its next call."""

    def render(self, text: str, language: str) -> bytes:
        """Speak a line outside any call: 8 kHz mu-law, or empty bytes if this engine cannot. See `prepare`."""
