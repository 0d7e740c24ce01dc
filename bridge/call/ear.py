"""Who hears a call: its recording, and those who listen in."""

from __future__ import annotations

from typing import Protocol


class Ear(Protocol):
    """Hears both voices of one call, in samples of the call's clock at 8 kHz."""

    def caller(self, ulaw: bytes) -> None:
        """The caller's audio in order, 8 kHz mu-law, gaps filled."""

    def agent(self, at: int, ulaw: bytes) -> None:
        """Agent audio that is heard from sample `at` on."""

    def cut(self, at: int) -> None:
        """Nothing of the agent is heard after sample `at`."""
