"""When does the caller begin, pause, go on and end? A state machine over windows of 32 ms that counts samples.

States and what leads from one to the other:

    quiet ──3 windows of speech in a row──▶ speaking            (Onset)
    speaking ──192 ms without speech──▶ pausing                 (Pause: worth starting to think)
    pausing ──3 windows of speech in a row──▶ speaking          (Resumed: what was thought is void)
    pausing ──`wait_ms` without speech──▶ quiet                 (Ended)
    speaking ──30 s──▶ quiet                                    (Pause and Ended at once)

One or two windows of speech alone are a click. They change nothing, but no state is left while they last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from bridge.engine.hearing.voice_activity import HEAR_RATE, WINDOW, Detector, Samples

_WINDOW_MS: Final = WINDOW * 1000 // HEAR_RATE
_SPEECH: Final = 0.5
"""Probability from which a window begins speech: Silero's own default."""
_STILL_SPEECH: Final = 0.35
"""Probability down to which a window goes on with speech: 0.15 below, as in Silero's own segmenter."""
_ONSET_WINDOWS: Final = 3
"""96 ms of speech: beyond a click, well below the shortest word."""
_PAUSE_WINDOWS: Final = 192 // _WINDOW_MS
_PREROLL_WINDOWS: Final = 12
"""384 ms kept from before the onset: the recogniser loses soft first sounds without it."""
_LONGEST_WINDOWS: Final = 30_000 // _WINDOW_MS
"""Moonshine is trained on utterances up to 30 s; recognition of a longer one would also take seconds."""
_DEAF_WINDOWS: Final = 320 // _WINDOW_MS
"""A key's tone rings for 50 to 250 ms around the report of its digit."""
_TONE_WINDOWS: Final = 640 // _WINDOW_MS
"""A stretch of sound up to this length that touches a key's report was its tone, not words."""


@dataclass(frozen=True, slots=True)
class Onset:
    """The caller has begun to speak."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The caller may have finished: what was heard, float32 at 16 kHz, from before the onset until now."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Resumed:
    """The caller had not finished."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The caller's turn is over. Speech lasted from `start` to `end`, in milliseconds of the caller's audio."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Dismissed:
    """What began as speech was the tone of a key."""


Heard = Onset | Pause | Resumed | Ended | Dismissed


class Ear:
    """See the module. `hear` takes audio of any length and gives what became clear with it, in order."""

    def __init__(self, detector: Detector, wait_ms: int) -> None:
        """`wait_ms` of silence end a turn; rounded up to whole windows, and longer than a pause."""
        self._detector = detector
        self._wait = max(-(-wait_ms // _WINDOW_MS), _PAUSE_WINDOWS + 1)
        self._rest = np.zeros(0, np.float32)
        self._windows = 0
        self._kept: deque[Samples] = deque(maxlen=_PREROLL_WINDOWS + _LONGEST_WINDOWS + self._wait)
        self._run = 0  # windows of speech in a row, up to now
        self._silent = 0  # windows since the last speech of this turn
        self._deaf = 0
        self._start: int | None = None  # window in which this turn began
        self._pausing = False

    @property
    def speaking(self) -> bool:
        """The caller's turn is going on, or may be."""
        return self._start is not None

    def hear(self, samples: Samples) -> list[Heard]:
        """Take caller audio (float32, 16 kHz)."""
        stream = np.concatenate((self._rest, samples))
        whole = len(stream) - len(stream) % WINDOW
        self._rest = stream[whole:]
        heard: list[Heard] = []
        for begin in range(0, whole, WINDOW):
            heard += self._window(stream[begin : begin + WINDOW])
        return heard

    def mute(self) -> list[Heard]:
        """A key was pressed: take its tone, before and after this moment, for silence."""
        self._deaf = _DEAF_WINDOWS
        self._run = 0
        if self._start is not None and self._windows - self._start > _TONE_WINDOWS:
            return []
        dismissed: list[Heard] = [] if self._start is None else [Dismissed()]
        self._quieten()
        return dismissed

    def _window(self, window: Samples) -> list[Heard]:
        if self._deaf:
            self._deaf -= 1
            window = np.zeros(WINDOW, np.float32)
        self._windows += 1
        self._kept.append(window)
        likely = self._detector.probability(window)
        flowing = self._start is not None and not self._pausing
        speech = likely >= (_STILL_SPEECH if flowing or self._run else _SPEECH)
        self._run = self._run + 1 if speech else 0
        if self._start is None:
            return self._while_quiet()
        return self._while_pausing() if self._pausing else self._while_speaking()

    def _while_quiet(self) -> list[Heard]:
        if self._run < _ONSET_WINDOWS:
            while len(self._kept) > _PREROLL_WINDOWS + _ONSET_WINDOWS:
                self._kept.popleft()
            return []
        self._start = self._windows - self._run
        self._silent = 0
        return [Onset()]

    def _while_speaking(self) -> list[Heard]:
        assert self._start is not None
        self._silent = 0 if self._run else self._silent + 1
        if self._windows - self._start >= _LONGEST_WINDOWS:
            return [self._pause(), self._end()]
        if self._silent < _PAUSE_WINDOWS:
            return []
        return [self._pause()]

    def _while_pausing(self) -> list[Heard]:
        self._silent += 1
        if self._run >= _ONSET_WINDOWS:
            self._pausing = False
            self._silent = 0
            return [Resumed()]
        return [self._end()] if self._silent >= self._wait and not self._run else []

    def _pause(self) -> Pause:
        self._pausing = True
        return Pause(np.concatenate(self._kept))

    def _end(self) -> Ended:
        assert self._start is not None
        ended = Ended(self._start * _WINDOW_MS, (self._windows - self._silent) * _WINDOW_MS)
        self._quieten()
        return ended

    def _quieten(self) -> None:
        while len(self._kept) > min(self._silent, _PREROLL_WINDOWS):
            self._kept.popleft()
        self._start = None
        self._pausing = False
        self._silent = 0
