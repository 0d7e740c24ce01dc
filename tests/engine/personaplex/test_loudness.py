from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.engine.personaplex.loudness import loudness, normalise


def tone(hertz: float, decibels: float, seconds: float, rate: int) -> NDArray[np.float32]:
    time = np.arange(int(seconds * rate)) / rate
    return (10 ** (decibels / 20) * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.mark.parametrize("rate", [24000, 44100, 48000])
@pytest.mark.parametrize("decibels", [0, -20, -40])
def test_tone_of_997_hertz_measures_as_the_standard_says(rate: int, decibels: float) -> None:
    """BS.1770-4: a full-scale sine of 997 Hz on one channel is −3.01 LKFS."""
    assert loudness(tone(997, decibels, 5, rate), rate) == pytest.approx(-3.01 + decibels, abs=0.05)


def test_low_tones_weigh_less_and_high_tones_more() -> None:
    low, middle, high = (loudness(tone(hertz, -20, 5, 24000), 24000) for hertz in (40, 997, 5000))
    assert low < middle - 3 and middle + 2 < high < middle + 4.5


def test_pauses_do_not_count() -> None:
    spoken = tone(997, -20, 4, 24000)
    paused = np.concatenate((spoken, np.zeros_like(spoken), 0.001 * spoken, spoken))
    assert loudness(paused, 24000) == pytest.approx(loudness(spoken, 24000), abs=0.4)


def test_normalised_speech_is_at_minus_24() -> None:
    for gain in (-3, -50):
        assert loudness(normalise(tone(500, gain, 3, 24000), 24000), 24000) == pytest.approx(-24, abs=0.01)


def test_silence_has_no_loudness() -> None:
    assert loudness(np.zeros(48000, np.float32), 24000) == -math.inf
    assert loudness(np.zeros(0, np.float32), 24000) == -math.inf
    with pytest.raises(ValueError, match="silent"):
        normalise(np.zeros(48000, np.float32), 24000)
