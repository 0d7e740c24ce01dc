"""Calling people: who may be called when, from which number, by Twilio or a SIP trunk, and what Twilio tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from bridge.call.parting import Outcome
from bridge.call.session import CallSession
from bridge.facts.errors import BridgeError
from bridge.persona.hours import closed
from bridge.persona.schema import E164, Outbound
from bridge.server.database import StoreError
from bridge.server.do_not_call import DoNotCall
from bridge.server.journal import new_call_id
from bridge.server.personas import OnDuty, PersonaBook
from bridge.server.register import utc_now
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import Ticket
from bridge.server.twilio.answers import MESSAGE_LEFT
from bridge.server.twilio.rest import NO_CREDENTIALS, Links, TwilioCalls
from bridge.transcript.records import CarrierReport

log = logging.getLogger("bridge.twilio")

GRACE_SECONDS: Final = 60.0
"""Beyond the ringing, time for Twilio to dial, and to open the stream; until then the slot is promised."""

TRUNK_GRACE_SECONDS: Final = 10.0
"""The same for a trunk: Asterisk itself gives up when the ringing is over."""

STREAM_SECONDS: Final = 5.0
"""What is told of a call whose stream is on its way waits for it so long."""

Why = Literal["unknown", "forbidden", "busy", "carrier"]


class CallRefusedError(BridgeError):
    """Somebody is not called. `why` is its kind."""

    def __init__(self, why: Why, message: str) -> None:
        """Keep the kind beside the message."""
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class CallOrder:
    """Who shall call whom; with `caller_id` from another number than the persona's own.

    `trunk` is the name of a SIP trunk to call by; without it Twilio calls.
    """

    persona: str
    to: str
    caller_id: str | None = None
    record: bool | None = None
    trunk: str | None = None


class Trunks(Protocol):
    """SIP trunks by which people can be called."""

    async def place(self, ticket: Ticket, trunk: str, rings: int) -> None:
        """Have a call placed; it comes back to `/sip/media` once it is answered. Raises `BridgeError`."""


class CallsOut:
    """Places calls. `clock` gives the moment, in any zone."""

    def __init__(
        self,
        switchboard: Switchboard,
        book: PersonaBook,
        calls: TwilioCalls,
        trunks: Trunks,
        do_not_call: DoNotCall,
        public_url: str,
        clock: Callable[[], datetime],
        *,
        record: bool = False,
    ) -> None:
        """`record` is the default of the orders'."""
        self._switchboard, self._book, self._do_not_call = switchboard, book, do_not_call
        self._calls, self._trunks = calls, trunks
        self._public_url, self._clock, self._record = public_url, clock, record
        self._tasks: set[asyncio.Task[None]] = set()
        switchboard.never_call = self.never_call

    def never_call(self, number: str) -> None:
        """Somebody does not want to be called again. A list that cannot be written to is told in the log."""

        async def put_on_list() -> None:
            try:
                if E164.fullmatch(number):
                    await asyncio.to_thread(self._do_not_call.add, number, "asked for it by a key")
            except StoreError as error:
                log.error("somebody asked never to be called again, and it could not be written down: %s", error)

        task = asyncio.create_task(put_on_list())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def place(self, order: CallOrder) -> Ticket:
        """Call somebody. Raises `CallRefusedError`; nobody has been called then."""
        await self._book.refresh()
        duty, terms = self._caller(order.persona)
        if not (order.trunk or self._calls.able):
            raise CallRefusedError("carrier", NO_CREDENTIALS)
        await self._may_be_called(order.to, terms)
        ticket = Ticket(
            call_id=new_call_id(),
            carrier_id="",
            persona=duty.persona,
            persona_key=duty.key,
            from_number=order.caller_id or terms.caller_id or duty.persona.numbers[0],
            to_number=order.to,
            record=self._record if order.record is None else order.record,
            direction="outbound",
            carrier="sip" if order.trunk else "twilio",
        )
        self._has_room(order.to)
        grace = TRUNK_GRACE_SECONDS if order.trunk else GRACE_SECONDS
        self._switchboard.promise(ticket, terms.rings + grace)
        try:
            if order.trunk:
                await self._trunks.place(ticket, order.trunk, terms.rings)
            else:
                await self._by_twilio(ticket, terms)
        except BridgeError as error:
            self._switchboard.tokens.revoke(ticket.call_id)
            raise CallRefusedError("carrier", str(error)) from None
        log.info("call %s: persona %s calls somebody", ticket.call_id, ticket.persona.name)
        return ticket

    async def _by_twilio(self, ticket: Ticket, terms: Outbound) -> None:
        links = Links(
            answered=f"{self._public_url}/twilio/answered/{ticket.call_id}",
            status=f"{self._public_url}/twilio/call-status/{ticket.call_id}",
            machine=f"{self._public_url}/twilio/machine/{ticket.call_id}",
        )
        carrier_id = await self._calls.place(
            ticket.to_number, ticket.from_number, links, rings=terms.rings, message=bool(terms.voicemail)
        )
        self._switchboard.tokens.bind(ticket.call_id, carrier_id)

    def _caller(self, name: str) -> tuple[OnDuty, Outbound]:
        duty = self._book.by_name(name)
        if duty is None:
            raise CallRefusedError("unknown", f"there is no persona {name!r} on duty")
        if duty.calling is None or duty.calling.persona.outbound is None:
            raise CallRefusedError("forbidden", f"the persona {name} calls nobody: it has no group `outbound`")
        return duty.calling, duty.calling.persona.outbound

    async def _may_be_called(self, number: str, terms: Outbound) -> None:
        if not E164.fullmatch(number):
            raise CallRefusedError("forbidden", f"{number!r} is not a phone number in E.164 form, like +12025550143")
        if late := closed(terms.days, terms.hours, terms.timezone, self._clock()):
            raise CallRefusedError("forbidden", late)
        if await asyncio.to_thread(self._do_not_call.listed, number):
            raise CallRefusedError("forbidden", "this number is on the do-not-call list")

    def _has_room(self, number: str) -> None:
        """Nothing is waited for between this and the promise of a slot."""
        switchboard = self._switchboard
        if switchboard.draining:
            raise CallRefusedError("busy", "the server is stopping")
        if switchboard.engine.state != "ready":
            raise CallRefusedError("busy", f"the {switchboard.engine.name} engine is {switchboard.engine.state}")
        if switchboard.free < 1:
            raise CallRefusedError("busy", "all slots are taken")
        if switchboard.talks_with(number):
            raise CallRefusedError("busy", "there is a call with this number already")

    # -- what Twilio asks and tells

    def answered(self, call_id: str, carrier_id: str) -> tuple[str, Ticket] | None:
        """Somebody has answered: the token of the call's stream, and its ticket; None if it is no call of ours."""
        return self._switchboard.tokens.bind(call_id, carrier_id)

    async def told_of_machine(self, call_id: str, carrier_id: str, answered_by: str) -> None:
        """Whether a person has answered, or a machine, which is left the persona's message or hung up on."""
        register = self._switchboard.register
        machine = answered_by not in ("human", "unknown")
        outcome = Outcome("machine", "an answering machine took the call; no message was left")
        if machine and (ticket := self._switchboard.withdraw(carrier_id)):
            self._switchboard.never_came(ticket, outcome)
            await self._calls.end(carrier_id)
        session = await self._session(call_id, carrier_id)
        register.note(carrier_id, CarrierReport(f"answered by {answered_by}", utc_now()))
        if session is None or not machine:
            return
        terms = session.persona.outbound
        if terms and terms.voicemail and answered_by.startswith("machine_end"):
            outcome = Outcome("machine", MESSAGE_LEFT)
        session.stop(outcome.how, outcome.reason)

    async def _session(self, call_id: str, carrier_id: str) -> CallSession | None:
        """The session of a call; detection may be quicker than its stream, which is waited for."""
        register, clock = self._switchboard.register, asyncio.get_running_loop().time
        until = clock() + STREAM_SECONDS
        while register.past(carrier_id) is None and clock() < until:
            live = register.live.get(call_id)
            if live and live.session:
                return live.session
            await asyncio.sleep(0.05)
        return None
