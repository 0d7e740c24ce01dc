"""Offline: a recording of a caller in, the agent's side of the call out, of the same length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.engine.personaplex.config import Sampling
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.prompt import Voice
from bridge.engine.personaplex.runtime import Runtime
from bridge.engine.personaplex.tokeniser import CONTROL, UNKNOWN, TextStream


@dataclass(frozen=True)
class Talk:
    """The agent's side: float32 [n] at 24 kHz, and its text as (milliseconds from the start, piece of text)."""

    pcm: NDArray[np.float32]
    text: list[tuple[int, str]]


def talk(
    model: Model,
    pcm: NDArray[np.float32],
    voice: Voice | None = None,
    prompt: str | Sequence[int] = "",
    *,
    seed: int = 42,
    sampling: Sampling | None = None,
    graphs: bool = True,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> Talk:
    """Let the model answer a caller, float32 [n] at 24 kHz; the answer has the same n samples.

    prompt: the persona as text, or as token ids where the snapshot has no tokeniser. Pieces of text begin with a space
    where a word begins, and carry the time of the audio frame that they belong to. graphs: see `Runtime`; layers that
    visit the GPU one by one (`offload.py`) cannot be captured. `on_frame` is told how many of how many frames are done.
    Raises `config.PersonaPlexError` for a prompt or a voice that does not fit.
    """
    runtime = Runtime(model, slots=1, graphs=graphs)
    runtime.open(0, runtime.snapshot(voice, prompt), seed, sampling)
    size, rate = model.config.mimi.frame_samples, model.config.mimi.sample_rate
    heard = np.zeros(-(-len(pcm) // size) * size, dtype=np.float32)
    heard[: len(pcm)] = pcm
    said = np.zeros_like(heard)
    text: list[tuple[int, str]] = []
    stream = TextStream(model.tokeniser) if model.tokeniser else None
    for start in range(0, len(heard), size):
        spoken = runtime.step({0: heard[start : start + size]})[0]
        if spoken.pcm is not None and spoken.text is not None:
            said[start : start + size] = spoken.pcm
            piece = stream.feed(spoken.text) if stream else _numbered(spoken.text)
            if piece:
                text.append((start * 1000 // rate, piece))
        on_frame(start // size + 1, len(heard) // size)
    return Talk(said[: len(pcm)], text)


def _numbered(token: int) -> str:
    """Without a tokeniser an id has no text; that there was one is shown all the same."""
    return "" if token in CONTROL else UNKNOWN
