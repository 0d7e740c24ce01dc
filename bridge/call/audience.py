"""Those who listen in to a call, and how loud either side of it is. No clock, no asyncio.

Both sides are put together as the recording puts them, a fifth of a second behind the caller: by then nothing that is
sent to a carrier is taken back any more. Where nobody listens and nobody looks, nothing is put together.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

import numpy as np

from bridge.audio import mulaw
from bridge.call.recording import RecordingCounters, Timeline
from bridge.facts.formats import PHONE_FRAME, PHONE_RATE, ULAW_SILENCE

LAG: Final = PHONE_RATE // 5
"""Samples. So long a piece of the agent's may still be taken back: three times what a carrier is to hold (60 ms)."""

MAX_TAPS: Final = 8
"""People who may listen in to one call."""

FLOOR_DBFS: Final = -90.0
"""What silence is shown as: the step of 16 bits is -90 dB of full scale."""

_SILENCE: Final = bytes([ULAW_SILENCE]) * PHONE_FRAME


class Tap(Protocol):
    """Somebody who listens in."""

    def take(self, stereo: bytes) -> None:
        """80 ms: 8 kHz, 16 bit little-endian, the caller left, the agent right. Never waits."""

    def end(self, why: str, *, refused: bool = False) -> None:
        """There is no more: the call is over, or its caller has `refused`."""


class Audience:
    """An `Ear`. Owner: the call, through all of its streams."""

    def __init__(self) -> None:
        """Nobody listens."""
        self._taps: list[Tap] = []
        self._closed = False
        self._metered = False
        self._position = 0
        self._timeline: Timeline | None = None
        self._loud = [0.0, 0.0]  # energy since the levels were last asked for
        self._samples = 0

    @property
    def taps(self) -> int:
        """How many listen in."""
        return len(self._taps)

    @property
    def closed(self) -> bool:
        """Whether nobody may listen in any more."""
        return self._closed

    # -- what is heard

    def stream_begins(self) -> None:
        """A stream of the call begins, whose clock stands at 0."""
        self._position = 0
        self._timeline = None
        self._mind()

    def caller(self, ulaw: bytes) -> None:
        """See `Ear`."""
        self._position += len(ulaw)
        if self._timeline is None:
            return
        self._timeline.caller(ulaw)
        while (block := self._timeline.take_final()) is not None:
            self._hand_out(*block)

    def agent(self, at: int, ulaw: bytes) -> None:
        """See `Ear`."""
        if self._timeline is not None:
            self._timeline.agent(at, ulaw)

    def cut(self, at: int) -> None:
        """See `Ear`."""
        if self._timeline is not None:
            self._timeline.cut(at)

    def _hand_out(self, caller: bytes, agent: bytes) -> None:
        if self._metered:
            self._samples += len(caller)
            for side, ulaw in enumerate((caller, agent)):
                self._loud[side] += 0.0 if ulaw == _SILENCE else mulaw.energy(ulaw)
        if self._taps:
            stereo = np.empty((len(caller), 2), "<i2")
            stereo[:, 0], stereo[:, 1] = mulaw.decode(caller), mulaw.decode(agent)
            sound = stereo.tobytes()
            for tap in self._taps:
                tap.take(sound)

    # -- who hears it

    def join(self, tap: Tap) -> bool:
        """Listen in from now on. False: too many do, or nobody may."""
        if self._closed or len(self._taps) >= MAX_TAPS:
            return False
        self._taps.append(tap)
        self._mind()
        return True

    def leave(self, tap: Tap) -> None:
        """Listen no more. May be repeated."""
        if tap in self._taps:
            self._taps.remove(tap)
        self._mind()

    def close(self, why: str, *, refused: bool = False) -> None:
        """Nobody may listen in any more; see `Tap.end`."""
        self._closed = True
        while not refused and self._timeline and (block := self._timeline.take_rest()):
            self._hand_out(*block)
        taps, self._taps = self._taps, []
        for tap in taps:
            tap.end(why, refused=refused)
        self._mind()

    def meter(self, *, on: bool) -> None:
        """Whether levels are going to be asked for."""
        self._metered = on
        self._mind()

    def levels(self) -> tuple[float, float]:
        """Root mean square of the caller's side and of the agent's since this was last asked, in dB of full scale."""
        loud, samples = self._loud, self._samples
        self._loud, self._samples = [0.0, 0.0], 0
        return _dbfs(loud[0], samples), _dbfs(loud[1], samples)

    def _mind(self) -> None:
        wanted = self._metered or bool(self._taps)
        if not wanted:
            self._timeline = None
        elif self._timeline is None:
            self._timeline = Timeline(RecordingCounters(), base=self._position, lag=LAG, block=PHONE_FRAME)


def _dbfs(energy: float, samples: int) -> float:
    if not energy:
        return FLOOR_DBFS
    return round(max(FLOOR_DBFS, 10 * math.log10(energy / samples)), 1)
