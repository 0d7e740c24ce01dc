"""Recorded callers, as they are heard."""

import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.audio.resample import Resampler
from bridge.engine import weights
from bridge.engine.hearing.voice_activity import Silero

CALLERS = Path(__file__).parents[2] / "data" / "callers"


def recording(name):
    with wave.open(str(CALLERS / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / np.float32(32768)


@pytest.fixture(scope="session")
def clip_16k():
    """A caller's recording by name: float32, 16 kHz."""
    return lambda name: Resampler(2, 1).process(recording(name))


@pytest.fixture(scope="session")
def clip_24k():
    """A caller's recording by name: float32, 24 kHz."""
    return lambda name: Resampler(3, 1).process(recording(name))


@pytest.fixture(scope="session")
def detector():
    return Silero(weights.locate(weights.SILERO))
