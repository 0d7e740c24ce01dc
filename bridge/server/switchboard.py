"""The calls that are going on: which can come in, their seating, and how all of them end.

One call's failure stays its own: whatever is raised while it is held is written down, ends that call, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from bridge.call.leg import Leg
from bridge.call.parting import Outcome
from bridge.call.recording import Recording
from bridge.call.session import CallSession
from bridge.facts.errors import CarrierError
from bridge.server.away import Away
from bridge.server.call_queue import CallQueue
from bridge.server.engine_process import EngineProcess
from bridge.server.register import WRITE_SECONDS, LiveCall, Register, utc_now
from bridge.server.seating import Seating
from bridge.server.socket_leg import SocketLeg
from bridge.server.tokens import StreamTokens, Ticket
from bridge.server.verdicts import VerdictCounts
from bridge.transcript.records import AskedRecord, Ended, Problem, Record, VerdictRecord

log = logging.getLogger("bridge.calls")

DRAIN_CHECK_SECONDS: Final = 0.2
"""How often a server that stops looks whether callers are on hold still."""


class Switchboard:
    """Owner of the calls in progress."""

    def __init__(
        self,
        engine: EngineProcess,
        register: Register,
        tokens: StreamTokens,
        apologies: Callable[[str], bytes],
        seating: Seating,
        queue: CallQueue[Ticket],
        *,
        calls_per_caller: int | None = None,
    ) -> None:
        """`apologies` gives the pre-rendered apology for a language as 8 kHz mu-law.

        Two may be replaced: `stream_over` is told how each stream that was held has ended, `never_call` the numbers of
        people who do not want to be called again.
        """
        self.calls_per_caller = calls_per_caller
        self.engine, self.tokens, self.seating, self.queue = engine, tokens, seating, queue
        self.draining = False
        self.register = register
        self.away = Away(register)
        self.never_call: Callable[[str], None] = lambda number: None
        self.stream_over: Callable[[Ticket, Outcome], None] = lambda ticket, outcome: None
        self.verdicts = VerdictCounts()
        self._apologies = apologies
        self._arriving: dict[str, Ticket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def live(self) -> dict[str, LiveCall]:
        """The calls in progress, by our id."""
        return self.register.live

    @property
    def calls(self) -> int:
        """Calls in progress."""
        return len(self.live)

    @property
    def free(self) -> int:
        """Slots that a new call could have; those promised to calls on their way in are taken.

        An engine that measures its steps allows fewer than it has slots where more would make it late, and none for a
        while when it has been late; one call it takes in any case.
        """
        taken = self.engine.open_slots + self.tokens.outstanding + len(self._arriving)
        if self.engine.shedding and taken:
            return 0
        return max(0, self.engine.limit - taken)

    def calls_from(self, number: str) -> int:
        """Calls of one number, in progress or on their way in."""
        tickets = [live.ticket for live in self.live.values()]
        tickets += [*self._arriving.values(), *self.tokens.tickets, *self.queue.calls]
        return sum(ticket.from_number == number for ticket in tickets)

    # -- calls on their way in

    def promise(self, ticket: Ticket, seconds: float | None = None) -> str:
        """Promise a slot to a call. The token for its stream, which works once and soon: within `seconds`."""
        seconds = seconds or self.tokens.valid_seconds
        token = self.tokens.issue(ticket, seconds)
        asyncio.get_running_loop().call_later(seconds + 0.05, self._give_up_late_ones)
        return token

    def talks_with(self, number: str) -> bool:
        """Whether we are calling this number, or are called by it."""
        tickets = [live.ticket for live in self.live.values()]
        tickets += [*self._arriving.values(), *self.tokens.tickets]
        return any(number == ticket.party for ticket in tickets)

    def _give_up_late_ones(self) -> None:
        for ticket in self.tokens.expire():
            reason = "the carrier never opened the call's stream"
            log.warning("call %s: %s", ticket.call_id, reason)
            self.never_came(ticket, Outcome("never_connected", reason))

    def expect(self, ticket: Ticket) -> None:
        """Hold a slot for a call that is on its way in, until it is held or given up."""
        self._arriving[ticket.call_id] = ticket

    def give_up(self, ticket: Ticket) -> None:
        """A call that was expected will not come, and leaves no record."""
        self._arriving.pop(ticket.call_id, None)
        self.seating.forget(ticket)

    def withdraw(self, carrier_id: str) -> Ticket | None:
        """Take back the slot, or the place on hold, of a call whose stream has not come."""
        return self.tokens.withdraw(carrier_id) or self.queue.leave(carrier_id)

    def give_up_gone(self) -> None:
        """Write down which callers on hold have not come back."""
        for ticket in self.queue.gone():
            self.register.never_held(ticket, Outcome("caller_hung_up", "the caller hung up while on hold"))

    def never_came(self, ticket: Ticket, outcome: Outcome, problem: str = "") -> None:
        """The stream that was promised a slot will not come: write that down."""
        self.seating.forget(ticket)
        self.register.never_held(ticket, outcome, problem)

    # -- calls in progress

    async def hold(self, ticket: Ticket, leg: SocketLeg) -> None:
        """Hold one call on an accepted stream from its `start` to its end. Never raises for what the call does."""
        self._arriving[ticket.call_id] = ticket
        try:
            started = await leg.start()
            if started.call_id != ticket.carrier_id:
                raise CarrierError("the stream belongs to another call than the one it was opened for")
        except CarrierError as error:
            log.warning("call %s: the stream was refused: %s", ticket.call_id, error)
            self.never_came(ticket, Outcome("protocol_error", str(error)))
            await leg.close(error.close_code, str(error))
            return
        finally:
            self._arriving.pop(ticket.call_id, None)
        await self.hold_started(ticket, leg)

    async def hold_started(self, ticket: Ticket, leg: Leg) -> None:
        """Hold one call whose stream has begun, to its end. Never raises for what the call does."""
        self._arriving.pop(ticket.call_id, None)  # until it is seated, nothing else runs
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

    async def _record_call(self, ticket: Ticket, leg: Leg) -> None:
        live = self.register.open(ticket)
        outcome = Outcome("internal_error", "an error of the bridge; its log has the details")
        try:
            outcome = await self._seat(live, leg)
        except asyncio.CancelledError:
            outcome = Outcome("shutdown", "the server was stopped")
            await leg.close(1001, "the server is stopping")
        except Exception:
            log.exception("call %s: ended by an error of the bridge", ticket.call_id)
            await leg.close(1011, "internal error")
        finally:
            self._stream_is_over(live, outcome)
            if live.held_back:
                self.away.begin(live, outcome)
            else:
                self.register.close(live, outcome)

    async def _seat(self, live: LiveCall, leg: Leg) -> Outcome:
        ticket = live.ticket

        def write(record: Record) -> None:
            if isinstance(record, VerdictRecord):
                self._note_verdict(ticket, record)
            if isinstance(record, AskedRecord) and record.what == "never_call" and ticket.party:
                self.never_call(ticket.party)
            if isinstance(record, Ended):
                record, live.held_back = live.end(record), None
                if record.how == "transfer" and ticket.carrier == "twilio":
                    live.held_back = record  # it is not over: the caller may come back
                    return
            live.streamed(record)

        slot = self.seating.seat(ticket, recorded=live.recording is not None)
        recorder = None
        if live.recording and live.may_record:
            recorder = Recording(
                self.register.data_dir / live.recording,
                lambda problem: write(Problem(problem, session.now_ms)),
                begins_ms=live.base_ms,
            )
        live.audience.stream_begins()
        session = live.session = CallSession(
            leg,
            slot,
            ticket.persona,
            write,
            time.monotonic,
            utc_now,
            apology=self._apologies(ticket.persona.language),
            rescue=self.seating.rescue(ticket, slot, recorded=live.recording is not None),
            recorder=recorder,
            audience=live.audience,
            resumed=ticket.resumed,
            earlier_seconds=live.base_ms / 1000,
        )
        try:
            outcome = await session.run()
            self._stream_is_over(live, outcome)  # the carrier may ask before the disk is done
            return outcome
        finally:
            if recorder:
                recorder.close()
                await asyncio.to_thread(recorder.wait, WRITE_SECONDS)

    def _stream_is_over(self, live: LiveCall, outcome: Outcome) -> None:
        if not live.remembered:
            self.stream_over(live.ticket, outcome)
            self.register.remember(live, outcome)

    def _note_verdict(self, ticket: Ticket, verdict: VerdictRecord) -> None:
        """Count it, and log it by its topic: the phrase may be what the caller said."""
        self.verdicts.add(ticket.persona.name, verdict)
        audible = ", and the beginning of the phrase was heard" if verdict.audible else ""
        log.info("call %s: the gate stopped %s: %s%s", ticket.call_id, verdict.topic, verdict.action, audible)

    # -- the end of all calls

    async def drain(self, seconds: float) -> bool:
        """Take no new calls; wait for those in progress. False if some were still going on after `seconds`."""
        self.draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
                # Each caller on hold is told when it asks next, or does not ask again; the queue knows no events.
                while self.queue:  # noqa: ASYNC110
                    await asyncio.sleep(DRAIN_CHECK_SECONDS)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End every call now."""
        self.draining = True
        for task in list(self._tasks):
            task.cancel()
        await self._idle.wait()
        for ticket in self.tokens.withdraw_all():
            self.never_came(ticket, Outcome("shutdown", "the server was stopped before the call's stream came"))
        for ticket in self.queue.calls:
            self.queue.leave(ticket.carrier_id)
            self.register.never_held(ticket, Outcome("shutdown", "the server was stopped while the caller was on hold"))
        self.away.stop()
        await self.register.settle()
