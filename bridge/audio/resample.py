"""Streaming sample-rate conversion by a polyphase FIR, written as one small matrix product.

Why our own: block resamplers (soxr, libsamplerate) hold back 40 to 240 ms, and filtering each chunk afresh clicks.
The ratio of 8 to 24 kHz is exact, so 160 samples become 480 and 1920 become 640, without remainder.

The filter has minimum phase: its delay in the middle of the telephone band is a fraction of a millisecond where a
linear-phase one of the same length takes three. Its taps and the samples are held on binary grids so coarse that
every sum is exact in float64. The order of summation, and with it the chunking, then cannot change a single bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

_TAPS_PER_RATIO = 48
"""Taps per unit of the larger factor; 48 · 3 + 1 = 145 taps for 8↔24 kHz reach −70 dB from 4.0 kHz on."""

_PASS, _STOP = 0.85, 1.0
"""Edges of the transition in units of the lower Nyquist frequency: 3.4 and 4.0 kHz for telephone audio."""

_STOP_WEIGHT = 12.0
"""Weight of the stop band against the pass band in the design; gives less than 0.1 dB of ripple and over 70 dB."""

_TAP_GRID = float(1 << 26)
_SAMPLE_GRID = float(1 << 20)
_BLOCKS = 16
"""Outputs are made in groups of 16 · `up` where the length allows: a wider product copies less of the overlap."""

_SAMPLE_LIMIT = 8.0
"""2^26 · 2^20 · 8 · Σ|taps| stays below 2^53, the integers that float64 holds exactly."""


@lru_cache(maxsize=8)
def design(up: int, down: int) -> npt.NDArray[np.float64]:
    """Taps of the minimum-phase low-pass for a conversion by `up`/`down`, at `up` times the input rate.

    Designed with `scipy.signal.remez` (Parks-McClellan), turned to minimum phase by its cepstrum; the gain is
    `up`, so that zero-stuffing keeps the level.
    """
    from scipy import signal  # half a second to import, and only the first call of a process needs it

    factor = max(up, down)
    edge = 0.5 / factor
    linear = signal.remez(
        _TAPS_PER_RATIO * factor + 1,
        [0, _PASS * edge, _STOP * edge, 0.5],
        [1, 0],
        weight=[1, _STOP_WEIGHT],
        fs=1.0,
        maxiter=100,
    )
    taps = signal.minimum_phase(linear, method="homomorphic", n_fft=1 << 15, half=False)
    taps = taps / taps.sum() * up
    gridded: npt.NDArray[np.float64] = np.rint(taps * _TAP_GRID) / _TAP_GRID
    return gridded


class Resampler:
    """Converts a stream by `up`/`down`; keeps its history between calls.

    Chunks may have any length that is a multiple of `down`; the output has length · up / down samples, and is bit for
    bit the same however the stream was cut.
    """

    def __init__(self, up: int, down: int) -> None:
        """Start with silence as history."""
        if up < 1 or down < 1:
            raise ValueError("up and down are positive integers")
        self._up, self._down = up, down
        # Output m stands at position m·down of the zero-stuffed input and sees inputs (m·down − t) / up.
        self._history = -(-len(design(up, down)) // up) - 1
        self._past = np.zeros(self._history)

    def process(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Convert float32 samples (full scale ±1); see the class for lengths. May overshoot full scale: clip later."""
        if len(samples) % self._down:
            raise ValueError(f"{len(samples)} samples cannot be resampled by {self._up}/{self._down} without remainder")
        stream = np.empty(self._history + len(samples))
        stream[: self._history] = self._past
        stream[self._history :] = _on_grid(samples)
        self._past = stream[len(samples) :].copy()
        blocks = _BLOCKS if len(samples) % (self._down * _BLOCKS) == 0 else 1
        matrix = _matrix(self._up, self._down, blocks)
        step = self._down * blocks
        windows = np.lib.stride_tricks.as_strided(
            stream,
            (len(samples) // step, len(matrix)),
            (stream.strides[0] * step, stream.strides[0]),
            writeable=False,
        )
        return (windows @ matrix).astype(np.float32).reshape(-1)


def _on_grid(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Samples in steps of 2^-20 (120 dB below full scale), bounded; what is not a number becomes silence."""
    fresh = samples.astype(np.float64)
    if not np.isfinite(fresh.sum()):
        fresh = np.nan_to_num(fresh, nan=0.0, posinf=1.0, neginf=-1.0)
    fresh *= _SAMPLE_GRID
    np.rint(fresh, out=fresh)
    fresh.clip(-_SAMPLE_LIMIT * _SAMPLE_GRID, _SAMPLE_LIMIT * _SAMPLE_GRID, out=fresh)
    fresh /= _SAMPLE_GRID
    return fresh


@lru_cache(maxsize=16)
def _matrix(up: int, down: int, blocks: int) -> npt.NDArray[np.float64]:
    """The filter as a matrix that turns history and `blocks · down` new inputs into `blocks · up` outputs."""
    taps = design(up, down)
    history = -(-len(taps) // up) - 1
    matrix = np.zeros((history + down * blocks, up * blocks))
    for output in range(up * blocks):
        newest, phase = divmod(output * down, up)
        for age, tap in enumerate(taps[phase::up]):
            matrix[history + newest - age, output] = tap
    return matrix


def phone_to_model() -> Resampler:
    """8 kHz to 24 kHz: 160 samples become 480."""
    return Resampler(3, 1)


def model_to_phone() -> Resampler:
    """24 kHz to 8 kHz: 1920 samples become 640."""
    return Resampler(1, 3)
