"""Twilio Media Streams as an object without I/O: texts in, events out; commands in, texts out.

A stream is in one of three states. Twilio speaks first, and nothing may be sent before `start`:

    state      | connected | start      | media, dtmf, mark | stop    | anything else
    -----------+-----------+------------+-------------------+---------+--------------
    new        | ok        | → open     | error             | → ended | passed over
    open       | error     | error      | event             | → ended | passed over
    ended      | passed over                                          | passed over

"Error" ends the stream with a `CarrierError`. A message that belongs there but cannot be read becomes a `Malformed`
event: one bad packet is lost audio and not a lost call. More than `MAX_MALFORMED` of them end the stream.
"""

from __future__ import annotations

import binascii
from typing import Final, Literal

import msgspec
import pybase64

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

MAX_MESSAGE: Final = 64 * 1024
"""Longest message taken, in bytes: six seconds of audio in one message; Twilio's own are under 500 bytes."""

MAX_MALFORMED: Final = 20
"""So many messages that cannot be read are put down to the line; more are a fault of the sender."""

MAX_TIMESTAMP_MS: Final = 7 * 24 * 3600 * 1000
"""A week. A timestamp beyond it is an error of the sender, and no arithmetic should have to cope with it."""

_DIGITS: Final = frozenset("0123456789*#ABCD")


class _MediaFormat(msgspec.Struct):
    encoding: str = "audio/x-mulaw"
    sampleRate: int | str = 8000  # noqa: N815 (Twilio's name)
    channels: int | str = 1


class _Start(msgspec.Struct):
    callSid: str  # noqa: N815
    mediaFormat: _MediaFormat = msgspec.field(default_factory=_MediaFormat)  # noqa: N815
    customParameters: dict[str, str] = {}  # noqa: N815


class _Media(msgspec.Struct):
    payload: str
    timestamp: int
    track: str = "inbound"


class _Dtmf(msgspec.Struct):
    digit: str


class _Mark(msgspec.Struct):
    name: str


class _Message(msgspec.Struct):
    event: str
    streamSid: str = ""  # noqa: N815
    start: _Start | None = None
    media: _Media | None = None
    dtmf: _Dtmf | None = None
    mark: _Mark | None = None


# Numbers arrive as strings; lax decoding takes both, should that ever change.
_decoder = msgspec.json.Decoder(_Message, strict=False)


class TwilioStream:
    """The protocol of one stream. Owner: the leg that holds its socket."""

    def __init__(self) -> None:
        """A stream that has not said anything yet."""
        self.state: Literal["new", "open", "ended"] = "new"
        self.malformed = 0
        self.unknown = 0
        self._media_head = ""
        self._stream_sid = ""

    # -- Twilio → us

    def receive(self, text: str | bytes) -> list[Event]:
        """Take one text message. Raises `CarrierError` where the stream cannot go on."""
        try:
            message = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._bad(f"not a message of Twilio Media Streams: {_shape(error)}")
        match message.event:
            case "media":
                return self._media(message.media)
            case "mark":
                return self._mark(message.mark)
            case "dtmf":
                return self._dtmf(message.dtmf)
            case "start":
                return self._start(message)
            case "stop":
                return self._stop()
            case "connected":
                if self.state == "open":
                    raise CarrierError("connected came after start")
                return []
            case _:
                self.unknown += 1
                return []

    def _start(self, message: _Message) -> list[Event]:
        if self.state != "new":
            raise CarrierError("start came twice")
        start = message.start
        if start is None or not message.streamSid:
            raise CarrierError("start carries no stream", close_code=1007)
        media = start.mediaFormat
        if (media.encoding, str(media.sampleRate), str(media.channels)) != ("audio/x-mulaw", "8000", "1"):
            raise CarrierError("the stream is not 8 kHz mono mu-law", close_code=1003)
        self.state = "open"
        self._stream_sid = message.streamSid
        # Only the payload of a media message changes, and base64 needs no escaping: build the rest once.
        sid = msgspec.json.encode(message.streamSid).decode()
        self._media_head = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"'
        return [Started(message.streamSid, start.callSid, dict(start.customParameters))]

    def _media(self, media: _Media | None) -> list[Event]:
        if not self._is_open("media"):
            return []
        if media is None:
            return self._bad("media without content")
        if media.track not in ("inbound", "inbound_track"):
            self.unknown += 1
            return []
        if not 0 <= media.timestamp <= MAX_TIMESTAMP_MS:
            return self._bad("media with an impossible timestamp")
        try:
            ulaw = pybase64.b64decode(media.payload, validate=True)
        except (binascii.Error, ValueError):
            return self._bad("media whose payload is not base64")
        return [Audio(media.timestamp, ulaw)]

    def _mark(self, mark: _Mark | None) -> list[Event]:
        if not self._is_open("mark"):
            return []
        if mark is None:
            return self._bad("mark without a name")
        generation, colon, number = mark.name.partition(":m")
        if not (colon and generation[:1] == "g" and generation[1:].isdecimal() and number.isdecimal()):
            return self._bad("mark with a name that is not ours")
        if len(mark.name) > 40:
            return self._bad("mark with a name that is too long")
        return [Played(int(generation[1:]), int(number))]

    def _dtmf(self, dtmf: _Dtmf | None) -> list[Event]:
        if not self._is_open("dtmf"):
            return []
        if dtmf is None or dtmf.digit not in _DIGITS:
            return self._bad("dtmf without a key")
        return [Digit(dtmf.digit)]

    def _stop(self) -> list[Event]:
        if self.state == "ended":
            return []
        self.state = "ended"
        return [Ended("the carrier ended the stream")]

    def _is_open(self, event: str) -> bool:
        if self.state == "new":
            raise CarrierError(f"{event} came before start")
        return self.state == "open"

    def _bad(self, why: str) -> list[Event]:
        self.malformed += 1
        if self.malformed > MAX_MALFORMED:
            raise CarrierError(f"more than {MAX_MALFORMED} unreadable messages; the last: {why}", close_code=1007)
        return [Malformed(why)]

    # -- us → Twilio

    def send(self, command: Command) -> str:
        """One command as the text message to send. Nothing may be sent unless the stream is open."""
        if self.state != "open":
            raise CarrierError(f"nothing can be sent on a stream that is {self.state}")
        match command:
            case SendAudio(ulaw):
                return self._media_head + pybase64.b64encode_as_string(ulaw) + '"}}'
            case SendMark(generation, number):
                name = f"g{generation}:m{number}"
                return msgspec.json.encode(
                    {"event": "mark", "streamSid": self._stream_sid, "mark": {"name": name}}
                ).decode()
            case Clear():
                return msgspec.json.encode({"event": "clear", "streamSid": self._stream_sid}).decode()


def _shape(error: Exception) -> str:
    """What was wrong with a message, without quoting its content."""
    if isinstance(error, msgspec.ValidationError):
        return str(error).split(" - at ")[-1].strip("`") + " has the wrong type or is missing"
    return "broken JSON or not UTF-8"
