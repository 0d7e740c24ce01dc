"""Calls whose caller is with a person, or waits for one: no stream, no slot, and a record that stays open.

    a transfer's stream is over ─▶ asked (what now?) ─▶ the person rings ─▶ taken: with a person ─▶ over
                                                                     └─▶ not taken: back, on a new stream

Each step has its time; a call of which the carrier tells nothing more is over.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from bridge.call.parting import Outcome
from bridge.server.register import LiveCall, Register, utc_now
from bridge.transcript.records import Ended, PersonRecord

log = logging.getLogger("bridge.calls")

ASKED_SECONDS: Final = 30.0
"""Within this time the carrier asks what to do with a caller whose stream is over."""

RINGING_SECONDS: Final = 60.0
"""Time beyond a person's own `transfer_rings` within which the carrier tells what became of ringing them."""

TALK_SECONDS: Final = 4 * 3600.0 + 300.0
"""A carrier ends every call after four hours."""

MAX_AWAY: Final = 1000
"""Calls that may be away; the record of a further one is closed at once."""


@dataclass(slots=True)
class Absence:
    """One call that is away. `taken`: the person has pressed the key with which calls are taken."""

    live: LiveCall
    outcome: Outcome
    timer: asyncio.TimerHandle
    taken: bool = False


class Away:
    """Owner of the calls that are away, by our id."""

    def __init__(self, register: Register) -> None:
        """None is."""
        self._register = register
        self._absences: dict[str, Absence] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._absences)

    def get(self, call_id: str) -> Absence | None:
        """The call, if it is away."""
        return self._absences.get(call_id)

    def begin(self, live: LiveCall, outcome: Outcome) -> None:
        """The stream of a call that is put through is over."""
        live.session = None
        if len(self._absences) >= MAX_AWAY:
            self._register.close(live, outcome)
            return
        timer = self._in(ASKED_SECONDS, live.ticket.call_id, "the carrier never asked for the person's number")
        self._absences[live.ticket.call_id] = Absence(live, outcome, timer)

    def rings(self, call_id: str) -> None:
        """The carrier has been given the person's number."""
        if absence := self._absences.get(call_id):
            seconds = absence.live.ticket.persona.transfer_rings + RINGING_SECONDS
            self._wait(absence, seconds, "the carrier never told what became of it")

    def person(self, call_id: str, status: str, seconds: int | None = None) -> None:
        """The carrier tells of the person: `status` is its word."""
        absence = self._absences.get(call_id)
        if absence is None:
            return
        absence.live.write(PersonRecord(status, absence.live.now_ms, seconds))
        if status == "in-progress":
            self._wait(absence, TALK_SECONDS, "the carrier never told how it ended")

    def back(self, call_id: str) -> Absence | None:
        """The caller comes back to the agent: the call, which is away no more."""
        if absence := self._absences.pop(call_id, None):
            absence.timer.cancel()
        return absence

    def over(self, call_id: str, reason: str) -> None:
        """The call is over; `reason` says how it went with the person."""
        if absence := self.back(call_id):
            self._close(absence.live, absence.outcome, reason)

    def _close(self, live: LiveCall, outcome: Outcome, reason: str) -> None:
        why = f"{outcome.reason}; {reason}" if reason != outcome.reason else reason
        live.write(live.end(Ended(outcome.how, why, utc_now(), 0.0)))
        self._register.close(live, Outcome(outcome.how, why, outcome.person))

    def stop(self) -> None:
        """The server stops: what becomes of these calls is the carrier's business alone."""
        for call_id in list(self._absences):
            self.over(call_id, "the server was stopped meanwhile")

    def _wait(self, absence: Absence, seconds: float, reason: str) -> None:
        absence.timer.cancel()
        absence.timer = self._in(seconds, absence.live.ticket.call_id, reason)

    def _in(self, seconds: float, call_id: str, reason: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self.over, call_id, reason)
