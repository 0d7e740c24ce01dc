"""When a silent caller is asked whether they are there, and when they are bid goodbye. No clock."""

from __future__ import annotations


class IdleWatch:
    """When to ask a silent caller, and when to give up. Times are seconds of the call."""

    def __init__(self, idle_seconds: float) -> None:
        """The wait before the question, and once more after it."""
        self._wait = idle_seconds
        self._quiet_since = 0.0
        self._asked = False
        self._done = False

    def activity(self, at: float, *, caller: bool = True) -> None:
        """Somebody spoke. The caller's words answer the question; the agent's only begin the wait anew."""
        self._quiet_since = at
        if caller:
            self._asked = self._done = False

    def due(self, at: float) -> str:
        """ "ask", "end" or nothing, each at most once for a silence."""
        if self._done or at - self._quiet_since < self._wait:
            return ""
        self._quiet_since = at
        self._done = self._asked
        self._asked = True
        return "end" if self._done else "ask"
