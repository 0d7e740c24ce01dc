"""Asterisk's `chan_websocket` as an object without I/O: messages in, events out; commands in, messages out.

Caller audio comes as binary messages of raw mu-law, everything else as JSON texts. Asterisk speaks first, and a command
that reaches it before its MEDIA_START is lost:

    state      | MEDIA_START | audio, DTMF_END, MEDIA_MARK_PROCESSED | anything else
    -----------+-------------+---------------------------------------+--------------
    new        | → open      | error                                 | passed over
    open       | error       | event                                 | passed over

"Error" ends the stream with a `CarrierError`; a text that cannot be read becomes a `Malformed` event, and more than
`MAX_MALFORMED` of them end the stream. There is no message for the end: the socket closes.

Asterisk owns the clock of what the caller hears: whatever it is sent leaves as one packet each 20 ms. What it is sent
must be whole packets, and a mark that FLUSH_MEDIA overtakes never comes back.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Clear, Command, Digit, Event, Malformed, Played, SendAudio, SendMark, Started
from bridge.facts.formats import PHONE_BYTES_PER_MS, ULAW_SILENCE

PACKET: Final = 20 * PHONE_BYTES_PER_MS
"""Bytes of a packet, 20 ms of mu-law: Asterisk drops what is left of a message after its last whole packet."""

MAX_MESSAGE: Final = 64 * 1024
"""Longest message taken, in bytes; Asterisk's own binary messages have 160."""

MAX_SENT: Final = 400 * PACKET
"""Longest binary message sent, in bytes: Asterisk hangs up on one of more than 65,500."""

MAX_COMMAND: Final = 128
"""Longest command in bytes: Asterisk passes over longer ones without a word."""

MAX_MALFORMED: Final = 20
"""So many texts that cannot be read are put down to the line; more are a fault of the sender."""

MAX_VARIABLE: Final = 200
"""Longest value taken of a channel variable: SIP headers are written by strangers."""

_DIGITS: Final = frozenset("0123456789*#ABCD")


class _Message(msgspec.Struct):
    event: str
    connection_id: str = ""
    channel_id: str = ""
    format: str = ""
    optimal_frame_size: int = 0
    channel_variables: dict[str, str] = {}
    digit: str = ""
    correlation_id: str = ""


_decoder = msgspec.json.Decoder(_Message)


class AsteriskChannel:
    """The protocol of one channel. Owner: the leg that holds its socket."""

    def __init__(self) -> None:
        """A channel that has not said anything yet."""
        self.state: Literal["new", "open"] = "new"
        self.malformed = 0
        self.unknown = 0
        self.lost_packets = 0
        self.overfull = 0
        self._samples = 0

    # -- Asterisk → us

    def receive(self, text: str) -> list[Event]:
        """Take a text message. Raises `CarrierError` where the channel cannot go on."""
        try:
            message = _decoder.decode(text)
        except msgspec.DecodeError:
            return self._bad("not a JSON event of chan_websocket; is f(json) missing in the dial string?")
        match message.event:
            case "MEDIA_START":
                return self._start(message)
            case "MEDIA_MARK_PROCESSED":
                return self._mark(message.correlation_id)
            case "DTMF_END":
                return self._digit(message.digit)
            case "MEDIA_XOFF":
                self.overfull += 1
            case _:
                self.unknown += 1
        return []

    def receive_audio(self, ulaw: bytes) -> list[Audio]:
        """Take a binary message: 8 kHz mu-law. An empty one stands for a packet that the network lost."""
        self._check_open("audio")
        at = self._samples
        if not ulaw:
            self.lost_packets += 1
            self._samples += PACKET
            return []
        self._samples += len(ulaw)
        return [Audio(at // PHONE_BYTES_PER_MS, ulaw)]

    def _start(self, message: _Message) -> list[Event]:
        if self.state == "open":
            raise CarrierError("MEDIA_START came twice")
        if (message.format, message.optimal_frame_size) != ("ulaw", PACKET):
            raise CarrierError("the channel is not mu-law in packets of 20 ms; dial it with c(ulaw)", close_code=1003)
        if not message.channel_id:
            raise CarrierError("MEDIA_START names no channel", close_code=1007)
        self.state = "open"
        variables = {name: value[:MAX_VARIABLE] for name, value in message.channel_variables.items()}
        return [Started(message.channel_id, message.channel_id, variables)]

    def _mark(self, name: str) -> list[Event]:
        self._check_open("a mark")
        generation, colon, number = name.partition(":m")
        ours = colon and generation[:1] == "g" and generation[1:].isdecimal() and number.isdecimal()
        if not ours or len(name) > 40:
            return self._bad("a mark with a name that is not ours")
        return [Played(int(generation[1:]), int(number))]

    def _digit(self, digit: str) -> list[Event]:
        self._check_open("a digit")
        return [Digit(digit)] if digit in _DIGITS else self._bad("DTMF_END without a key")

    def _check_open(self, what: str) -> None:
        if self.state != "open":
            raise CarrierError(f"{what} came before MEDIA_START")

    def _bad(self, why: str) -> list[Event]:
        self.malformed += 1
        if self.malformed > MAX_MALFORMED:
            raise CarrierError(f"more than {MAX_MALFORMED} unreadable messages; the last: {why}", close_code=1007)
        return [Malformed(why)]

    # -- us → Asterisk

    def send(self, command: Command) -> list[str | bytes]:
        """One command as the messages to send: texts for control, bytes for audio in whole packets."""
        match command:
            case SendAudio(ulaw):
                self._check_sendable()
                padded = ulaw + bytes([ULAW_SILENCE]) * (-len(ulaw) % PACKET)
                return [padded[start : start + MAX_SENT] for start in range(0, len(padded), MAX_SENT)]
            case SendMark(generation, number):
                return [self._command("MARK_MEDIA", correlation_id=f"g{generation}:m{number}")]
            case Clear():
                return [self._command("FLUSH_MEDIA")]

    def answer(self) -> str:
        """Take the call: only now does the caller's telephone stop ringing."""
        return self._command("ANSWER")

    def hang_up(self) -> str:
        """End the call; before `answer` it is thereby refused."""
        return self._command("HANGUP")

    def _command(self, name: str, **values: str) -> str:
        self._check_sendable()
        text = msgspec.json.encode({"command": name, **values}).decode()
        if len(text) > MAX_COMMAND:
            raise CarrierError(f"{name} would be longer than the {MAX_COMMAND} bytes that Asterisk reads")
        return text

    def _check_sendable(self) -> None:
        if self.state != "open":
            raise CarrierError("nothing can be sent before MEDIA_START")
