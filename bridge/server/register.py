"""The record of each call: opened, watched while the call goes on, closed once, and added to by what is told later.

Exactly one record belongs to each call that a persona answers, also to one whose stream never came.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from bridge.call.audience import Audience
from bridge.call.parting import Outcome
from bridge.call.session import CallSession
from bridge.server.journal import CallLog, Journal, JournalError, read_transcript, recording_name, transcript_name
from bridge.server.store import CallStore
from bridge.server.tokens import Ticket
from bridge.transcript.continued import joined, last_turn, later
from bridge.transcript.records import Call, Ended, Problem, Record, RecordingRecord, utc_text
from bridge.transcript.summary import last_ms

log = logging.getLogger("bridge.calls")

MAX_PAST: Final = 10_000
"""Ended calls that are kept in mind for what the carrier asks and tells afterwards."""

MAX_NOTES: Final = 64
"""Lines that may be added to the record of a call after its end."""

WRITE_SECONDS: Final = 2.0
"""Time that the disk has for the last lines of a call before others are told that it is over."""

OVER_SECONDS: Final = 5.0
"""A stream of which the carrier says that it is over has been wound up within this time."""

MAX_LIVE_RECORDS: Final = 20_000
"""Records of one call kept in memory for those who watch it live: hours of talk."""


class Watcher(Protocol):
    """Is told of every call, and must not raise nor wait: see `bridge.server.aftercall`."""

    def wrote(self, live: LiveCall, record: Record) -> None:
        """A record was added, as it stands in the file."""

    def over(self, live: LiveCall) -> None:
        """The record of a call is complete, on the disk and in the index."""


class Watchers:
    """Several watchers as one."""

    def __init__(self, *watchers: Watcher) -> None:
        """None of them need be there."""
        self._watchers = watchers

    def wrote(self, live: LiveCall, record: Record) -> None:
        """Tell each."""
        for watcher in self._watchers:
            watcher.wrote(live, record)

    def over(self, live: LiveCall) -> None:
        """Tell each."""
        for watcher in self._watchers:
            watcher.over(live)


@dataclass(slots=True)
class LiveCall:
    """A call in progress, or just over, as others may look at it.

    A call may have several streams, one after the other: the latest began `base_ms` into the call and after
    `base_turn` utterances of the agent, and the one before it ended as `held_back`. `recorded`: a recording has begun,
    and has not been refused since.
    """

    ticket: Ticket
    transcript: str
    recording: str | None
    log: CallLog
    entered: asyncio.Future[Any]
    watcher: Watcher
    session: CallSession | None = None
    records: list[Record] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    base_ms: int = 0
    base_turn: int = 0
    held_back: Ended | None = None
    remembered: bool = False
    over: bool = False
    recorded: bool = False
    audience: Audience = field(default_factory=Audience)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def now_ms(self) -> int:
        """The call's clock, by the wall's; a stream has a finer one."""
        return round((time.monotonic() - self.began) * 1000)

    @property
    def may_record(self) -> bool:
        """Whether the latest stream may be recorded: one that comes back may if the one before it was to its end."""
        states = [record.state for record in self.records if isinstance(record, RecordingRecord)]
        return not self.base_ms or states[-1:] == ["began"]

    def streamed(self, record: Record) -> None:
        """Add a record of the latest stream, whose clock and turns begin with it."""
        self.write(later(record, self.base_ms, self.base_turn))

    def end(self, ended: Ended) -> Ended:
        """The end of the whole call, whose latest stream ended as `ended`."""
        return joined(self.held_back, ended)

    def resume(self, ticket: Ticket) -> None:
        """Another stream begins."""
        self.ticket, self.remembered = ticket, False
        self.base_ms, self.base_turn = max(self.now_ms, last_ms(self.records)), last_turn(self.records)

    def write(self, record: Record) -> None:
        """Add a record, and show it to those who watch."""
        for written in self.log.write(record):
            if len(self.records) < MAX_LIVE_RECORDS or isinstance(written, Ended):
                self.records.append(written)
            self._mind_audience(written)
            self.watcher.wrote(self, written)
        self.signal()

    def _mind_audience(self, record: Record) -> None:
        """Who refuses to be recorded is not listened to either; nobody listens to a call that is over."""
        if isinstance(record, RecordingRecord):
            self.recorded = record.state == "began"
            if record.state == "deleted":
                self.audience.close("the caller does not want to be recorded", refused=True)
        elif isinstance(record, Ended):
            self.audience.close("the call is over")

    def signal(self) -> None:
        """Wake all who watch; each waits on the event that was current when it last looked."""
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(slots=True)
class PastCall:
    """A call that is over, for what the carrier still asks and tells. `notes` counts lines added since."""

    ticket: Ticket
    outcome: Outcome
    transcript: str
    notes: int = 0


class Register:
    """Owner of the records of all calls."""

    def __init__(self, journal: Journal, store: CallStore, data_dir: Path, engine: str, *watchers: Watcher) -> None:
        """`engine` is the name that headers give."""
        self._watcher = Watchers(*watchers)
        self.data_dir = data_dir
        self.live: dict[str, LiveCall] = {}
        self.ended: dict[str, int] = {}
        self._journal, self._store, self._engine = journal, store, engine
        self._past: OrderedDict[str, PastCall] = OrderedDict()
        self._errands: set[asyncio.Task[None]] = set()

    def by_carrier(self, carrier_id: str) -> LiveCall | None:
        """The call in progress that the carrier knows as `carrier_id`."""
        return next((live for live in self.live.values() if live.ticket.carrier_id == carrier_id), None)

    def past(self, carrier_id: str) -> PastCall | None:
        """The ended call that the carrier knows as `carrier_id`."""
        return self._past.get(carrier_id)

    async def over(self, carrier_id: str) -> PastCall | None:
        """How the call ended. The carrier may ask before its stream has been wound up: that is waited for."""
        live = self.by_carrier(carrier_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OVER_SECONDS):
                while live and not live.remembered:
                    await live.changed.wait()
        return self.past(carrier_id)

    def open(self, ticket: Ticket) -> LiveCall:
        """Begin the record of a call, or go on with that of a call that comes back."""
        if live := self.live.get(ticket.call_id):
            live.resume(ticket)
            return live
        live = self._begin(ticket)
        self.live[ticket.call_id] = live
        log.info("call %s: began; persona %s", ticket.call_id, ticket.persona.name)
        return live

    def _begin(self, ticket: Ticket) -> LiveCall:
        header = Call(
            call_id=ticket.call_id,
            persona=ticket.persona.name,
            from_number=ticket.from_number,
            to_number=ticket.to_number,
            carrier=ticket.carrier,
            carrier_id=ticket.carrier_id,
            started_at=utc_now(),
            engine=self._engine,
            direction=ticket.direction,
        )
        transcript = transcript_name(ticket.call_id, header.started_at)
        recording = recording_name(transcript) if ticket.record else None
        call_log = self._journal.open(header)
        header = call_log.header  # as written: with REDACT its numbers are masked
        # A busy database must not delay the greeting.
        entered = asyncio.create_task(asyncio.to_thread(self._store.begin, header, transcript, recording))
        return LiveCall(ticket, transcript, recording, call_log, entered, self._watcher, records=[header])

    def close(self, live: LiveCall, outcome: Outcome) -> None:
        """Close the record, beside whatever else goes on; `settle` waits for it."""
        self._run(self._close(live, outcome))

    async def _close(self, live: LiveCall, outcome: Outcome) -> None:
        self.remember(live, outcome)
        self._count(outcome)
        live.over = True
        live.signal()
        await self._put_away(live)
        self.live.pop(live.ticket.call_id, None)
        self._watcher.over(live)
        log.info("call %s: ended: %s", live.ticket.call_id, outcome.how)

    def never_held(self, ticket: Ticket, outcome: Outcome, problem: str = "") -> None:
        """The whole record of a call that was turned away, or whose stream never came; or the end of one that was to
        come back on another stream, and did not.
        """
        if (live := self.live.get(ticket.call_id)) and not live.over:
            if problem:
                live.write(Problem(problem, live.now_ms))
            live.write(live.end(Ended(outcome.how, outcome.reason, utc_now(), 0.0)))
            self.close(live, outcome)
            return
        live = self._begin(ticket)
        if problem:
            live.write(Problem(problem, 0))
        live.write(Ended(outcome.how, outcome.reason, utc_now(), 0.0))
        self.remember(live, outcome)
        self._count(outcome)
        self._run(self._close_unheld(live, outcome))

    async def _close_unheld(self, live: LiveCall, outcome: Outcome) -> None:
        await self._put_away(live)
        self._watcher.over(live)
        log.info("call %s: ended before it began: %s", live.ticket.call_id, outcome.how)

    async def _put_away(self, live: LiveCall) -> None:
        """First the file, then its row. A disk that is full may hold the last lines back; it is not waited for long."""
        await live.entered
        done, _ = await asyncio.wait([asyncio.wrap_future(live.log.close())], timeout=WRITE_SECONDS)
        if not done:
            log.error("call %s: the end of its transcript still waits for the disk", live.ticket.call_id)
        await asyncio.to_thread(self._store.finish, live.ticket.call_id, tuple(live.records))

    def note(self, carrier_id: str, record: Record) -> bool:
        """Add a line to a call's record, be it in progress or over. False if there is none, or no room for more."""
        live, past = self.by_carrier(carrier_id), self.past(carrier_id)
        if live and not live.over:
            live.write(record)
            return True
        if past is None or past.notes >= MAX_NOTES:
            return False
        past.notes += 1
        self._journal.note(past.transcript, record)
        return True

    def _count(self, outcome: Outcome) -> None:
        self.ended[outcome.how] = self.ended.get(outcome.how, 0) + 1

    async def records_of(self, call_id: str, carrier_id: str) -> Sequence[Record]:
        """What has been recorded of a call; nothing where there is no such call."""
        if live := self.live.get(call_id):
            return tuple(live.records)
        past = self.past(carrier_id)
        if past is None or past.ticket.call_id != call_id:
            return ()
        try:
            return (await asyncio.to_thread(read_transcript, self.data_dir, past.transcript)).records
        except JournalError:
            return ()

    def remember(self, live: LiveCall, outcome: Outcome) -> None:
        """Keep in mind how a call ended, once."""
        if live.remembered:
            return
        live.remembered = True
        live.signal()
        self._past[live.ticket.carrier_id] = PastCall(live.ticket, outcome, live.transcript)
        while len(self._past) > MAX_PAST:
            self._past.popitem(last=False)

    def _run(self, errand: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    async def settle(self) -> None:
        """Wait for the records that are being closed."""
        if self._errands:
            await asyncio.wait(self._errands, timeout=2 * WRITE_SECONDS)


def utc_now() -> str:
    """The wall clock, as records show it."""
    return utc_text(datetime.now(UTC))
