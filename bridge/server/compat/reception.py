"""What the compatible addresses need of the server, and how they find who answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bridge.carrier.wish import Wish
from bridge.persona.schema import Sampling
from bridge.server.access.access import Access
from bridge.server.personas import PersonaBook
from bridge.server.seats import NoSeat, Wanted, seat_for
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket

log = logging.getLogger("bridge.calls")


@dataclass(frozen=True, slots=True)
class Reception:
    """The server's parts. `enforced` is the persona that answers whatever clients ask for (ENFORCE_PERSONA)."""

    switchboard: Switchboard
    book: PersonaBook
    access: Access
    record: bool = False
    enforced: str | None = None

    async def seat(self, wish: Wish, *, to_strangers: bool = False) -> Ticket | NoSeat:
        """A seat for a call that begins now, or why there is none; `to_strangers` without the names of personas."""
        wanted = Wanted(
            wish.persona, wish.voice, wish.text_prompt, wish.seed, Sampling.model_validate(dict(wish.sampling))
        )
        found = await seat_for(
            self.switchboard, self.book, wanted, carrier="api", record=self.record, enforced=self.enforced
        )
        if isinstance(found, NoSeat) and found.kind == "unknown":
            if self.enforced:
                log.error("ENFORCE_PERSONA names %s, and %s", self.enforced, found.why)
            if self.enforced or to_strangers:
                return NoSeat("unknown", "there is no such persona on duty")
        return found
