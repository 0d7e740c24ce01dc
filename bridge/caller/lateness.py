"""How late the agent's frames come: measured against the caller's own frames, which are their clock.

The bridge answers each 80 ms caller frame with exactly one 80 ms agent frame. So agent frame k (the k-th 640 bytes
received) is measured from the moment at which the caller's timeline, gaps of lost packets included, had reached
80 k ms: with nothing lost, the moment at which the fourth packet of caller frame k had been sent. The timeline begins
with the first packet that was sent, as it does for the bridge.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bridge.facts.formats import FRAME_MS, PACKET_MS, PHONE_FRAME


class Lateness:
    """The frames of one call. Times are seconds of any one monotonic clock."""

    def __init__(self) -> None:
        """Nothing sent, nothing received."""
        self._due = array("d")
        self._came = array("d")
        self._first: int | None = None
        self._bytes = 0

    def sent(self, number: int, now: float) -> None:
        """Caller packet `number` (from 1) was sent at `now`."""
        if self._first is None:
            self._first = number
        timeline_ms = (number - self._first + 1) * PACKET_MS
        while (len(self._due) + 1) * FRAME_MS <= timeline_ms:
            self._due.append(now)

    def received(self, size: int, now: float) -> None:
        """So many bytes of agent audio came at `now`."""
        self._bytes += size
        while (len(self._came) + 1) * PHONE_FRAME <= self._bytes:
            self._came.append(now)

    @property
    def expected(self) -> int:
        """Whole frames that the caller has sent, which is how many must come back."""
        return len(self._due)

    @property
    def frames(self) -> int:
        """Whole frames that came back."""
        return len(self._came)

    def late_ms(self) -> npt.NDArray[np.float64]:
        """Milliseconds from each caller frame to its agent frame; negative where the agent frame came first."""
        count = min(len(self._due), len(self._came))
        return (np.array(self._came[:count], np.float64) - np.array(self._due[:count], np.float64)) * 1000.0


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least `share` percent of the values do not exceed; None without values."""
    ordered = np.fromiter(values, np.float64)
    if ordered.size == 0:
        return None
    return round(float(np.percentile(ordered, share, method="inverted_cdf")), 2)
