"""The protocol of the public moshi and PersonaPlex servers, `WS /api/chat`, as an object without I/O.

Binary messages; the first byte is their kind:

    kind | content                                   | client → server | server → client
    -----+-------------------------------------------+-----------------+--------------------------------------
    0    | nothing: the prompt has been taken in      | passed over     | once, before all else
    1    | Ogg-Opus, 24 kHz mono, any piece of it     | Audio           | the agent's sound
    2    | UTF-8 text                                | passed over     | the agent's words, with their sound
    3…6  | control, metadata, error, ping            | passed over     | never

Clients speak at once: what comes before the handshake is held (`bridge.audio.wide`). Text messages and empty ones are
none of this protocol's; they become `Malformed`, and more than `MAX_MALFORMED` end the stream. Clients play what they
are sent and return no marks (`bridge.carrier.playback`).

What the client wants stands in the query of its address (`ChatWish`). The public server dies of much of that; here each
fault has a close code and a reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from bridge.audio.opus import OpusDecoder, OpusEncoder
from bridge.audio.wide import WideStream
from bridge.carrier.playback import Playback
from bridge.carrier.rate import MessageRate
from bridge.carrier.wish import UNUSABLE, Wish, seed_of
from bridge.facts.errors import CarrierError
from bridge.facts.events import Clear, Command, Event, Malformed, SendAudio, SendMark
from bridge.facts.formats import PHONE_BYTES_PER_MS

HANDSHAKE: Final = b"\x00"
AUDIO: Final = b"\x01"
TEXT: Final = b"\x02"

_LAST_KIND: Final = 7
"""The public web client knows seven kinds; what they mean is told above."""

MAX_MESSAGE: Final = 64 * 1024
"""Longest message taken, in bytes: the longest Ogg page. Public clients send 100 to 1,000."""

MAX_MALFORMED: Final = 20
"""So many messages that are none of this protocol's are passed over; more are a fault of the sender."""

_SAMPLING: Final[Mapping[str, tuple[str, float, float]]] = {
    "text_temperature": ("text_temperature", 0.0, 2.0),
    "text_topk": ("text_top_k", 1, 256),
    "audio_temperature": ("audio_temperature", 0.0, 2.0),
    "audio_topk": ("audio_top_k", 1, 256),
}
"""Of the public web client's parameters those that the model has: our name, and the bounds they are brought into.

Its others (`pad_mult`, `text_seed`, `audio_seed`, `repetition_penalty`, …) come with every call and mean nothing to the
public server either.
"""


def chat_wish(query: Mapping[str, str]) -> Wish:
    """What a client asks for by its query. Raises `CarrierError` with close code 4422 for what cannot be understood."""
    sampling: dict[str, float] = {}
    for name, (ours, least, most) in _SAMPLING.items():
        if given := query.get(name):
            sampling[ours] = _bounded(name, given, least, most)
    return Wish(
        voice=query.get("voice_prompt"),
        text_prompt=query.get("text_prompt"),
        persona=query.get("persona"),
        seed=seed_of(query.get("seed", "")),
        sampling=sampling,
    )


def _bounded(name: str, given: str, least: float, most: float) -> float:
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if math.isnan(value):
        raise CarrierError(f"{name} is no number", UNUSABLE)
    value = min(max(value, least), most)
    return int(value) if isinstance(least, int) else value


class MoshiChat:
    """The protocol of one stream. Owner: the leg that holds its socket. `now_ms` is of a clock that never goes back."""

    def __init__(self) -> None:
        """The prompt is being taken in. Raises `CarrierError` where Opus is missing."""
        self.state: Literal["new", "open"] = "new"
        self.malformed = 0
        self.unknown = 0
        self.playback = Playback()
        self._rate = MessageRate()
        self.stream = WideStream()
        self._decoder, self._encoder = OpusDecoder(), OpusEncoder()
        self._passed_over = 0

    # -- client → us

    def receive(self, message: bytes | str, now_ms: float) -> list[Event]:
        """Take one message. Raises `CarrierError` where the stream cannot go on."""
        self._rate.count(now_ms)
        if isinstance(message, str):
            return self._bad("a text message; this protocol is binary")
        if not message:
            return self._bad("an empty message")
        if len(message) > MAX_MESSAGE:
            raise CarrierError(f"a message has more than {MAX_MESSAGE} bytes", close_code=1009)
        if message[:1] == AUDIO:
            return self._audio(message[1:], now_ms)
        if message[0] > _LAST_KIND:
            return self._bad(f"a message of the kind {message[0]}, which there is not")
        self.unknown += 1
        return []

    def _audio(self, data: bytes, now_ms: float) -> list[Event]:
        samples = self._decoder.decode(data, now_ms)
        events: list[Event] = [*self.stream.take(samples, now_ms)] if len(samples) else []
        if self._decoder.passed_over > self._passed_over:
            self._passed_over = self._decoder.passed_over
            events += self._bad("audio that is no Ogg page")
        return events

    def _bad(self, why: str) -> list[Event]:
        self.malformed += 1
        if self.malformed > MAX_MALFORMED:
            raise CarrierError(f"more than {MAX_MALFORMED} unreadable messages; the last: {why}", close_code=1007)
        return [Malformed(why)]

    # -- us → client

    def open(self, now_ms: float) -> tuple[bytes, list[Event]]:
        """The prompt has been taken in: the handshake to send, and what the client has said meanwhile."""
        self.state = "open"
        return HANDSHAKE, [*self.stream.begin(now_ms)]

    def send(self, command: Command, now_ms: float) -> list[bytes]:
        """One command as messages. Nothing may be sent before the handshake."""
        if self.state != "open":
            raise CarrierError("nothing can be sent before the handshake")
        match command:
            case SendAudio(ulaw, wide, text):
                self.playback.sent(len(ulaw) / PHONE_BYTES_PER_MS, now_ms)
                pages = self._encoder.encode(np.frombuffer(wide, "<i2").astype(np.float32) / np.float32(32768))
                return [*([TEXT + text.encode()] if text else []), *([AUDIO + pages] if pages else [])]
            case SendMark(generation, number):
                self.playback.mark(generation, number, now_ms)
            case Clear():
                self.playback.clear(now_ms)
        return []
