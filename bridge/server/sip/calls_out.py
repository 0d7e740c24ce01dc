"""Calls that we place by a SIP trunk: Asterisk is told, and hands the call over once it is answered."""

from __future__ import annotations

from bridge.asterisk.ari import place_call
from bridge.server.tokens import Ticket

CALL: str = "BRIDGE_CALL"
"""The variable in which our own id of a call travels with it; the dial plan lets no caller set it."""


class AsteriskTrunks:
    """Implements `bridge.server.calls_out.Trunks`."""

    def __init__(self, url: str, password: str) -> None:
        """Where Asterisk takes orders, and the password for it."""
        self._url, self._password = url, password

    async def place(self, ticket: Ticket, trunk: str, rings: int) -> None:
        """Have Asterisk call. Raises `AsteriskError`."""
        await place_call(
            self._url,
            self._password,
            number=ticket.to_number,
            trunk=trunk,
            caller_id=ticket.from_number,
            variables={CALL: ticket.call_id},
            ring_seconds=rings,
        )
