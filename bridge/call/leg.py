"""What a call sees of its carrier: events in, commands out, whichever carrier it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from bridge.facts.events import Command, Event


class Leg(Protocol):
    """One phone call's media connection.

    When it brings no audio for `no_media_seconds`, its caller is gone, whatever the connection says. A `wide` one
    brings 24 kHz audio beside that at 8 kHz, and is given it; see `bridge.facts.events`.
    """

    no_media_seconds: float
    wide: bool
    broken: str
    """What kept the connection from taking audio; empty while it takes it."""

    def events(self) -> AsyncIterator[Event]:
        """What the carrier says, until its connection ends. Raises `CarrierError` where it breaks the protocol."""

    async def send(self, *commands: Command) -> None:
        """Send commands in order. Returns in bounded time; a connection that takes nothing is closed."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection with a WebSocket close code. May be repeated; returns in bounded time."""
