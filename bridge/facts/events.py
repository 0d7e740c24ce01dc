"""What a carrier leg tells a call, and what a call tells a carrier leg.

Every leg (a Twilio stream, a SIP dialog, the browser phone) turns its own messages into these events and takes
these commands, so that nothing above a leg knows which kind it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Started:
    """Media begins. `parameters` is what our own answer to the carrier attached to the stream."""

    stream_id: str
    call_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audio:
    """Caller audio: `ulaw` holds 8 kHz mu-law bytes whose first sample belongs at `at_ms` of the stream.

    A wide leg gives the same stretch as `wide` too: 24 kHz, 16 bit little-endian, mono, three samples for each of
    `ulaw`.
    """

    at_ms: int
    ulaw: bytes
    wide: bytes = b""


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key: one of 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything sent before mark `number` of generation `generation` has left the carrier's buffer.

    A mark of a generation that was cleared since is no proof of playback: it was returned, not heard.
    """

    generation: int
    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The carrier ended the stream; `reason` is in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that could not be understood and was passed over. `why` never quotes its content."""

    why: str


Event = Started | Audio | Digit | Played | Ended | Malformed


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Play these 8 kHz mu-law bytes after all that was sent before.

    A wide leg is given the same stretch as `wide` too, as in `Audio`, and plays that. `text` is what the agent begins
    to say in it, with its own leading space, for legs that show it.
    """

    ulaw: bytes
    wide: bytes = b""
    text: str = ""


@dataclass(frozen=True, slots=True)
class SendMark:
    """Report `Played(generation, number)` once everything before has been played."""

    generation: int
    number: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget everything that was sent and not yet played."""


Command = SendAudio | SendMark | Clear
