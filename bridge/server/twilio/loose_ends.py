"""Calls whose stream is over and of which Twilio has not asked how they go on.

It asks at once where it noticed that the stream is over. A connection that died half may leave it waiting, and the
caller in silence: such a call is ended through the REST API, once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from bridge.call.parting import Outcome
from bridge.server.register import Register
from bridge.server.tokens import Ticket
from bridge.server.twilio.rest import TwilioCalls
from bridge.server.twilio_client import TwilioError
from bridge.transcript.records import How, Problem

log = logging.getLogger("bridge.twilio")

ASK_SECONDS: Final = 10.0
"""How long Twilio has to ask."""

LEFT_ALONE: Final[frozenset[How]] = frozenset({"caller_hung_up", "shutdown"})
"""Ends of streams after which there is nothing to ask, or nobody to."""


class LooseEnds:
    """Owner of the waiting. It needs credentials, and does nothing without."""

    def __init__(self, calls: TwilioCalls, register: Register) -> None:
        """Nothing is waited for."""
        self._calls, self._register = calls, register
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Calls of which is waited to be asked."""
        return len(self._timers)

    def stream_over(self, ticket: Ticket, outcome: Outcome) -> None:
        """A call's stream is over on our side."""
        if ticket.carrier == "twilio" and self._calls.able and outcome.how not in LEFT_ALONE:
            self.asked(ticket.carrier_id)
            loop = asyncio.get_running_loop()
            self._timers[ticket.carrier_id] = loop.call_later(ASK_SECONDS, self._not_asked, ticket)

    def asked(self, carrier_id: str) -> None:
        """Twilio knows that the stream is over, or that the call is."""
        if timer := self._timers.pop(carrier_id, None):
            timer.cancel()

    def _not_asked(self, ticket: Ticket) -> None:
        self._timers.pop(ticket.carrier_id, None)
        task = asyncio.create_task(self._end(ticket))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, ticket: Ticket) -> None:
        what = f"Twilio did not ask how the call goes on within {ASK_SECONDS:g} s"
        try:
            await self._calls.end(ticket.carrier_id)
            what += "; it was ended"
        except TwilioError as error:
            what += f"; it could not be ended: {error}"
        log.warning("call %s: %s", ticket.call_id, what)
        live = self._register.live.get(ticket.call_id)
        self._register.note(ticket.carrier_id, Problem(what, live.now_ms if live else 0))
