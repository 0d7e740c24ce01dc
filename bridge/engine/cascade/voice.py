"""Text to sound: the SVOX Pico voices, at the model rate, with a bounded store of what was spoken before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from py_nanotts import NanoTTS

from bridge.audio import mulaw
from bridge.audio.resample import Resampler
from bridge.engine.cascade.pronounce import portions, spoken_form
from bridge.facts.errors import EngineError
from bridge.facts.formats import MODEL_RATE

_VOICES: Final = {
    "en": "en-US",
    "en-US": "en-US",
    "en-GB": "en-GB",
    "de": "de-DE",
    "es": "es-ES",
    "fr": "fr-FR",
    "it": "it-IT",
}
"""Voice of each language. A regional form without an entry of its own takes that of its language."""

_VOLUME: Final = 0.5
"""Level of −18 dBFS, peaks at 0.8. At Pico's own level, 1.0, one sample in a hundred is clipped."""

_STORE_SECONDS: Final = 600
"""Sound kept for lines that are spoken again: 29 MB. The line unused for longest makes room."""

_FILTER_TAIL: Final = 64
"""Samples of silence (16 kHz) that push the end of a line out of the resampler."""

Sound = npt.NDArray[np.int16]
"""Speech at the model rate: int16, 24 kHz, mono."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is spoken: the text as written, and the sound of it."""

    text: str
    sound: Sound


_NOTHING: Final = np.zeros(0, np.int16)


def voice_for(language: str) -> str | None:
    """Pico's voice for a persona's language; None if there is none."""
    return _VOICES.get(language) or _VOICES.get(language.split("-")[0])


class Voice:
    """Speaks for any number of threads. Pico takes 5 ms per second of speech, and holds Python's lock that long."""

    def __init__(self) -> None:
        """Start with nothing spoken."""
        self._pico = NanoTTS()
        self._store: OrderedDict[tuple[str, str], Line] = OrderedDict()
        self._stored_samples = 0
        self._lock = threading.Lock()

    def speak(self, text: str, language: str) -> Line:
        """Give the sound of one sentence; of English where the language has no voice."""
        key = (text, language)
        with self._lock:
            if key in self._store:
                self._store.move_to_end(key)
                return self._store[key]
        line = Line(text, self._synthesise(text, language))
        with self._lock:
            if key not in self._store:
                self._keep(key, line)
        return line

    @property
    def stored_seconds(self) -> float:
        """Sound that is kept at present."""
        return self._stored_samples / MODEL_RATE

    def _synthesise(self, text: str, language: str) -> Sound:
        voice = voice_for(language) or _VOICES["en"]
        spoken = portions(spoken_form(text, language))
        pcm = np.concatenate([_NOTHING, *(self._portion(portion, voice) for portion in spoken)])
        pcm = np.concatenate((pcm, np.zeros(_FILTER_TAIL + len(pcm) % 2, np.int16))) if len(pcm) else pcm
        return mulaw.to_int16(Resampler(3, 2).process(pcm.astype(np.float32) / np.float32(32768)))

    def _portion(self, text: str, voice: str) -> Sound:
        """Pico's own sound: int16 at 16 kHz."""
        if not any(character.isalnum() for character in text):
            return _NOTHING
        try:
            pcm = self._pico.speak(text, voice=voice, volume=_VOLUME)
        except RuntimeError as error:
            # The text stays out of the message: it may hold what a caller said.
            raise EngineError(f"The voice {voice} cannot speak a line of {len(text)} characters: {error}") from None
        return np.frombuffer(pcm, "<i2")

    def _keep(self, key: tuple[str, str], line: Line) -> None:
        self._store[key] = line
        self._stored_samples += len(line.sound)
        while self._stored_samples > _STORE_SECONDS * MODEL_RATE:
            _, dropped = self._store.popitem(last=False)
            self._stored_samples -= len(dropped.sound)
