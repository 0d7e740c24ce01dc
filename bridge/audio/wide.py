"""Sound at 24 kHz from clients that put no times on it, as events of a wide leg: each stretch at both rates, and dated.

Where a stretch belongs follows from how much has come, as long as it comes as fast as it was spoken. Otherwise:

* Nothing came for a while, or too little: the client was muted, or speaks when it likes. What comes now is of now, and
  what is missing before it is for the call to fill with silence.
* More came than time has passed: it is dated ahead of time. That is so with a file. What the network held back for a
  while, or was spoken before the call began, is late as well: then quiet packets are left out until the lag is gone,
  because one that stays would delay every answer until the end of the call.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.audio import mulaw
from bridge.audio.intake import PATIENCE_MS, QUIET
from bridge.audio.resample import model_to_phone
from bridge.facts.events import Audio
from bridge.facts.formats import FRAME_MS, MODEL_RATE, PACKET_MS

HELD_MS: Final = 960
"""What was spoken before the call began is kept for so long: as many frames as may wait for a step of the engine."""

LEAD_MS: Final = FRAME_MS + PACKET_MS
"""Ahead of time by more than this is a lag: clients send up to a frame at once."""

MAX_LAG_MS: Final = 10_000
"""A network that comes back after longer has not kept what was said."""

_PER_MS = MODEL_RATE // 1000
_PACKET = PACKET_MS * _PER_MS

Samples = npt.NDArray[np.float32]
"""Float32, shape (samples,), 24 kHz mono, full scale ±1."""


class WideStream:
    """One client's sound. `left_out_ms` counts the quiet that was left out, `forgotten_ms` what was held too long.

    Owner: the protocol object. Milliseconds are of one clock that never goes back.
    """

    def __init__(self) -> None:
        """Nothing has come; what comes before `begin` is held."""
        self.left_out_ms = self.forgotten_ms = 0
        self._down = model_to_phone()
        self._rest = np.zeros(0, np.float32)
        self._begun = False
        self._end_ms: int | None = None  # where the latest stretch ends
        self._lag_ms = 0  # of what comes, so much may be late and not early

    def begin(self, now_ms: float) -> list[Audio]:
        """The call begins: what has been said meanwhile, from its first sound on."""
        self._begun = True
        held, self._rest = self._rest, np.zeros(0, np.float32)
        self._lag_ms = len(held) // _PER_MS
        loud = np.flatnonzero(np.abs(held) > QUIET)
        return self.take(held[max(0, int(loud[0]) - _PACKET) :], now_ms) if len(loud) else []

    def take(self, samples: Samples, now_ms: float) -> list[Audio]:
        """Float32 samples that have come at `now_ms`, as events; none while less than a millisecond is there."""
        ready = np.concatenate((self._rest, samples))
        if not self._begun:
            self._hold(ready)
            return []
        whole = len(ready) - len(ready) % _PER_MS
        self._rest = ready[whole:]
        return self._dated(ready[:whole], int(now_ms)) if whole else []

    def _hold(self, samples: Samples) -> None:
        over = max(0, len(samples) - HELD_MS * _PER_MS)
        self.forgotten_ms += over // _PER_MS
        self._rest = samples[over:]

    def _dated(self, samples: Samples, now_ms: int) -> list[Audio]:
        length = len(samples) // _PER_MS
        begins = now_ms - min(length, FRAME_MS)
        if self._end_ms is None:
            self._end_ms = begins
        elif self._end_ms + length < now_ms - PATIENCE_MS:
            self._lag_ms = min(MAX_LAG_MS, self._lag_ms + begins - self._end_ms)
            self._end_ms = begins
        if self._end_ms + length - now_ms <= LEAD_MS:
            return [self._audio(samples)]
        packets = [samples[at : at + _PACKET] for at in range(0, len(samples), _PACKET)]
        return [self._audio(packet) for packet in packets if not self._spare(packet, now_ms)]

    def _spare(self, packet: Samples, now_ms: int) -> bool:
        """Whether a packet is quiet, and leaving it out makes up for a lag."""
        assert self._end_ms is not None
        length = len(packet) // _PER_MS
        if self._end_ms + length - now_ms <= LEAD_MS or self._lag_ms <= 0 or float(np.abs(packet).max()) > QUIET:
            return False
        self._lag_ms -= length
        self.left_out_ms += length
        return True

    def _audio(self, samples: Samples) -> Audio:
        assert self._end_ms is not None
        at_ms = self._end_ms
        self._end_ms += len(samples) // _PER_MS
        ulaw = mulaw.encode_float(self._down.process(samples))
        return Audio(at_ms, ulaw, mulaw.to_int16(samples).astype("<i2").tobytes())
