"""A client of the bridge's HTTP API for Python programs.

    from bridge.client import Bridge

    with Bridge("http://127.0.0.1:8080", key) as bridge:
        print(bridge.health()["status"])
        for call in bridge.calls.all(persona="dental"):
            print(call["call_id"], call["seconds"])

What is asked and answered once is a plain function; what goes on (a conversation, a call as the browser makes it,
listening in) is a socket for asyncio. Everything that fails raises a `ClientError` with words for a person.
"""

from bridge.client.bridge import Bridge
from bridge.client.errors import (
    ClientError,
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    NotReachedError,
    ServerError,
    TooManyError,
)
from bridge.client.personas import PersonaFile
from bridge.client.sockets import Phone, Socket
from bridge.client.speech import Speech
from bridge.client.sse import Event

__all__ = [
    "Bridge",
    "ClientError",
    "ConflictError",
    "Event",
    "InvalidError",
    "NotAllowedError",
    "NotFoundError",
    "NotReachedError",
    "PersonaFile",
    "Phone",
    "ServerError",
    "Socket",
    "Speech",
    "TooManyError",
]
