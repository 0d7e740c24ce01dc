"""Loudness of speech as ITU-R BS.1770-4 measures it, for voices that are brought to −24 LUFS. No torch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

VOICE_LUFS = -24.0  # of the voices that the model was trained with

# The K weighting, as the analogue prototypes from which the standard's 48 kHz coefficients follow, so that it holds
# at any sample rate: a shelf (frequency in Hz, Q, gain in dB), then a high-pass.
_SHELF_HZ, _SHELF_Q, _SHELF_DB = 1681.974450955533, 0.7071752369554196, 3.999843853973347
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773

_BLOCK_S, _STEP_S = 0.4, 0.1  # blocks of 400 ms that overlap by 75 %
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0  # LUFS, LU

Samples = NDArray[np.float32]


def loudness(pcm: Samples, rate: int) -> float:
    """Integrated loudness of one channel, float32 [n] in −1 … 1 at `rate` Hz, in LUFS; −inf for silence.

    What is shorter than a block of 400 ms is measured as one block.
    """
    weighted = _k_weighted(pcm.astype(np.float64), rate)
    block, step = min(round(_BLOCK_S * rate), len(weighted)), round(_STEP_S * rate)
    if block == 0:
        return -math.inf
    energy = np.concatenate(([0.0], np.cumsum(weighted**2)))
    starts = np.arange(0, len(weighted) - block + 1, step)
    power = (energy[starts + block] - energy[starts]) / block  # mean square of each block
    power = power[power > _power(_ABSOLUTE_GATE)]
    if power.size:
        power = power[power > _power(_lufs(float(power.mean())) + _RELATIVE_GATE)]
    return _lufs(float(power.mean())) if power.size else -math.inf


def normalise(pcm: Samples, rate: int, lufs: float = VOICE_LUFS) -> Samples:
    """The same sound at that loudness. Raises `ValueError` for silence, which has none."""
    measured = loudness(pcm, rate)
    if not math.isfinite(measured):
        raise ValueError("the recording is silent")
    return (pcm * 10 ** ((lufs - measured) / 20)).astype(np.float32)


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _k_weighted(pcm: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    k = math.tan(math.pi * _SHELF_HZ / rate)
    high = 10 ** (_SHELF_DB / 20)
    middle = high**0.4996667741545416
    b = (high + middle * k / _SHELF_Q + k * k, 2 * (k * k - high), high - middle * k / _SHELF_Q + k * k)
    a = (1 + k / _SHELF_Q + k * k, 2 * (k * k - 1), 1 - k / _SHELF_Q + k * k)
    shelved = lfilter(np.array(b) / a[0], np.array(a) / a[0], pcm)
    k = math.tan(math.pi * _HIGH_PASS_HZ / rate)
    a = (1 + k / _HIGH_PASS_Q + k * k, 2 * (k * k - 1), 1 - k / _HIGH_PASS_Q + k * k)
    # the standard leaves the high-pass numerator at 1, −2, 1
    return np.asarray(lfilter([1.0, -2.0, 1.0], np.array(a) / a[0], shelved))
