"""The calls that are going on: admission, seating, the record of each, and how all of them end.

One call's failure stays its own: whatever is raised while it is held is written down, ends that call, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bridge.call.recording import Recording
from bridge.call.session import CallSession, Outcome
from bridge.call.slot import LostSlot, Slot
from bridge.facts.errors import CarrierError, EngineError
from bridge.server.engine_process import EngineProcess
from bridge.server.journal import CallLog, Journal, recording_name, transcript_name
from bridge.server.socket_leg import SocketLeg
from bridge.server.store import CallStore
from bridge.server.tokens import StreamTokens, Ticket
from bridge.server.verdicts import VerdictCounts
from bridge.transcript.records import Call, Ended, Problem, Record, VerdictRecord, utc_text

log = logging.getLogger("bridge.calls")

MAX_OUTCOMES: Final = 10_000
"""Ended calls whose outcome is kept for the carrier's next question."""

WRITE_SECONDS: Final = 2.0
"""Time that the disk has for the last lines of a call before others are told that it is over."""

MAX_LIVE_RECORDS: Final = 20_000
"""Records of one call kept in memory for those who watch it live: hours of talk."""


@dataclass(slots=True)
class LiveCall:
    """A call in progress, or just over, as others may look at it."""

    ticket: Ticket
    transcript: str
    recording: str | None
    session: CallSession | None = None
    records: list[Record] = field(default_factory=list)
    over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, written: tuple[Record, ...]) -> None:
        """Show new records to those who watch."""
        for record in written:
            if len(self.records) < MAX_LIVE_RECORDS or isinstance(record, Ended):
                self.records.append(record)
        self.signal()

    def signal(self) -> None:
        """Wake all who watch; each waits on the event that was current when it last looked."""
        self.changed.set()
        self.changed = asyncio.Event()


