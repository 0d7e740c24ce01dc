"""Twilio's end of a media stream, as an object without I/O: the mirror image of `bridge.carrier.twilio`.

It writes the messages that Twilio sends (numbers as strings, each message counted) and reads those that it takes:
media, mark and clear. What Twilio would not understand is kept as a problem with Twilio's error code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from bridge.caller.buffer import PlayoutBuffer
from bridge.caller.recording import Packet
from bridge.caller.webhook import CallIds
from bridge.facts.formats import PACKET_MS

MAX_PROBLEMS: Final = 50
"""More problems of one stream are counted and not kept."""


class _Media(msgspec.Struct):
    payload: bytes


class _Mark(msgspec.Struct):
    name: str


class _Message(msgspec.Struct):
    event: str
    streamSid: str = ""  # noqa: N815 (Twilio's name)
    media: _Media | None = None
    mark: _Mark | None = None


# Decoding a field of type bytes takes the base64 apart in the same pass.
_decoder = msgspec.json.Decoder(_Message)


class MediaStream:
    """One stream as Twilio sees it. Owner: the call that holds its socket."""

    def __init__(self, ids: CallIds, account_sid: str, parameters: Mapping[str, str]) -> None:
        """A stream that has not said anything yet."""
        self.buffer = PlayoutBuffer()
        self.problems: list[str] = []
        self.problem_count = 0
        self.received = 0
        self.marks = 0
        self.started = False
        self._ids = ids
        self._account_sid = account_sid
        self.parameters = dict(parameters)
        self._sequence = 0
        self._chunk = 0

    def connected(self) -> str:
        """The first message; it carries no sequence number."""
        return '{"event":"connected","protocol":"Call","version":"1.0.0"}'

    def start(self) -> str:
        """The second message: what the stream is, and the parameters that the TwiML attached to it."""
        self.started = True
        media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        return self._message(
            "start",
            start={
                "streamSid": self._ids.stream_sid,
                "accountSid": self._account_sid,
                "callSid": self._ids.call_sid,
                "tracks": ["inbound"],
                "mediaFormat": media_format,
                "customParameters": self.parameters,
            },
        )

    def media(self, packet: Packet, number: int) -> str:
        """Caller packet `number` of the call, from 1; packets that were lost leave a gap in the timestamps only."""
        self._sequence += 1
        self._chunk += 1
        # Nothing here needs escaping, and this line runs 50 times a second and call.
        return (
            f'{{"event":"media","sequenceNumber":"{self._sequence}","streamSid":"{self._ids.stream_sid}",'
            f'"media":{{"track":"inbound","chunk":"{self._chunk}","timestamp":"{number * PACKET_MS}",'
            f'"payload":"{packet.payload}"}}}}'
        )

    def dtmf(self, digit: str) -> str:
        """The caller pressed a key."""
        return self._message("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """A mark comes back: everything before it was played, or cleared."""
        self.marks += 1
        return self._message("mark", mark={"name": name})

    def stop(self) -> str:
        """The caller hung up."""
        return self._message("stop", stop={"accountSid": self._account_sid, "callSid": self._ids.call_sid})

    def receive(self, message: str | bytes) -> tuple[int, list[str]]:
        """Take a message of the bridge: the number of audio bytes in it, and the marks to send back at once."""
        if isinstance(message, bytes):
            return self._problem("31950: a binary frame; Twilio takes text frames only")
        if not self.started:
            return self._problem("31950: a message came before start")
        try:
            content = _decoder.decode(message)
        except msgspec.DecodeError as error:
            return self._problem(f"31951: a message that is no JSON of Twilio's form ({error})")
        if content.streamSid != self._ids.stream_sid:
            return self._problem(f"31951: a {content.event} message for another stream")
        return self._take(content)

    def _take(self, content: _Message) -> tuple[int, list[str]]:
        match content:
            case _Message(event="media", media=_Media(payload)):
                self.buffer.put(payload)
                self.received += len(payload)
                return len(payload), []
            case _Message(event="mark", mark=_Mark(name)):
                return 0, self.buffer.mark(name)
            case _Message(event="clear"):
                return 0, self.buffer.clear()
            case _Message(event="media" | "mark"):
                return self._problem(f"31951: a {content.event} message without its content")
        return self._problem("31950: an event that Twilio does not take; it takes media, mark and clear")

    def _problem(self, what: str) -> tuple[int, list[str]]:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(what)
        return 0, []

    def _message(self, event: str, **content: object) -> str:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self._ids.stream_sid}
        return msgspec.json.encode(head | content).decode()
