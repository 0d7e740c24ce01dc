"""What callers say, in words, for an engine whose model answers sound with sound: beside it, never in its way.

One thread hears all calls (voice activity, turns), a second one recognises finished turns, one after the other: it
needs 0.1 s for four seconds of speech, so that it keeps up with dozens of callers who never pause. The thread that
steps the engine only puts frames in and takes words out.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from bridge.audio.resample import Resampler
from bridge.engine import weights
from bridge.engine.hearing.ear import Dismissed, Ear, Ended, Heard, Pause, Resumed
from bridge.engine.hearing.recogniser import Recogniser
from bridge.engine.hearing.voice_activity import Samples, Silero
from bridge.facts.formats import FRAME_MS
from bridge.facts.speech import CallerText

log = logging.getLogger(__name__)

MAX_FRAMES: Final = 100
"""Frames of one call that may wait to be heard, eight seconds; then the oldest are dropped and counted."""

MAX_TURNS: Final = 4
"""Turns of one call that may wait to be recognised; further ones are left out of the transcript and counted."""

_KEY: Final = "key"
"""Stands among the frames where a key was pressed."""

Submit = Callable[[Callable[[], None]], object]


class Scribe:
    """Owner of the two threads and of the models that all calls share."""

    def __init__(self, calls: int) -> None:
        """Load the models for so many calls at once, in half a second: no call that is going on should wait for it.

        Raises EngineError if a package or its weights are not those that are pinned.
        """
        silero = weights.locate(weights.SILERO)
        self._detectors = [Silero(silero) for _ in range(calls)]  # those no call uses; of the thread that hears
        self._recogniser = Recogniser(weights.locate(weights.MOONSHINE))
        self._hearing = ThreadPoolExecutor(1, "hearing")
        self._recognising = ThreadPoolExecutor(1, "recognising")

    def listen(self, wait_ms: int) -> Listener:
        """Begin to listen to one of the calls. `wait_ms` of silence end a turn of the caller."""
        return Listener(self, wait_ms)

    def shutdown(self) -> None:
        """Stop the threads; what was not recognised yet never will be."""
        self._hearing.shutdown(cancel_futures=True)
        self._recognising.shutdown(cancel_futures=True)

    # -- for listeners

    def hear(self, work: Callable[[], None]) -> None:
        """Do `work` in the thread that hears."""
        self._hearing.submit(work).add_done_callback(_log_failure)

    def recognise(self, samples: Samples, tell: Callable[[str], None]) -> None:
        """Recognise `samples` (float32, 16 kHz) in the other thread, and tell the words: none where it fails."""

        def work() -> None:
            words = ""
            try:
                words = self._recogniser.recognise(samples)
            finally:
                tell(words)

        self._recognising.submit(work).add_done_callback(_log_failure)

    def detector(self) -> Silero:
        """A detector that no call uses. In the thread that hears."""
        detector = self._detectors.pop()
        detector.reset()
        return detector

    def give_back(self, detector: Silero) -> None:
        """A call is over. In the thread that hears."""
        self._detectors.append(detector)


class Listener:
    """One call. `push`, `press`, `take` and `close` belong to the thread that steps the engine, the rest to the others.

    `missed` counts frames that were dropped, `left_out` turns that were not recognised, because a thread was behind.
    """

    def __init__(self, scribe: Scribe, wait_ms: int) -> None:
        """Use `Scribe.listen`."""
        self.missed = self.left_out = 0
        self.speaking = False
        """The caller's turn is going on, as far as it has been heard."""
        self._scribe = scribe
        self._wait_ms = wait_ms
        self._lock = threading.Lock()  # guards the next four
        self._waiting: deque[Samples | str] = deque()
        self._at_work = False
        self._closed = False
        self._unrecognised = 0
        self._told: deque[CallerText] = deque()
        # Of the thread that hears:
        self._detector: Silero | None = None
        self._ear: Ear | None = None
        self._down = Resampler(2, 3)
        self._lost_ms = 0
        self._turn: Samples | None = None

    def push(self, frame: Samples) -> None:
        """Take 80 ms of the caller: float32, 24 kHz, 1920 samples. Never waits."""
        self._put(frame)

    def press(self) -> None:
        """A key was pressed; its tone is not speech."""
        self._put(_KEY)

    def take(self) -> tuple[CallerText, ...]:
        """What has been recognised since the last time, in order."""
        taken: list[CallerText] = []
        while self._told:
            taken.append(self._told.popleft())
        return tuple(taken)

    def close(self) -> None:
        """The call is over; nothing more is told of it."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        self._scribe.hear(self._give_back)

    def _put(self, heard: Samples | str) -> None:
        with self._lock:
            if len(self._waiting) >= MAX_FRAMES:
                self.missed += self._waiting.popleft() is not _KEY
            self._waiting.append(heard)
            if self._at_work or self._closed:
                return
            self._at_work = True
        self._scribe.hear(self._hear)

    # -- in the thread that hears

    def _hear(self) -> None:
        if self._ear is None:
            self._detector = self._scribe.detector()
            self._ear = Ear(self._detector, self._wait_ms)
        ear = self._ear
        while (heard := self._next()) is not None:
            self._notice(ear.mute() if isinstance(heard, str) else ear.hear(self._down.process(heard)))
            self.speaking = ear.speaking

    def _next(self) -> Samples | str | None:
        """The next of what waits; where nothing does, this piece of work is over."""
        with self._lock:
            if not self._waiting:
                self._at_work = False
                return None
            # The ear counts what it hears: what it misses is time all the same.
            self._lost_ms = self.missed * FRAME_MS
            return self._waiting.popleft()

    def _notice(self, heard: list[Heard]) -> None:
        for event in heard:
            match event:
                case Pause(samples):
                    self._turn = samples
                case Resumed() | Dismissed():
                    self._turn = None
                case Ended(start_ms, end_ms):
                    assert self._turn is not None
                    self._recognise(self._turn, start_ms + self._lost_ms, end_ms + self._lost_ms)

    def _recognise(self, samples: Samples, start_ms: int, end_ms: int) -> None:
        with self._lock:
            if self._unrecognised >= MAX_TURNS:
                self.left_out += 1
                return
            self._unrecognised += 1
        self._scribe.recognise(samples, lambda words: self._tell(words, start_ms, end_ms))

    def _give_back(self) -> None:
        if self._detector is not None:
            self._scribe.give_back(self._detector)
        self._detector = self._ear = None

    # -- in the thread that recognises

    def _tell(self, words: str, start_ms: int, end_ms: int) -> None:
        with self._lock:
            self._unrecognised -= 1
        if words:
            self._told.append(CallerText(words, start_ms, end_ms))


def _log_failure(future: Future[None]) -> None:
    """Neither the error's text nor a traceback: both may quote what the caller said."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.error("a caller was not understood: %s at %s:%s", type(error).__name__, where.filename, where.lineno)
