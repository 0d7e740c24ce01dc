"""Which words were spoken? Moonshine tiny-en on a whole utterance."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Final

import numpy as np

from bridge.engine.hearing.voice_activity import HEAR_RATE, Samples

_OPTIONS: Final = {
    # We cut utterances ourselves. Its own cutting splits them at commas and may drop a short first word.
    "vad_threshold": "0",
    # Otherwise each result carries its audio back as a Python list.
    "return_audio_data": "false",
}

_EMPTY: Final = frozenset({"", "you"})
"""What Moonshine makes of silence and of noise without words."""


class Recogniser:
    """English speech to text, for any number of threads.

    One transcriber computes one utterance at a time (a shared one mixes up results when called from two threads), so
    a thread waits for a free one. Each takes about 170 MB and two cores for 0.1 s per four seconds of speech.
    """

    def __init__(self, weights: Path, transcribers: int = 1) -> None:
        """Load `transcribers` copies of the model from the folder `weights`."""
        from moonshine_voice import ModelArch
        from moonshine_voice.transcriber import Transcriber

        self._free: queue.SimpleQueue[Transcriber] = queue.SimpleQueue()
        for _ in range(transcribers):
            self._free.put(Transcriber(weights, ModelArch.TINY, options=_OPTIONS))
            self.recognise(np.zeros(HEAR_RATE, np.float32))  # the first run allocates; no caller should wait for it

    def recognise(self, samples: Samples) -> str:
        """Words of one utterance (float32, 16 kHz, full scale ±1) with punctuation; empty if there are none."""
        transcriber = self._free.get()
        try:
            transcript = transcriber.transcribe_without_streaming(samples.tolist(), HEAR_RATE)
        finally:
            self._free.put(transcriber)
        text = " ".join(line.text.strip() for line in transcript.lines).strip()
        return "" if text.lower().strip(" .,!?") in _EMPTY else text
