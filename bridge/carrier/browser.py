"""The phone in the browser, and any program that talks like it, as an object without I/O.

Audio comes and goes as binary messages, everything else as JSON texts. The client speaks first:

    state      | start  | audio, mark, digit | hangup  | ping    | anything else
    -----------+--------+--------------------+---------+---------+--------------
    new        | → open | error              | error   | error   | error
    open       | error  | event              | → ended | answer  | `Malformed`
    ended      | passed over, all of it

"Error" ends the call with a `CarrierError`; so do more than `MAX_MALFORMED` messages that cannot be read, and messages
that come faster than `bridge.carrier.rate` allows.

Two formats: `pcm24` is 24 kHz, 16 bit little-endian, mono; the account at 8 kHz is made from it here. `ulaw8` is 8 kHz
mu-law, as over the phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np

from bridge.audio import mulaw
from bridge.audio.dating import Dating
from bridge.audio.resample import model_to_phone
from bridge.carrier.rate import MessageRate
from bridge.facts.errors import CarrierError
from bridge.facts.events import (
    Audio,
    Clear,
    Command,
    Digit,
    Ended,
    Event,
    Malformed,
    Played,
    SendAudio,
    SendMark,
    Started,
)
from bridge.facts.formats import PHONE_BYTES_PER_MS, PHONE_FRAME, WIDE_BYTES
from bridge.transcript.records import Ended as EndedRecord
from bridge.transcript.records import Record, encode

MAX_AUDIO_MS: Final = 100
"""Longest audio in one message, in either direction."""

MAX_TEXT: Final = 16 * 1024
"""Longest text in bytes: a start with a prompt of 4,000 characters."""

MAX_MALFORMED: Final = 20
"""So many messages that cannot be read are put down to the line; more are a fault of the sender."""

_DIGITS: Final = frozenset("0123456789*#ABCD")

Format = Literal["pcm24", "ulaw8"]


class _Message(msgspec.Struct):
    type: str
    persona: str | None = None
    voice: str | None = None
    text_prompt: str | None = None
    seed: int | None = None
    format: Format = "pcm24"
    record: bool | None = None
    name: str = ""
    digit: str = ""
    t: float | int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """What the client asks for: whom to talk with, and whether to record; None leaves that to the setting."""

    persona: str | None
    voice: str | None
    text_prompt: str | None
    seed: int | None
    record: bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A text to send back at once."""

    text: str


_decoder = msgspec.json.Decoder(_Message)
_encoder = msgspec.json.Encoder()


class BrowserPhone:
    """The protocol of one call. Owner: the leg that holds its socket."""

    def __init__(self) -> None:
        """A client that has not said anything yet."""
        self.state: Literal["new", "open", "ended"] = "new"
        self.format: Format = "pcm24"
        self.wanted: Start | None = None
        self.malformed = 0
        self._dating = Dating()
        self._down = model_to_phone()
        self._rest = b""  # less than three samples at 24 kHz, which make none at 8 kHz yet
        self._rate = MessageRate()

    @property
    def wide(self) -> bool:
        """Whether audio comes and goes at 24 kHz."""
        return self.format == "pcm24"

    # -- the client → us

    def receive(self, text: str, now_ms: float) -> list[Event | Answer]:
        """Take a text that came at `now_ms`. Raises `CarrierError` where the call cannot go on."""
        self._rate.count(now_ms)
        if self.state == "ended":
            return []
        try:
            message = _decoder.decode(text[: MAX_TEXT + 1])
        except (msgspec.DecodeError, UnicodeEncodeError):
            return self._bad("not a JSON object with a type, or a value of the wrong kind")
        match message.type:
            case "start":
                return self._start(message)
            case "mark":
                return self._mark(message.name)
            case "digit":
                self._check_open("a digit")
                return [Digit(message.digit)] if message.digit in _DIGITS else self._bad("digit without a key")
            case "ping":
                self._check_open("a ping")
                return [Answer(_text("pong", t=message.t))]
            case "hangup":
                self._check_open("a hangup")
                self.state = "ended"
                return [Ended("the caller hung up")]
            case _:
                return self._bad("a type that there is not")

    def receive_audio(self, data: bytes, now_ms: float) -> list[Event | Answer]:
        """Take audio that came at `now_ms`. Raises `CarrierError` where the call cannot go on."""
        self._rate.count(now_ms)
        if self.state == "ended":
            return []
        self._check_open("audio")
        if len(data) > MAX_AUDIO_MS * PHONE_BYTES_PER_MS * (WIDE_BYTES if self.wide else 1):
            return self._bad(f"audio of more than {MAX_AUDIO_MS} ms in one message")
        if not self.wide:
            return [Audio(self._dating.date(len(data), now_ms), data)] if data else []
        if len(data) % 2:
            return self._bad("audio with half a sample; it is 16 bit")
        data = self._rest + data
        whole = len(data) // WIDE_BYTES
        wide, self._rest = data[: whole * WIDE_BYTES], data[whole * WIDE_BYTES :]
        if not whole:
            return []
        samples = np.frombuffer(wide, "<i2").astype(np.float32) / np.float32(32768)
        ulaw = mulaw.encode_float(self._down.process(samples))
        return [Audio(self._dating.date(whole, now_ms), ulaw, wide)]

    def _start(self, message: _Message) -> list[Event | Answer]:
        if self.state != "new":
            raise CarrierError("start came twice")
        self.state, self.format = "open", message.format
        self.wanted = Start(message.persona, message.voice, message.text_prompt, message.seed, message.record)
        return [Started("", "")]

    def _mark(self, name: str) -> list[Event | Answer]:
        self._check_open("a mark")
        generation, colon, number = name.partition(":m")
        ours = colon and len(name) <= 40 and name[:1] == "g" and generation[1:].isdecimal() and number.isdecimal()
        return [Played(int(generation[1:]), int(number))] if ours else self._bad("mark with a name that is not ours")

    def _check_open(self, what: str) -> None:
        if self.state == "new":
            raise CarrierError(f"{what} came before start")

    def _bad(self, why: str) -> list[Event | Answer]:
        if self.state == "new":
            raise CarrierError(f"the first message must be a start: {why}", close_code=1007)
        self.malformed += 1
        if self.malformed > MAX_MALFORMED:
            raise CarrierError(f"more than {MAX_MALFORMED} unreadable messages; the last: {why}", close_code=1007)
        return [Malformed(why)]

    # -- us → the client

    def send(self, command: Command) -> list[str | bytes]:
        """One command as the messages to send."""
        match command:
            case SendAudio(ulaw, wide, text):
                told: list[str | bytes] = [_text("text", text=text)] if text else []
                return told + _cut(wide, PHONE_FRAME * WIDE_BYTES) if self.wide else told + _cut(ulaw, PHONE_FRAME)
            case SendMark(generation, number):
                return [_text("mark", name=f"g{generation}:m{number}")]
            case Clear():
                return [_text("clear")]

    def started(self, **about: str) -> str:
        """The text that says that the call has begun."""
        return _text("started", **about)

    def record(self, record: Record) -> str:
        """The text that shows a record of the call."""
        return f'{{"type":"record","record":{encode(record).decode().rstrip()}}}'

    def ended(self, record: EndedRecord) -> str:
        """The last text: how the call ended."""
        return _text("ended", how=record.how, reason=record.reason)


def _text(kind: str, **values: object) -> str:
    content: Mapping[str, object] = {"type": kind, **values}
    return _encoder.encode(content).decode()


def _cut(data: bytes, most: int) -> list[str | bytes]:
    return [data[start : start + most] for start in range(0, len(data), most)]
