"""Stream tokens: the right to open one stream, once, soon.

The voice webhook is answered with a stream address that ends in a token. A token is 256 random bits, is bound to the
call it was made for, works once, and expires. Until then it holds a slot, so that a call which has been told to come
in never finds the engine full.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from bridge.persona.schema import Persona
from bridge.transcript.records import Carrier, Direction

MAX_TOKENS: Final = 4096
"""Tokens that may be outstanding; the oldest are given up beyond it, so that a flood of webhooks cannot fill memory."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the webhook knew of a call: who calls whom, and who answers.

    `resumed`: the call has been going on. `once`: `persona_key` is what the engine knows of it, for this call alone.
    `seed` makes what an agent says repeatable. `direction` says whether somebody called us, or we call somebody;
    `carrier_id` is empty until the carrier names it.
    """

    call_id: str
    carrier_id: str
    persona: Persona
    persona_key: str
    from_number: str
    to_number: str
    record: bool
    carrier: Carrier = "twilio"
    resumed: bool = False
    direction: Direction = "inbound"
    once: bool = False
    seed: int | None = None

    @property
    def party(self) -> str:
        """The number of the person we talk with."""
        return self.from_number if self.direction == "inbound" else self.to_number


class StreamTokens:
    """The outstanding tokens. `clock` gives monotonic seconds."""

    def __init__(self, valid_seconds: float, clock: Callable[[], float]) -> None:
        """Tokens work for `valid_seconds`."""
        self.valid_seconds = valid_seconds
        self._clock = clock
        self._tickets: dict[str, tuple[float, Ticket]] = {}
        self._expired: list[Ticket] = []

    @property
    def outstanding(self) -> int:
        """Tokens that may still be used."""
        return len(self.tickets)

    @property
    def tickets(self) -> list[Ticket]:
        """The tickets whose tokens may still be used."""
        self._expire()
        return [ticket for _, ticket in self._tickets.values()]

    def expire(self) -> list[Ticket]:
        """The tickets whose tokens have expired or were given up since the last time."""
        self._expire()
        expired, self._expired = self._expired, []
        return expired

    def withdraw(self, carrier_id: str) -> Ticket | None:
        """Take back the token of a call: its ticket, or None if it has none outstanding."""
        self._expire()
        found = next((token for token, (_, held) in self._tickets.items() if held.carrier_id == carrier_id), None)
        return self._tickets.pop(found)[1] if found else None

    def revoke(self, call_id: str) -> None:
        """Take back the token of a call of ours, if it has one outstanding: there is no such call."""
        for token in [token for token, (_, held) in self._tickets.items() if held.call_id == call_id]:
            del self._tickets[token]

    def withdraw_all(self) -> list[Ticket]:
        """Take back every token."""
        held = [ticket for _, ticket in self._tickets.values()]
        self._tickets.clear()
        return self.expire() + held

    def issue(self, ticket: Ticket, seconds: float | None = None) -> str:
        """A new token for a call, which works for `seconds` if not for as long as all others."""
        self._expire()
        while len(self._tickets) >= MAX_TOKENS:
            self._expired.append(self._tickets.pop(next(iter(self._tickets)))[1])
        token = secrets.token_urlsafe(32)
        self._tickets[token] = (self._clock() + (seconds or self.valid_seconds), ticket)
        return token

    def bind(self, call_id: str, carrier_id: str) -> tuple[str, Ticket] | None:
        """Token and ticket of a call that the carrier knows as `carrier_id`; None if it has none outstanding."""
        self._expire()
        for token, (until, held) in self._tickets.items():
            if held.call_id == call_id and held.carrier_id in ("", carrier_id):
                ticket = replace(held, carrier_id=carrier_id)
                self._tickets[token] = (until, ticket)
                return token, ticket
        return None

    def take(self, token: str) -> Ticket | None:
        """Use a token up. None if it was never issued, has been used, or has expired."""
        self._expire()
        found = self._tickets.pop(token, None)
        return found[1] if found else None

    def _expire(self) -> None:
        now = self._clock()
        for token in [token for token, (until, _) in self._tickets.items() if until <= now]:
            self._expired.append(self._tickets.pop(token)[1])
