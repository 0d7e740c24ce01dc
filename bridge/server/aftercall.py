"""What happens when a call is over: a summary, and a webhook. None of it delays a call.

A webhook is on the disk before its summary is asked for, so that a server that dies loses the summary and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from bridge.server.journal import Journal
from bridge.server.register import LiveCall
from bridge.server.summaries import Summariser
from bridge.server.webhooks import events
from bridge.server.webhooks.outbox import Letter, Outbox, new_id
from bridge.transcript.records import Call, Ended, Reading, Record, Summary, VerdictRecord, utc_text
from bridge.transcript.redact import mask

log = logging.getLogger("bridge.webhooks")

MAX_UNWRITTEN: Final = 1_000
"""Events that may wait for a slow disk. More than that are lost, counted and logged; the calls' records have them."""

SETTLE_SECONDS: Final = 3.0
"""How long the end of the server waits for events to reach the disk."""


class Post(Protocol):
    """Holds letters back and lets them go; see `bridge.server.webhooks.dispatch`."""

    def hold(self, name: str) -> None:
        """Not yet."""

    def release(self, name: str) -> None:
        """Now."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted: `public_url` begins the links, `verdicts` are told as they fall, `redact` masks numbers."""

    public_url: str
    verdicts: bool = False
    redact: bool = False


class AfterCall:
    """Owner of what is still to be done for calls that are over."""

    def __init__(
        self,
        journal: Journal,
        wishes: Wishes,
        clock: Callable[[], float],
        *,
        outbox: Outbox | None = None,
        post: Post | None = None,
        summariser: Summariser | None = None,
    ) -> None:
        """`clock` gives seconds since 1970. Without an `outbox` nobody is told, without a `summariser` none is written.

        `post` holds the letters of the outbox back until they are complete.
        """
        self._journal, self._wishes, self._clock = journal, wishes, clock
        self._outbox, self._post, self._summariser = outbox, post, summariser
        self._writing: set[asyncio.Task[None]] = set()
        self._summing: set[asyncio.Task[None]] = set()
        self.lost = 0

    def wrote(self, live: LiveCall, record: Record) -> None:
        """A record was added to a call in progress."""
        if self._wishes.verdicts and isinstance(record, VerdictRecord) and isinstance(header := live.records[0], Call):
            self._tell(events.VERDICT, header.call_id, events.gate_verdict(header, record, self._link(header.call_id)))

    def over(self, live: LiveCall) -> None:
        """The record of a call is complete."""
        self._start(self._writing, self._end(live, tuple(live.records)))

    async def _end(self, live: LiveCall, records: tuple[Record, ...]) -> None:
        """The body is made in a thread: for an hour of talk it takes longer than the event loop may be held."""
        call_id = live.ticket.call_id
        wanted = self._summariser is not None and any(isinstance(record, Ended) for record in records)
        letter = None
        if self._outbox:
            body = await asyncio.to_thread(events.call_ended, records, self._link(call_id))
            letter = self._tell(events.ENDED, call_id, body, hold=wanted)
        if wanted:
            self._start(self._summing, self._sum_up(live, records, letter))

    def found_interrupted(self, reading: Reading) -> None:
        """The next start has found a call whose process died: its webhook is still owed."""
        if self._outbox and reading.call:
            call_id = reading.call.call_id
            self._tell(events.ENDED, call_id, events.call_ended(reading.records, self._link(call_id)))

    async def settle(self) -> None:
        """At the end: let events reach the disk; summaries are not waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while self._writing or self._summing:  # the end of a call that is told may bring its summary
                    for task in list(self._summing):
                        task.cancel()
                    await asyncio.wait({*self._writing, *self._summing})

    def _link(self, call_id: str) -> str:
        return f"{self._wishes.public_url}/api/calls/{call_id}"

    def _tell(self, event: str, call_id: str, body: dict[str, Any], *, hold: bool = False) -> Letter | None:
        if self._outbox is None:
            return None
        if len(self._writing) >= MAX_UNWRITTEN:
            self.lost += 1
            log.error("a webhook is lost: %d of them wait for the disk", MAX_UNWRITTEN)
            return None
        event_id = new_id(self._clock())
        created = utc_text(datetime.fromtimestamp(self._clock(), UTC))
        letter = Letter(event_id, event, call_id, events.frame(event, event_id, created) | body)
        if hold and self._post:
            self._post.hold(letter.name)
        self._start(self._writing, self._write(self._outbox, letter, hold=hold))
        return letter

    async def _write(self, outbox: Outbox, letter: Letter, *, hold: bool) -> None:
        try:
            await asyncio.to_thread(outbox.put, letter)
        except OSError as error:
            self.lost += 1
            log.error("webhook %s of call %s is lost: %s", letter.id, letter.call_id, error.strerror or error)
        if self._post and not hold:
            self._post.release(letter.name)

    async def _sum_up(self, live: LiveCall, records: tuple[Record, ...], letter: Letter | None) -> None:
        assert self._summariser is not None
        persona = live.ticket.persona
        try:
            summary = await self._summariser.summarise(records, persona.business, persona.description)
            if summary:
                summary = mask(summary) if self._wishes.redact else summary
                self._journal.note(live.transcript, Summary(summary))
                if letter and self._outbox:
                    await self._written()
                    body = letter.body | {"summary": summary}
                    await asyncio.to_thread(self._outbox.save, msgspec.structs.replace(letter, body=body))
        except OSError as error:
            log.error("call %s: its webhook goes without its summary: %s", live.ticket.call_id, error.strerror or error)
        finally:
            if letter and self._post:
                self._post.release(letter.name)

    async def _written(self) -> None:
        """Until the letters that are being written are on the disk."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=SETTLE_SECONDS)

    def _start(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
