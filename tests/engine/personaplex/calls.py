"""Made-up callers, and a way to let several of them call at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bridge.engine.personaplex.config import Sampling
from bridge.engine.personaplex.runtime import Gate, Runtime, Spoken
from bridge.engine.personaplex.slots import Snapshot

Samples = NDArray[np.float32]
FRAME = 1920


def sound(seed: int, frames: int) -> list[Samples]:
    """Some noise whose loudness rises and falls, in frames."""
    random = np.random.default_rng(seed)
    pcm = random.normal(size=(frames, FRAME)) * random.uniform(0.01, 0.3, size=(frames, 1))
    return list(pcm.astype(np.float32))


@dataclass(frozen=True)
class Call:
    """A caller in a slot, who starts at a tick and does not speak in some."""

    slot: int
    sound: list[Samples]
    prompt: Snapshot | None
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    start: int = 0
    stalls: frozenset[int] = frozenset()


def run_calls(runtime: Runtime, calls: Iterable[Call], gate: Gate | None = None) -> list[list[Spoken]]:
    """Let the calls take place together, tick by tick; what each agent said. All slots are free afterwards."""
    waiting = list(calls)
    said: list[list[Spoken]] = [[] for _ in waiting]
    tick = 0
    while any(len(said[i]) < len(call.sound) for i, call in enumerate(waiting)):
        frames: dict[int, Samples] = {}
        speaking: dict[int, int] = {}
        for i, call in enumerate(waiting):
            if tick == call.start:
                runtime.open(call.slot, call.prompt, call.seed, call.sampling)
            if tick >= call.start and tick not in call.stalls and len(said[i]) < len(call.sound):
                frames[call.slot] = call.sound[len(said[i])]
                speaking[call.slot] = i
        for slot, spoken in runtime.step(frames, gate).items():
            said[speaking[slot]].append(spoken)
            if len(said[speaking[slot]]) == len(waiting[speaking[slot]].sound):
                runtime.close(slot)
        tick += 1
    return said


def tokens(said: list[Spoken]) -> list[tuple[int | None, int]]:
    return [(spoken.text, spoken.ahead) for spoken in said]


def same(one: list[Spoken], other: list[Spoken]) -> bool:
    """The same text, and the same sound to the last bit."""
    return tokens(one) == tokens(other) and all(
        (a.pcm is None and b.pcm is None) or (a.pcm is not None and b.pcm is not None and np.array_equal(a.pcm, b.pcm))
        for a, b in zip(one, other, strict=True)
    )
