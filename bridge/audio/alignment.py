"""Keeps a call lined up with the engine's ticks while its clock drifts, its network changes, and the engine is late.

A call is lined up when it begins (`bridge.audio.intake.lead_in_ms`). An hour later its clock may be a packet off, and
after one frame that came too late each of its frames may wait a tick longer than it needs to. So the call looks at how
long before its tick each frame was complete, and shifts its stream by whole packets, rarely, and in silence:

* none of the frames of the last ten seconds was complete less than a packet before its tick: as many packets are left
  out as all of them can spare, up to a frame at a time. What is used now and then, by the jitter of the network, stays;
* most of them came when their tick was due already: silence is put in, so that frames are complete a packet earlier.

A packet is 20 ms on a telephone, and up to 100 ms with other clients. One of a frame or more completes it whenever it
comes: then there is nothing to be won by silence, only frames that wait for more than a tick to be left out.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Final

from bridge.facts.formats import FRAME_MS, PACKET_MS

LOOK: Final = 125
"""Frames that are looked at together: ten seconds."""

TOLERANCE_MS: Final = 3.0
"""So much longer than a packet is no reason to shift: a call must not go to and fro."""


class Alignment:
    """The latest frames of one call. Owner: the call."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._ahead: list[float] = []

    def note(self, ahead_ms: float, packet_ms: float = PACKET_MS) -> int:
        """A frame was complete so long before its tick was due; below 0: after. It came in packets of `packet_ms`.

        By how many packets to shift the stream: put in so many (above 0), leave out so many (below 0), mostly 0.
        """
        self._ahead.append(ahead_ms)
        if len(self._ahead) < LOOK:
            return 0
        least, middle = min(self._ahead), median(self._ahead)
        self._ahead.clear()
        if least >= packet_ms + TOLERANCE_MS:
            return -max(1, int(min(least, FRAME_MS) // packet_ms))
        return math.ceil(-middle / packet_ms) if middle < 0 and packet_ms < FRAME_MS else 0
