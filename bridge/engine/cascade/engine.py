"""The cascade engine: its slots, its threads, and what they share."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np

from bridge.audio import mulaw
from bridge.audio.resample import Resampler
from bridge.engine import weights
from bridge.engine.cascade.answer import learn_intents
from bridge.engine.cascade.opening import Opening, make_opening
from bridge.engine.cascade.slot import Slot
from bridge.engine.cascade.thought import Tools
from bridge.engine.cascade.voice import Voice
from bridge.engine.embedding import load_embedder
from bridge.engine.hearing.recogniser import Recogniser
from bridge.engine.hearing.voice_activity import Silero
from bridge.engine.interface import Frame, Memory, Seat
from bridge.engine.llm import Llm, LlmSettings
from bridge.engine.once import Once
from bridge.facts.errors import EngineFullError
from bridge.facts.speech import AgentFrame, Recollection, Wish
from bridge.gate.sentences import split
from bridge.persona.schema import Persona

_CALLS_PER_CORE: Final = 4
"""A call takes 4 % of a core on average; this leaves room for several callers who finish at the same moment."""

_PERSONAS: Final = 64
"""Prepared personas that are kept; the one unused for longest makes room, and is prepared again when it is called."""

_MOST_ONCE: Final = 16
"""The same for personas of one call each that has not been seated yet."""


def load_tools(llm: Llm | None = None, transcribers: int = 1) -> Tools:
    """Load the models that all calls share. Raises EngineError if weights are missing or not those that are pinned."""
    weights.locate(weights.PICO)
    recogniser = Recogniser(weights.locate(weights.MOONSHINE), transcribers)
    return Tools(recogniser, load_embedder(), Voice(), llm)


class CascadeEngine:
    """Implements `bridge.engine.interface.Engine`. `prepare` and `render` may run beside the thread that steps."""

    name = "cascade"
    tick_ms: int | None = None
    memory: Memory | None = None

    def __init__(self, slots: int | None = None, llm: LlmSettings | None = None) -> None:
        """Load every model, in under a second. `slots` calls at once; without it, four for each core.

        With `llm`, answers come from that endpoint instead of from the persona's facts. Raises EngineError if a
        package or its weights are not those that are pinned.
        """
        cores = _cores()
        self._capacity = slots or _CALLS_PER_CORE * cores
        self._llm = Llm(llm) if llm else None
        # One transcriber keeps two cores busy; eight take 1.4 GB.
        self._tools = load_tools(self._llm, transcribers=min(8, max(1, cores // 2)))
        self._intents = learn_intents(self._tools.embedder)
        # Each call has at most one thought under way and one that still notices that it is no longer wanted.
        self._pool = ThreadPoolExecutor(2 * self._capacity, thread_name_prefix="thought")
        self._openings: OrderedDict[Persona, Opening] = OrderedDict()
        self._openings_lock = threading.Lock()
        self._once: Once[Opening] = Once(_MOST_ONCE)
        silero = weights.locate(weights.SILERO)
        self._detectors = [Silero(silero) for _ in range(self._capacity)]
        self._slots: dict[int, Slot] = {}

    @property
    def details(self) -> dict[str, str]:
        """Its recogniser and its voice; what thinks is loaded elsewhere, if anything does."""
        return {
            "asr": "moonshine-tiny-en",
            "vad": "silero-vad",
            "embedding": "all-MiniLM-L6-v2",
            "tts": "svox-pico",
            "device": "cpu",
        }

    @property
    def capacity(self) -> int:
        """Number of slots."""
        return self._capacity

    def prepare(self, persona: Persona, recollection: Recollection = (), *, once: bool = False) -> None:
        """Embed what the persona knows and speak its fixed lines: 4 ms a question, 10 ms a line.

        A call that goes on from a `recollection` needs nothing more.
        """
        if self._prepared(persona) is not None:
            return
        opening = make_opening(self._tools, self._intents, persona)
        if once:
            self._once.put(persona, opening)
            return
        self._keep(persona, opening)

    def open(self, slot: int, seat: Seat) -> None:
        """Seat a call. The greeting begins with its first frame."""
        if not 0 <= slot < self._capacity:
            raise EngineFullError(f"This engine has {self._capacity} slots, numbered from 0; there is no slot {slot}.")
        self.close(slot)
        opening = self._opening(seat)
        self._detectors[slot].reset()
        self._slots[slot] = Slot(slot, seat, opening, self._detectors[slot], self._submit)

    def step(self, frames: Mapping[int, Frame]) -> dict[int, AgentFrame]:
        """Take a caller frame for each of some slots; 1 ms a slot."""
        return {slot: self._slots[slot].step(frame) for slot, frame in frames.items()}

    def say(self, slot: int, text: str, wish: Wish | None = None) -> None:
        """Speak a line next."""
        self._slots[slot].say(text, wish)

    def digit(self, slot: int, digit: str) -> None:
        """Take the tone of a key for silence, and remember the key."""
        self._slots[slot].press(digit)

    def close(self, slot: int) -> None:
        """Free the slot; what its threads still find out reaches nobody."""
        former = self._slots.pop(slot, None)
        if former is not None:
            former.close()

    def render(self, text: str, language: str) -> bytes:
        """Speak a line as 8 kHz mu-law."""
        lines = [self._tools.voice.speak(sentence, language).sound for sentence in split(text)]
        if not lines:
            return b""
        sound = np.concatenate(lines)
        sound = np.concatenate((sound, np.zeros(-len(sound) % 3, np.int16)))
        return mulaw.encode_float(Resampler(1, 3).process(sound.astype(np.float32) / np.float32(32768)))

    def shutdown(self) -> None:
        """Stop the threads and drop the language model's connections."""
        for slot in list(self._slots):
            self.close(slot)
        self._pool.shutdown(cancel_futures=True)
        if self._llm is not None:
            self._llm.close()

    def _opening(self, seat: Seat) -> Opening:
        if seat.once and (own := self._once.take(seat.persona)):
            return own
        if (prepared := self._prepared(seat.persona)) is None:
            prepared = make_opening(self._tools, self._intents, seat.persona)
            if not seat.once:
                self._keep(seat.persona, prepared)
        return prepared

    def _submit(self, work: Callable[[], None]) -> Future[None]:
        return self._pool.submit(work)

    def _keep(self, persona: Persona, opening: Opening) -> None:
        with self._openings_lock:
            self._openings[persona] = opening
            while len(self._openings) > _PERSONAS:
                self._openings.popitem(last=False)

    def _prepared(self, persona: Persona) -> Opening | None:
        with self._openings_lock:
            if persona in self._openings:
                self._openings.move_to_end(persona)
            return self._openings.get(persona)


def _cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
