"""Seats for calls in the engine: the first one, and another one where the engine is lost while they go on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from bridge.audio.music import hold_music_ulaw
from bridge.call.rescue import Recollector, Rescue
from bridge.call.slot import LostSlot, Slot
from bridge.facts.errors import EngineError
from bridge.facts.speech import Recollection
from bridge.server.apologies import moment
from bridge.server.engine_process import EngineProcess
from bridge.server.tokens import Ticket
from bridge.transcript.records import Record

log = logging.getLogger("bridge.calls")


class Seating:
    """Opens slots for calls. `reseated` counts the calls that went on in a new engine process."""

    def __init__(self, engine: EngineProcess, *, caller_transcript: bool = True, reseat_seconds: float = 0.0) -> None:
        """A call whose engine is lost waits for another one for `reseat_seconds` at most; 0 ends it at once."""
        self.reseated = 0
        self._engine = engine
        self._caller_transcript = caller_transcript
        self._reseat_seconds = reseat_seconds

    def seat(self, ticket: Ticket, *, recorded: bool) -> Slot:
        """A slot for a call that begins. Where the engine has stopped since the webhook, one that says so."""
        try:
            return self._open(ticket.persona_key, recorded=recorded and not ticket.resumed, seed=ticket.seed)
        except EngineError as error:
            return LostSlot(str(error))
        finally:
            self.forget(ticket)

    async def recalled(self, ticket: Ticket, records: Iterable[Record]) -> Ticket:
        """A ticket with which a call that has been going on is seated again: its agent knows what was said.

        The same ticket where the call has to begin anew. Raises `EngineError`.
        """
        memory = Recollector(ticket.persona, recorded=ticket.record)
        note = memory.noting(lambda record: None)
        for record in records:
            note(record)
        recollection = memory.recollection()
        if not recollection:
            return ticket
        key = await self._engine.recall(ticket.persona_key, ticket.persona, recollection)
        return replace(ticket, persona_key=key, resumed=True, once=True)

    async def prepared(self, ticket: Ticket) -> Ticket:
        """A ticket for a persona that the engine has been told of for this call alone. Raises `EngineError`."""
        key = await self._engine.recall(ticket.persona.name, ticket.persona)
        return replace(ticket, persona_key=key, once=True)

    def forget(self, ticket: Ticket) -> None:
        """The ticket of a call that the engine was told of alone has been used, or never will be."""
        if ticket.once:
            self._engine.forget_recalled(ticket.persona_key)

    def rescue(self, ticket: Ticket, slot: Slot, *, recorded: bool) -> Rescue:
        """What the call in `slot` needs to outlive its engine."""

        async def reseat(recollection: Recollection) -> Slot:
            return await self._reseat(ticket, slot, recollection, recorded=recorded)

        return Rescue(reseat, moment(ticket.persona.language), hold_music_ulaw(), self._reseat_seconds)

    def _open(self, key: str, *, recorded: bool, seed: int | None = None) -> Slot:
        return self._engine.open(key, seed=seed, caller_transcript=self._caller_transcript, notice=recorded)

    async def _reseat(self, ticket: Ticket, lost: Slot, recollection: Recollection, *, recorded: bool) -> Slot:
        """Another slot for a call. Until then `lost` is its claim to one: nobody who calls meanwhile takes it."""
        key = await self._engine.recall(ticket.persona_key, ticket.persona, recollection)
        try:
            lost.close()
            slot = self._open(key, recorded=recorded)
        finally:
            self._engine.forget_recalled(key)
        self.reseated += 1
        log.info("call %s: goes on in a new engine process", ticket.call_id)
        return slot
