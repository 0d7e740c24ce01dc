"""What becomes of a call for which there is no slot: a busy line, music on hold, or another place that takes it.

Holding works by TwiML alone. A caller on hold hears their place and a round of music, and is then redirected to
/twilio/hold, which asks the queue and either opens the call's stream or plays another round.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from bridge.audio import music
from bridge.call.parting import Outcome
from bridge.persona.schema import WhenFull
from bridge.server.admission import Refusal
from bridge.server.tokens import Ticket
from bridge.server.twilio import answers
from bridge.server.twilio.requests import Desk, twiml
from bridge.transcript.records import How

log = logging.getLogger("bridge.twilio")

WORDS: Final = {"stopping": answers.CLOSING, "engine": answers.APOLOGY, "caller": answers.BUSY}
"""What a caller hears who is turned away, by the kind of the refusal; `full` has a line of the persona's."""

HOW: Final[dict[str, How]] = {
    "stopping": "shutdown",
    "engine": "engine_failed",
    "full": "engine_full",
    "caller": "too_many_calls",
}
"""How the record of such a call ends."""

BACK_SECONDS: Final = 10.0
"""A caller on hold is back this long after words and music should be over, or has hung up."""

LETTERS_PER_SECOND: Final = 8.0
"""The slowest that a carrier's voice is taken to speak; usual are 12 to 15."""

PLACE_ROUNDS: Final = 4
"""A caller is told a place that has not changed every so many rounds, which is every half minute."""

SENT: Final = "sent"
"""In an address's query: another bridge has sent this call. Two full bridges must not send it to and fro for ever."""


def turn_away(desk: Desk, request: Request, ticket: Ticket, refusal: Refusal) -> Response:
    """What the persona has for a call that cannot come in now."""
    full, switchboard = ticket.persona.when_full, desk.switchboard
    if refusal.kind == "caller":  # nor is the person's line for somebody who calls again and again
        _refuse(desk, ticket, HOW[refusal.kind], refusal.why)
        return twiml(answers.say_and_hang_up(WORDS[refusal.kind]))
    if full.action == "elsewhere" and full.to and request.query_params.get(SENT) != "1":
        log.info("a call for %s was sent elsewhere: %s", ticket.persona.name, refusal.why)
        switchboard.register.never_held(ticket, Outcome("sent_elsewhere", f"sent to {full.to}: {refusal.why}"))
        return twiml(answers.elsewhere(full.to, SENT))
    if full.action == "hold" and refusal.kind != "stopping":
        if switchboard.queue.join(ticket.carrier_id, ticket, full.longest_wait, back_in(full, first=True)):
            log.info("call %s: on hold: %s", ticket.call_id, refusal.why)
            return another_round(desk, request, ticket, first=True)
        refusal = Refusal("full", "all slots are taken, and so are all places on hold")
    _refuse(desk, ticket, HOW[refusal.kind], refusal.why)
    return twiml(answers.say_then_person(WORDS.get(refusal.kind, full.busy_say), ticket.persona))


def waited_too_long(desk: Desk, ticket: Ticket, waited: float) -> Response:
    """The end of a wait in vain."""
    _refuse(desk, ticket, "engine_full", f"no slot became free in {waited:.0f} s on hold")
    return twiml(answers.say_then_person(ticket.persona.when_full.busy_say, ticket.persona))


def another_round(desk: Desk, request: Request, ticket: Ticket, *, first: bool = False) -> Response:
    """Words, music, and the way back to the queue."""
    full, query = ticket.persona.when_full, request.query_params
    place = desk.switchboard.queue.place(ticket.carrier_id) or 1
    turn = _count(query.get("turn")) + 1
    lines = [full.hold_say] if first else []
    if first or str(place) != query.get("place") or turn % PLACE_ROUNDS == 0:
        lines.append(full.place_say.replace("{place}", str(place)))
    seconds = back_in(full, first=first) + 0.05
    asyncio.get_running_loop().call_later(seconds, desk.switchboard.give_up_gone)
    # Each round has an address of its own: what comes twice at one is a repetition.
    pinned = {name: query[name] for name in ("persona", "record", SENT) if name in query}
    again = f"{desk.settings.public_url}/twilio/hold?{urlencode({'turn': turn, 'place': place, **pinned})}"
    return twiml(answers.hold(lines, f"{desk.settings.public_url}/twilio/hold-music.wav", again))


def back_in(full: WhenFull, *, first: bool = False) -> float:
    """Seconds within which a caller who hears a round now asks again."""
    letters = len(full.place_say) + (len(full.hold_say) if first else 0)
    return letters / LETTERS_PER_SECOND + music.SECONDS + BACK_SECONDS


def _refuse(desk: Desk, ticket: Ticket, how: How, why: str) -> None:
    log.warning("a call for %s was turned away: %s", ticket.persona.name, why)
    desk.switchboard.register.never_held(ticket, Outcome(how, f"turned away: {why}"))


def _count(value: str | None) -> int:
    return int(value) if value and value.isdecimal() and len(value) < 7 else 0
