"""The protocol of `WS /ws/conversation`, raw sound at 24 kHz both ways, as an object without I/O.

The first message says who is to answer; from then on the client's binary messages are its sound and ours the agent's:
16 bit little-endian, mono. What else we say is JSON in text messages:

    type         when                                                    content
    ------------ ------------------------------------------------------- --------------------------------------------
    config_ack   once, when the prompt has been taken in                 config, as it was understood, and call_id
    processing   the caller has finished saying something                –
    transcript   somebody's words are known: the agent's once heard      data: speaker, text, start_ms, end_ms
    done         the agent has answered                                  –
    error        before the connection is closed with a code             message

The public wrapper answers only after a silence; its clients read `user` or `assistant` in `data`, so these are there
too. To them it makes no difference that the agent may speak whenever it likes, and that silence is sent as well.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
import numpy as np

from bridge.audio.wide import WideStream
from bridge.carrier.playback import Playback
from bridge.carrier.rate import MessageRate
from bridge.carrier.wish import UNUSABLE, Wish, seed_of
from bridge.facts.errors import CarrierError
from bridge.facts.events import Clear, Command, Event, Malformed, SendAudio, SendMark
from bridge.facts.formats import MODEL_RATE, PHONE_BYTES_PER_MS
from bridge.transcript.records import AgentSaid, CallerSaid, Record

MAX_AUDIO: Final = MODEL_RATE * 2
"""Bytes of one binary message: a second of sound. Public clients send a tenth of that."""

MAX_CONFIG: Final = 32 * 1024
"""Bytes of the first message; a prompt of 4,000 characters has at most 16,000."""

MAX_MALFORMED: Final = 20
"""So many messages that cannot be understood are passed over; more are a fault of the sender."""

ANSWERED_MS: Final = 800
"""An agent who has said nothing more for so long has answered: longer than the pause between two sentences."""


class _Config(msgspec.Struct):
    voice: str | None = None
    text_prompt: str | None = None
    persona: str | None = None
    seed: int | None = None


_decoder = msgspec.json.Decoder(_Config)

_EXAMPLE: Final = '{"voice": "NATF2", "text_prompt": "…"}'


def conversation_wish(message: str | bytes) -> Wish:
    """What the first message asks for. Raises `CarrierError` with close code 4422 for what cannot be understood."""
    if isinstance(message, bytes):
        raise CarrierError(f"sound came before the first message, which is JSON such as {_EXAMPLE}", UNUSABLE)
    if len(message) > MAX_CONFIG:
        raise CarrierError(f"the first message has more than {MAX_CONFIG} characters", UNUSABLE)
    try:
        config = _decoder.decode(message)
    except msgspec.ValidationError as error:
        raise CarrierError(f"the first message cannot be understood: {_shape(error)}", UNUSABLE) from None
    except (msgspec.DecodeError, UnicodeError):
        raise CarrierError(f"the first message is not JSON such as {_EXAMPLE}", UNUSABLE) from None
    return Wish(config.voice, config.text_prompt, config.persona, seed_of(config.seed))


def _shape(error: msgspec.ValidationError) -> str:
    """What was wrong, without quoting what was sent."""
    where = str(error).split(" - at ")
    return f"{where[-1].strip('`$.')} has the wrong type" if len(where) > 1 else "it is not an object with names"


class Conversation:
    """The protocol of one stream. Owner: the leg that holds its socket. `now_ms` is of a clock that never goes back."""

    def __init__(self) -> None:
        """The first message has been read, and the prompt is being taken in."""
        self.state: Literal["new", "open"] = "new"
        self.malformed = 0
        self.playback = Playback()
        self._rate = MessageRate()
        self.stream = WideStream()
        self._said: list[AgentSaid] = []  # of the agent's latest turn, not told yet
        self._said_ms = 0.0

    # -- client → us

    def receive(self, message: bytes | str, now_ms: float) -> list[Event]:
        """Take one message. Raises `CarrierError` where the stream cannot go on."""
        self._rate.count(now_ms)
        if isinstance(message, str):
            return self._bad("a text message; behind the first one there is only sound")
        if len(message) > MAX_AUDIO:
            raise CarrierError(f"a message has more than {MAX_AUDIO} bytes, a second of sound", close_code=1009)
        if len(message) % 2:
            raise CarrierError("a message has an odd number of bytes; samples have 16 bits", close_code=1007)
        samples = np.frombuffer(message, "<i2").astype(np.float32) / np.float32(32768)
        return [*self.stream.take(samples, now_ms)] if len(samples) else []

    def _bad(self, why: str) -> list[Event]:
        self.malformed += 1
        if self.malformed > MAX_MALFORMED:
            raise CarrierError(f"more than {MAX_MALFORMED} unreadable messages; the last: {why}", close_code=1007)
        return [Malformed(why)]

    # -- us → client

    def open(self, now_ms: float, config: dict[str, Any]) -> tuple[str, list[Event]]:
        """The prompt has been taken in: the message that says so, and what the client has said meanwhile."""
        self.state = "open"
        return _json(type="config_ack", config=config), [*self.stream.begin(now_ms)]

    def send(self, command: Command, now_ms: float) -> list[bytes]:
        """One command as messages. Nothing may be sent before `open`."""
        if self.state != "open":
            raise CarrierError("nothing can be sent before the first message was answered")
        match command:
            case SendAudio(ulaw, wide):
                self.playback.sent(len(ulaw) / PHONE_BYTES_PER_MS, now_ms)
                return [wide]
            case SendMark(generation, number):
                self.playback.mark(generation, number, now_ms)
            case Clear():
                self.playback.clear(now_ms)
        return []

    def tell(self, record: Record, now_ms: float) -> list[str]:
        """What a record of the call is to the client."""
        match record:
            case AgentSaid():
                told = self.answered() if self._said and self._said[0].turn != record.turn else []
                self._said.append(record)
                self._said_ms = now_ms
                return told
            case CallerSaid(text, start_ms, end_ms):
                return [*self.answered(), _json(type="processing"), _transcript("caller", text, start_ms, end_ms)]
        return []

    @property
    def answered_ms(self) -> float | None:
        """When the agent's latest words are an answer, if nothing is added to them; None: there are none."""
        return self._said_ms + ANSWERED_MS if self._said else None

    def answered(self) -> list[str]:
        """The agent's latest words are complete."""
        if not self._said:
            return []
        said, self._said = self._said, []
        text = "".join(piece.text for piece in said).strip()
        return [_transcript("agent", text, said[0].start_ms, said[-1].end_ms), _json(type="done")]


def error_message(why: str) -> str:
    """What a client is told before its connection is closed."""
    return _json(type="error", message=why)


def _transcript(speaker: Literal["caller", "agent"], text: str, start_ms: int, end_ms: int) -> str:
    known_as = "user" if speaker == "caller" else "assistant"  # to the public wrapper's clients
    data = {"speaker": speaker, "text": text, "start_ms": start_ms, "end_ms": end_ms, known_as: text}
    return _json(type="transcript", data=data)


def _json(**message: Any) -> str:
    return msgspec.json.encode(message).decode()
