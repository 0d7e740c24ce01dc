"""When an engine's ticks are due: the one thing that calls and the engine process must agree on to the millisecond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STEP_CLASSES: Final = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.12, 0.16)
"""Upper bounds in seconds of the classes in which the lengths of steps are counted; one more holds what is above."""

WAIT_CLASSES: Final = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.08, 0.16, 0.32)
"""The same for the time that frames wait for their step."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Ticks are due at `at` and every `period` before and after it.

    Seconds of `time.monotonic()`, which is one clock for all processes of a machine.
    """

    at: float
    period: float

    def until(self, now: float) -> float:
        """Seconds from `now` to the next tick that is due: 0 up to, not including, `period`."""
        return (self.at - now) % self.period
