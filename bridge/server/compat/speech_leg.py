"""The leg of a recording: it is played to the agent as if a caller said it, and what the agent says is collected.

Where the agent greets, it is heard out first, as callers do: the recording begins behind the greeting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import numpy as np

from bridge.audio import mulaw
from bridge.audio.intake import QUIET
from bridge.audio.resample import model_to_phone
from bridge.audio.wav import Samples
from bridge.carrier.playback import Playback
from bridge.facts.events import Audio, Clear, Command, Ended, Event, SendAudio, SendMark
from bridge.facts.formats import MODEL_RATE, PACKET_MS, PHONE_BYTES_PER_MS, PHONE_PACKET, ULAW_SILENCE, WIDE_BYTES

REPLY_SECONDS: Final = 12.0
"""An agent who has not begun to answer so long after the last word of the recording has nothing to say to it."""

GREETING_SECONDS: Final = 30.0
"""A greeting that takes longer is talked over."""

SILENT_SECONDS: Final = 3.0
"""An agent who has said nothing by then does not greet."""

BREATH_SECONDS: Final = 1.0
"""Longer than the pause between two sentences of a greeting."""

PAUSE_SECONDS: Final = 2.0
"""An agent who has been quiet for so long has answered."""

ANSWER_SECONDS: Final = 60.0
"""No answer is longer than this, counted from the end of the recording."""

_PACKET: Final = MODEL_RATE * PACKET_MS // 1000
_BYTES_PER_MS: Final = WIDE_BYTES * PHONE_BYTES_PER_MS
_SILENCE: Final = (bytes([ULAW_SILENCE]) * PHONE_PACKET, bytes(PACKET_MS * _BYTES_PER_MS))


class SpeechLeg:
    """See `bridge.call.leg.Leg`. Owner: the request, then the call. Times are seconds of the call."""

    no_media_seconds = 10.0
    wide = True

    def __init__(self, samples: Samples, clock: Callable[[], float] = time.monotonic) -> None:
        """`samples` are 24 kHz mono, played once the agent has `greeted`; `clock` gives seconds. Takes its time."""
        self.broken = ""
        self._clock = clock
        self._packets = _packets(samples)
        self._length = len(self._packets) * PACKET_MS / 1000
        loud = np.flatnonzero(np.abs(samples) > QUIET)
        self._last_word = float(loud[-1]) / MODEL_RATE if len(loud) else 0.0
        self.greeted = True
        self._starts: float | None = None
        self._began = clock()
        self._playback = Playback()
        self._answer = bytearray()
        self._last_sound = 0.0
        self._gone = ""
        self._over = asyncio.Event()

    @property
    def starts_ms(self) -> int:
        """Where the recording begins, in milliseconds of the call."""
        return round(1000 * (self._starts or 0.0))

    @property
    def answer(self) -> bytes:
        """What the agent was heard to say, 24 kHz, 16 bit; it begins with the recording and is no shorter."""
        said = self._answer[self.starts_ms * _BYTES_PER_MS :]
        return bytes(said.ljust(round(self._length * 1000) * _BYTES_PER_MS, b"\0"))

    def hang_up(self, why: str) -> None:
        """Nobody waits for the answer any more."""
        self._gone = why
        self._over.set()

    async def events(self) -> AsyncIterator[Event]:
        """The recording at the pace of speech, silence behind it, the marks that have become due, and the end."""
        self._began, number, played = self._clock(), 0, 0
        while not self._over.is_set():
            await self._until((number + 1) * PACKET_MS / 1000)
            if self._starts is None and (self.greeted or self._has_greeted()):
                self._starts = number * PACKET_MS / 1000
            said = self._starts is not None and played < len(self._packets)
            ulaw, wide = self._packets[played] if said else _SILENCE
            yield Audio(number * PACKET_MS, ulaw, wide)
            number, played = number + 1, played + said
            for event in self._playback.played(self._now * 1000):
                yield event
            if self._answered():
                break
        yield Ended(self._gone or "the recording was answered")

    async def send(self, *commands: Command) -> None:
        """Collect what the agent says where it is heard."""
        for command in commands:
            match command:
                case SendAudio(ulaw, wide):
                    self._collect(wide, len(ulaw) / PHONE_BYTES_PER_MS / 1000)
                case SendMark(generation, number):
                    self._playback.mark(generation, number, self._now * 1000)
                case Clear():
                    self._playback.clear(self._now * 1000)
                    del self._answer[int(self._now * 1000) * _BYTES_PER_MS :]

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """The call is over."""
        self._over.set()

    @property
    def _now(self) -> float:
        return self._clock() - self._began

    async def _until(self, seconds: float) -> None:
        """Wait for a moment, or for the end if that is sooner."""
        pause = seconds - self._now
        if pause > 0:
            try:
                async with asyncio.timeout(pause):
                    await self._over.wait()
            except TimeoutError:
                return

    def _collect(self, wide: bytes, seconds: float) -> None:
        now_ms = int(self._now * 1000)
        self._playback.sent(seconds * 1000, now_ms)
        self._answer.extend(bytes(max(0, now_ms * _BYTES_PER_MS - len(self._answer))))
        self._answer.extend(wide)
        if np.abs(np.frombuffer(wide, "<i2")).max(initial=0) > QUIET * 32768:
            self._last_sound = len(self._answer) / _BYTES_PER_MS / 1000

    def _has_greeted(self) -> bool:
        """Whether the agent has said what it says first."""
        now = self._now
        silent = now - self._last_sound > BREATH_SECONDS if self._last_sound else now > SILENT_SECONDS
        return silent or now > GREETING_SECONDS

    def _answered(self) -> bool:
        """Whether the agent has said what it has to say to the recording."""
        now = self._now
        if self._starts is None or now < self._starts + self._length:
            return False
        last_word = self._starts + self._last_word
        quiet = now - max(self._last_sound, last_word) > PAUSE_SECONDS
        replied = self._last_sound > last_word or now - last_word > REPLY_SECONDS
        return (quiet and replied) or now - self._starts - self._length > ANSWER_SECONDS


def _packets(samples: Samples) -> list[tuple[bytes, bytes]]:
    """20 ms each, at both rates; the last one is filled up with silence."""
    whole = np.concatenate((samples, np.zeros(-len(samples) % _PACKET, np.float32)))
    wide = mulaw.to_int16(whole).astype("<i2").tobytes()
    ulaw = mulaw.encode_float(model_to_phone().process(whole))
    step = PACKET_MS * _BYTES_PER_MS
    return [
        (ulaw[at : at + PHONE_PACKET], wide[at * WIDE_BYTES : at * WIDE_BYTES + step])
        for at in range(0, len(ulaw), PHONE_PACKET)
    ]
