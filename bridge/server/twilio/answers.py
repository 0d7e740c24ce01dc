"""TwiML: what the caller hears, and where the call goes on. Functions of values, without a request or a clock."""

from __future__ import annotations

from typing import Final

from twilio.twiml.voice_response import Connect, VoiceResponse

from bridge.call.parting import Outcome
from bridge.persona.schema import Persona
from bridge.server.tokens import Ticket

APOLOGY: Final = "I'm sorry, we have a technical problem. Please call again in a moment."
BUSY: Final = "I'm sorry, all our lines are busy. Please call again in a moment."
CLOSING: Final = "I'm sorry, we cannot take your call right now. Please call again in a moment."
NOT_IN_SERVICE: Final = "This number is not in service."


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


def what_now(outcome: Outcome, ticket: Ticket) -> VoiceResponse:
    """How a call goes on whose stream is over."""
    response = VoiceResponse()
    person = ticket.persona.transfer
    match outcome.how:
        case "transfer" | "engine_failed" if person:  # the caller has been told already
            response.dial(person)
        case "carrier_lost" | "protocol_error" | "internal_error" | "shutdown":
            _apologise(response, APOLOGY, ticket.persona)
        case _:
            response.hangup()
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


def _apologise(response: VoiceResponse, line: str, persona: Persona) -> None:
    response.say(line)
    if persona.transfer:
        response.dial(persona.transfer)
    else:
        response.hangup()
