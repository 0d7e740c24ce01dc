"""Hearing a sentence of a language model before the caller does: what sounds like a blocked phrase is one.

The gate judges letters, and a model may write others that sound the same: "pollitics", "law sute". So each sentence
that the gate has let pass is spoken into the recogniser first, over a telephone's 8 kHz as the caller hears it, and the
words are judged as well. One sentence waits for this while the one before it is being said, so that only the first of
an answer comes later by it.

It is a second line, not a promise: a recogniser hears what is likely, and may hear the same sound in two ways. So that
innocent sentences are not refused for its mistakes, a phrase counts if it is heard over the telephone and without, and
not where it is a part of an ordinary word that was written: "our selection" sounds like "hours election".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np

from bridge.audio import mulaw
from bridge.audio.resample import Resampler
from bridge.engine.cascade.voice import Line, Sound
from bridge.engine.hearing.recogniser import Recogniser
from bridge.engine.hearing.voice_activity import Samples
from bridge.facts.formats import MODEL_RATE
from bridge.gate.letters import read
from bridge.gate.rules import Hit, Rules

_AFTER: Final = np.zeros(MODEL_RATE // 4, np.int16)
"""250 ms of silence behind a sentence, without which the recogniser takes its last word for an unfinished one."""

_LONGEST: Final = 28 * MODEL_RATE
"""Samples heard at once: Moonshine is trained on up to 30 s. Of two long sentences the beginning is left out."""

_WORD: Final = re.compile(r"[^\W\d_]+")

_LANGUAGE: Final = "en"
"""What the recogniser understands."""


def understands(language: str) -> bool:
    """Whether sentences in a persona's language can be heard."""
    return language.split("-")[0] == _LANGUAGE


class HearBack:
    """One answer. Each sentence is heard behind the one before it: a phrase may lie across both."""

    def __init__(self, recogniser: Recogniser, rules: Rules, is_word: Callable[[str], bool]) -> None:
        """Nothing has been heard. `is_word` knows ordinary words, in small letters."""
        self._recogniser = recogniser
        self._rules = rules
        self._is_word = is_word
        self._before = Line("", np.zeros(0, np.int16))

    def blocked(self, line: Line) -> tuple[Hit, str] | None:
        """The blocked phrase that is heard once this sentence is spoken, and what of it lies before the sentence.

        That is all of the sentence before, where this one alone does not sound like the phrase, and mostly nothing.
        Takes 0.1 s for four seconds of speech.
        """
        sound = np.concatenate((line.sound, _AFTER))
        before, self._before = self._before, Line(line.text, sound)
        both = np.concatenate((before.sound, sound))[-_LONGEST:]
        text = f"{before.text} {line.text}"
        for phrase, hit in self._heard(_over_the_telephone(both)).items():
            if not self._part_of_a_word(phrase, text) and phrase in self._heard(_directly(both)):
                alone = not before.text or phrase in self._heard(_over_the_telephone(sound))
                return hit, "" if alone else before.text
        return None

    def _heard(self, samples: Samples) -> dict[str, Hit]:
        return {hit.phrase: hit for hit in self._rules.find(self._recogniser.recognise(samples))}

    def _part_of_a_word(self, phrase: str, text: str) -> bool:
        letters = read(phrase).row
        return any(letters in word and self._is_word(word) for word in map(str.lower, _WORD.findall(text)))


def _directly(sound: Sound) -> Samples:
    """Int16 at 24 kHz → float32 at 16 kHz."""
    return Resampler(2, 3).process(sound.astype(np.float32) / np.float32(32768))


def _over_the_telephone(sound: Sound) -> Samples:
    """Int16 at 24 kHz → float32 at 16 kHz, without what 8 kHz mu-law loses."""
    whole = sound[: len(sound) - len(sound) % 3].astype(np.float32) / np.float32(32768)
    return Resampler(2, 1).process(mulaw.decode_float(mulaw.encode_float(Resampler(1, 3).process(whole))))