class Switchboard:
    """Owner of the calls in progress."""

    def __init__(
        self,
        engine: EngineProcess,
        journal: Journal,
        store: CallStore,
        tokens: StreamTokens,
        apologies: Callable[[str], bytes],
        data_dir: Path,
        *,
        caller_transcript: bool = True,
    ) -> None:
        """`apologies` gives the pre-rendered apology for a language as 8 kHz mu-law."""
        self.engine, self.tokens = engine, tokens
        self.draining = False
        self.live: dict[str, LiveCall] = {}
        self.ended: dict[str, int] = {}
        self.verdicts = VerdictCounts()
        self._journal, self._store, self._apologies, self._data_dir = journal, store, apologies, data_dir
        self._outcomes: OrderedDict[str, tuple[Outcome, Ticket]] = OrderedDict()
        self._caller_transcript = caller_transcript
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def calls(self) -> int:
        """Calls in progress."""
        return len(self.live)

    @property
    def free(self) -> int:
        """Slots that a new call could have; those promised to calls on their way in are taken."""
        return max(0, self.engine.capacity - self.engine.open_slots - self.tokens.outstanding)

    def outcome(self, carrier_id: str) -> tuple[Outcome, Ticket] | None:
        """How a call ended that the carrier knows as `carrier_id`."""
        return self._outcomes.get(carrier_id)

    async def hold(self, ticket: Ticket, leg: SocketLeg) -> None:
        """Hold one call on an accepted stream from its `start` to its end. Never raises for what the call does."""
        try:
            started = await leg.start()
            if started.call_id != ticket.carrier_id:
                raise CarrierError("the stream belongs to another call than the one it was opened for")
        except CarrierError as error:
            log.warning("call %s: the stream was refused: %s", ticket.call_id, error)
            self._remember(ticket, Outcome("protocol_error", str(error)))
            await leg.close(error.close_code, str(error))
            return
        await self.hold_started(ticket, leg)

    async def hold_started(self, ticket: Ticket, leg: SocketLeg) -> None:
        """Hold one call whose stream has begun, to its end. Never raises for what the call does."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._idle.clear()
        try:
            await self._record_call(ticket, leg)
        finally:
            self._tasks.discard(task)
            if not self._tasks:
                self._idle.set()

    async def _record_call(self, ticket: Ticket, leg: SocketLeg) -> None:
        header = Call(
            call_id=ticket.call_id,
            persona=ticket.persona.name,
            from_number=ticket.from_number,
            to_number=ticket.to_number,
            carrier=ticket.carrier,
            carrier_id=ticket.carrier_id,
            started_at=utc_now(),
            engine=self.engine.name,
        )
        transcript = transcript_name(ticket.call_id, header.started_at)
        recording = recording_name(transcript) if ticket.record else None
        live = self.live[ticket.call_id] = LiveCall(ticket, transcript, recording)
        call_log = self._journal.open(header)
        header = call_log.header  # as written: with REDACT its numbers are masked
        live.add((header,))
        # A busy database must not delay the greeting.
        entered = asyncio.create_task(asyncio.to_thread(self._store.begin, header, transcript, recording))
        log.info("call %s: began; persona %s", ticket.call_id, ticket.persona.name)
        outcome = Outcome("internal_error", "an error of the bridge; its log has the details")
        try:
            outcome = await self._seat(live, leg, call_log)
        except asyncio.CancelledError:
            outcome = Outcome("shutdown", "the server was stopped")
            await leg.close(1001, "the server is stopping")
        except Exception:
            log.exception("call %s: ended by an error of the bridge", ticket.call_id)
            await leg.close(1011, "internal error")
        finally:
            self._remember(ticket, outcome)
            await entered
            await self._put_away(live, call_log)
            log.info("call %s: ended: %s", ticket.call_id, outcome.how)

    async def _seat(self, live: LiveCall, leg: SocketLeg, call_log: CallLog) -> Outcome:
        ticket = live.ticket

        def write(record: Record) -> None:
            if isinstance(record, VerdictRecord):
                self._note_verdict(ticket, record)
            live.add(call_log.write(record))

        slot: Slot
        try:
            slot = self.engine.open(ticket.persona_key, caller_transcript=self._caller_transcript)
        except EngineError as error:  # it stopped between webhook and stream
            slot = LostSlot(str(error))
        recorder = None
        if live.recording:
            recorder = Recording(
                self._data_dir / live.recording, lambda problem: write(Problem(problem, session.now_ms))
            )
        session = live.session = CallSession(
            leg,
            slot,
            ticket.persona,
            write,
            time.monotonic,
            utc_now,
            apology=self._apologies(ticket.persona.language),
            recorder=recorder,
        )
        try:
            return await session.run()
        finally:
            if recorder:
                recorder.close()
                await asyncio.to_thread(recorder.wait, WRITE_SECONDS)

    async def _put_away(self, live: LiveCall, call_log: CallLog) -> None:
        """Close the record. A disk that is full may hold the last lines back; nobody waits for it longer than this."""
        live.over = True
        live.signal()
        written = asyncio.wrap_future(call_log.close())
        await asyncio.to_thread(self._store.finish, live.ticket.call_id, tuple(live.records))
        done, _ = await asyncio.wait([written], timeout=WRITE_SECONDS)
        if not done:
            log.error("call %s: the end of its transcript still waits for the disk", live.ticket.call_id)
        self.live.pop(live.ticket.call_id, None)

    def _note_verdict(self, ticket: Ticket, verdict: VerdictRecord) -> None:
        """Count it, and log it by its topic: the phrase may be what the caller said."""
        self.verdicts.add(ticket.persona.name, verdict)
        audible = ", and the beginning of the phrase was heard" if verdict.audible else ""
        log.info("call %s: the gate stopped %s: %s%s", ticket.call_id, verdict.topic, verdict.action, audible)

    def _remember(self, ticket: Ticket, outcome: Outcome) -> None:
        self.ended[outcome.how] = self.ended.get(outcome.how, 0) + 1
        self._outcomes[ticket.carrier_id] = (outcome, ticket)
        while len(self._outcomes) > MAX_OUTCOMES:
            self._outcomes.popitem(last=False)

    # -- the end of all calls

    async def drain(self, seconds: float) -> bool:
        """Take no new calls; wait for those in progress. False if some were still going on after `seconds`."""
        self.draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End every call now."""
        self.draining = True
        for task in list(self._tasks):
            task.cancel()
        await self._idle.wait()


def utc_now() -> str:
    """The wall clock, as records show it."""
    return utc_text(datetime.now(UTC))
