"""Lines to frames: exactly 1920 samples at a time, each word in the frame in which its sound begins."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bridge.engine.cascade.answer import Memory
from bridge.engine.cascade.voice import Line, Sound
from bridge.facts.formats import MODEL_FRAME
from bridge.facts.speech import Verdict, Wish
from bridge.gate.topic import TopicGate

_AUDIBLE: Final = 164
"""Sample value (int16) from which a voice is audible: −46 dBFS, above Pico's noise floor."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A line on its way to the caller, and what takes effect with it.

    `verdict`, `memory` and `gate` (the gate as it stands once this is spoken) take effect when its sound begins,
    `wish` when it has ended. A `protected` line is not stopped by a caller who speaks.
    """

    line: Line
    gate: TopicGate
    wish: Wish | None = None
    verdict: Verdict | None = None
    memory: Memory | None = None
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Mouthful:
    """One frame of speech: `pcm` is int16, 24 kHz, 1920 samples, or empty for silence."""

    pcm: Sound
    text: str = ""
    begun: tuple[Utterance, ...] = ()
    wish: Wish | None = None


_SILENCE: Final = Mouthful(np.zeros(0, np.int16))


def place_words(line: Line) -> list[tuple[int, str]]:
    """Sample at which each word begins, with the word and its leading space.

    Words share the audible part of the line in proportion to their letters; the voice gives no times of its own.
    """
    audible = np.flatnonzero(np.abs(line.sound.astype(np.int32)) >= _AUDIBLE)
    first, last = (int(audible[0]), int(audible[-1]) + 1) if len(audible) else (0, 0)
    words = line.text.split()
    total = sum(len(word) + 1 for word in words)
    placed: list[tuple[int, str]] = []
    before = 0
    for word in words:
        placed.append((first + (last - first) * before // total, f" {word}"))
        before += len(word) + 1
    return placed


class Mouth:
    """The lines of one call that are still to be heard. Its owner bounds how many are added."""

    def __init__(self) -> None:
        """Begin in silence."""
        self._queue: deque[Utterance] = deque()
        self._words: deque[tuple[int, str]] = deque()
        self._position = 0
        self.uttered = 0

    @property
    def busy(self) -> bool:
        """Something is being said or waits to be said."""
        return bool(self._queue)

    @property
    def protected(self) -> bool:
        """What is being said must not be stopped."""
        return bool(self._queue) and self._queue[0].protected

    def add(self, utterance: Utterance) -> None:
        """Say this after everything else."""
        self._queue.append(utterance)

    def stop(self) -> tuple[Utterance, ...]:
        """Fall silent; give what was not said to its end, from the line that was under way, for `add` to say again."""
        unsaid = tuple(
            replace(utterance, verdict=None) if self._position and not index else utterance
            for index, utterance in enumerate(self._queue)
        )
        self._queue.clear()
        self._words.clear()
        self._position = 0
        return unsaid

    def start_turn(self) -> None:
        """Count `uttered`, the samples said in this turn, from zero."""
        self.uttered = 0

    def next(self) -> Mouthful:
        """Say the next 80 ms."""
        if not self._queue:
            return _SILENCE
        pcm = np.zeros(MODEL_FRAME, np.int16)
        text: list[str] = []
        begun: list[Utterance] = []
        wish: Wish | None = None
        filled = 0
        while self._queue and filled < MODEL_FRAME and wish is None:
            utterance = self._queue[0]
            if not self._position and not self._words:
                begun.append(utterance)
                self._words.extend(place_words(utterance.line))
            sound = utterance.line.sound
            part = sound[self._position : self._position + MODEL_FRAME - filled]
            pcm[filled : filled + len(part)] = part
            filled += len(part)
            self._position += len(part)
            ended = self._position >= len(sound)
            while self._words and (ended or self._words[0][0] < self._position):
                text.append(self._words.popleft()[1])
            if ended:
                wish = utterance.wish
                self._queue.popleft()
                self._position = 0
        self.uttered += filled
        return Mouthful(pcm, "".join(text), tuple(begun), wish)
