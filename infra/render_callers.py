"""Render the questions that are asked in `bridge/assets/callers` beside the recordings of people, with SVOX Pico."""

import wave
from pathlib import Path

import numpy as np
from py_nanotts import NanoTTS

from bridge.audio import mulaw
from bridge.audio.resample import Resampler
from bridge.facts.formats import PHONE_RATE

QUESTIONS = {
    "blocked": "Can I take antibiotics for my toothache?",
}

if __name__ == "__main__":
    folder = Path(__file__).parent.parent / "bridge" / "assets" / "callers"
    for name, question in QUESTIONS.items():
        speech = np.frombuffer(NanoTTS().speak(question, voice="en-US", pitch=0.8), np.int16).astype(np.float32) / 32768
        phone = mulaw.to_int16(Resampler(1, 2).process(speech[: len(speech) // 2 * 2]) * 0.6)
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(PHONE_RATE)
            file.writeframes(phone.tobytes())
        print(f"{name}\t{question}\t{len(phone) / PHONE_RATE:.2f} s")
