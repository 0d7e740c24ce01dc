"""Seats for calls that begin over our own API: whom they reach, or why they cannot be taken.

The same questions for the phone in the browser, for conversations over a socket, and for speech in one request. A seat
that was given is held from then on, until the call is held by the switchboard or `give_up` says that it never will be.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final, Literal

from bridge.facts.errors import EngineError, PersonaError
from bridge.persona.ad_hoc import ad_hoc, in_voice
from bridge.persona.schema import Persona, Sampling
from bridge.server.admission import cannot_take
from bridge.server.journal import new_call_id
from bridge.server.personas import PersonaBook
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket

log = logging.getLogger("bridge.calls")

Kind = Literal["unknown", "unusable", "full", "stopping", "engine"]

STATUS: Final[dict[Kind, int]] = {"unknown": 404, "unusable": 422, "full": 429, "stopping": 503, "engine": 503}
"""How each refusal is answered over HTTP."""

_SEEDS: Final = 1 << 63
"""Seeds are taken modulo this: the noise of a call is a function of 64 bits."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom somebody wants to talk with: a persona by name, or an agent with a `prompt` of their own.

    `voice` is another than the persona's. The same `seed` and the same caller give the same call. `sampling` is for an
    agent with a prompt; a persona keeps its own.
    """

    persona: str | None = None
    voice: str | None = None
    prompt: str | None = None
    seed: int | None = None
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class NoSeat:
    """Why a call is turned away: `kind` for the form of the answer, `why` for whoever asked."""

    kind: Kind
    why: str

    @property
    def status(self) -> int:
        """The HTTP status that says so."""
        return STATUS[self.kind]

    @property
    def close_code(self) -> int:
        """The same as a WebSocket close code: 4404, 4422, 4429 or 4503."""
        return 4000 + self.status


async def seat_for(
    switchboard: Switchboard,
    book: PersonaBook,
    wanted: Wanted,
    *,
    carrier: Literal["browser", "api"],
    record: bool = False,
    enforced: str | None = None,
) -> Ticket | NoSeat:
    """A seat for a call that begins now. What is prepared for it alone is forgotten by the engine once it is seated.

    `enforced` names the persona that answers whatever is `wanted`; of that only the seed counts then.
    """
    await book.refresh()
    if enforced is not None:
        wanted = Wanted(persona=enforced, seed=wanted.seed)
    found = _whom(book, wanted)
    if isinstance(found, NoSeat):
        return found
    persona, key = found
    if refusal := cannot_take(switchboard, caller=""):
        log.warning("a call for %s was turned away: %s", persona.name, refusal.why)
        return NoSeat("full" if refusal.kind == "caller" else refusal.kind, refusal.why)
    call_id = new_call_id()
    ticket = Ticket(
        call_id=call_id,
        carrier_id=call_id,
        persona=persona,
        persona_key=key,
        from_number="",
        to_number="",
        record=record,
        carrier=carrier,
        seed=None if wanted.seed is None else wanted.seed % _SEEDS,
    )
    switchboard.expect(ticket)
    return ticket if key else await _prepared(switchboard, ticket)


def _whom(book: PersonaBook, wanted: Wanted) -> tuple[Persona, str] | NoSeat:
    """The persona, and under which key the engine knows it; an empty one where it has to be told first."""
    if wanted.persona and wanted.prompt is not None:
        return NoSeat("unusable", "give either a persona or a prompt of your own, not both")
    if not wanted.persona and wanted.prompt is None:
        return NoSeat("unusable", "say who is to answer: a persona by its name, or a prompt of your own")
    try:
        if wanted.prompt is not None:
            return ad_hoc(wanted.prompt, wanted.voice).model_copy(update={"sampling": wanted.sampling}), ""
        duty = book.by_name(wanted.persona or "")
        if duty is None:
            return NoSeat("unknown", f"there is no such persona on duty; there are: {', '.join(book.names) or 'none'}")
        if not wanted.voice:
            return duty.persona, duty.key
        other = in_voice(duty.persona, wanted.voice)
        return (duty.persona, duty.key) if other == duty.persona else (other, "")
    except PersonaError as error:
        return NoSeat("unusable", str(error))


async def _prepared(switchboard: Switchboard, ticket: Ticket) -> Ticket | NoSeat:
    """The ticket of a persona that the engine has been told of for this call."""
    seated = None
    try:
        seated = await switchboard.seating.prepared(ticket)
        switchboard.expect(seated)
        return seated
    except EngineError as error:
        ready = switchboard.engine.state == "ready"
        return NoSeat("unusable" if ready else "engine", str(error))
    finally:
        if seated is None:
            switchboard.give_up(ticket)
