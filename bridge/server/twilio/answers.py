"""TwiML: what the caller hears, and where the call goes on. Functions of values, without a request or a clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from twilio.twiml.voice_response import Connect, Dial, Gather, VoiceResponse

from bridge.call.parting import Outcome
from bridge.persona.schema import E164, Persona
from bridge.server.tokens import Ticket

APOLOGY: Final = "I'm sorry, we have a technical problem. Please call again in a moment."
BUSY: Final = "I'm sorry, all our lines are busy. Please call again in a moment."
CLOSING: Final = "I'm sorry, we cannot take your call right now. Please call again in a moment."
NOBODY_THERE: Final = "I'm sorry, nobody can take your call right now. Please call again later."
NOT_IN_SERVICE: Final = "This number is not in service."

MESSAGE_LEFT: Final = "an answering machine took the call; the message was left"
"""Why the stream of a call ended whose message is spoken next."""

TAKE_IT: Final = "Press any key to take the call."

ACCEPT_SECONDS: Final = 8
"""Time that a person has for that key, once they have heard who is calling."""


def connect(ticket: Ticket, stream_url: str, public_url: str) -> VoiceResponse:
    """Open the call's stream; what follows it is reached where the stream could not be opened."""
    response = VoiceResponse()
    connect = Connect(action=f"{public_url}/twilio/after")
    stream = connect.stream(url=stream_url, name=ticket.call_id, status_callback=f"{public_url}/twilio/stream-status")
    stream.parameter(name="call_id", value=ticket.call_id)
    stream.parameter(name="persona", value=ticket.persona.name)
    response.append(connect)
    _apologise(response, APOLOGY, ticket.persona)
    return response


def what_now(outcome: Outcome, ticket: Ticket, public_url: str) -> VoiceResponse:
    """How a call goes on whose stream is over."""
    response = VoiceResponse()
    person = outcome.person or ticket.persona.transfer
    match outcome.how:
        case "transfer" | "engine_failed" if person:  # the caller has been told already
            _put_through(response, person, ticket, public_url)
        case "machine":
            if (out := ticket.persona.outbound) and out.voicemail and outcome.reason == MESSAGE_LEFT:
                response.say(out.voicemail)
            response.hangup()
        case "carrier_lost" | "protocol_error" | "internal_error" | "shutdown":
            response.say(APOLOGY)
            if person:
                _put_through(response, person, ticket, public_url)
            else:
                response.hangup()
        case _:
            response.hangup()
    return response


def whisper(line: str, accept_url: str = "") -> VoiceResponse:
    """What a person hears before the caller does. With `accept_url` they must press a key to take the call."""
    response = VoiceResponse()
    if not accept_url:
        response.say(line)
        return response
    gather = Gather(action=accept_url, num_digits=1, timeout=ACCEPT_SECONDS, finish_on_key="")
    gather.say(f"{line} {TAKE_IT}")
    response.append(gather)
    response.hangup()
    return response


def hang_up() -> VoiceResponse:
    """No more."""
    response = VoiceResponse()
    response.hangup()
    return response


def hold(lines: Iterable[str], music_url: str, again_url: str) -> VoiceResponse:
    """Lines, a round of music, and the question at `again_url` whether there is a slot by now."""
    response = VoiceResponse()
    for line in lines:
        response.say(line)
    response.play(music_url)
    response.redirect(again_url, method="POST")
    return response


def elsewhere(to: str, sent: str) -> VoiceResponse:
    """Hand the call over: to a number, or to another bridge's webhook, which is told by `sent` that it was."""
    response = VoiceResponse()
    if to.startswith("+"):
        response.dial(to)
    else:
        response.redirect(f"{to}{'&' if '?' in to else '?'}{sent}=1", method="POST")
    return response


def say_then_person(line: str, persona: Persona) -> VoiceResponse:
    """A line, then the persona's person if it has one."""
    response = VoiceResponse()
    _apologise(response, line, persona)
    return response


def say_and_hang_up(line: str) -> VoiceResponse:
    """A line, and no more."""
    response = VoiceResponse()
    response.say(line)
    response.hangup()
    return response


def _put_through(response: VoiceResponse, person: str, ticket: Ticket, public_url: str) -> None:
    """Dial a person, who is told first who is calling. They see the caller's number, or else ours."""
    shown = next((number for number in (ticket.from_number, ticket.to_number) if E164.fullmatch(number)), None)
    dial = Dial(
        action=f"{public_url}/twilio/person/{ticket.call_id}", caller_id=shown, timeout=ticket.persona.transfer_rings
    )
    dial.number(
        person,
        url=f"{public_url}/twilio/whisper/{ticket.call_id}",
        status_callback=f"{public_url}/twilio/person-status/{ticket.call_id}",
        status_callback_event="ringing answered completed",
    )
    response.append(dial)


def _apologise(response: VoiceResponse, line: str, persona: Persona) -> None:
    response.say(line)
    if persona.transfer:
        response.dial(persona.transfer)
    else:
        response.hangup()
