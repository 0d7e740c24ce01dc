"""What the caller hears: audio on its way to the carrier, the account of it, marks where they count, who else hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np

from bridge.audio import mulaw
from bridge.audio.playout import Piece, Playout
from bridge.audio.resample import model_to_phone, phone_to_model
from bridge.call.ear import Ear
from bridge.call.leg import Leg
from bridge.facts.events import Clear, SendAudio, SendMark
from bridge.facts.formats import MODEL_FRAME, PHONE_BYTES_PER_MS, PHONE_FRAME, WIDE_BYTES
from bridge.facts.speech import AgentFrame
from bridge.transcript import records

QUIET: Final = 10 ** (-50 / 20)
"""Peak below which a frame can be left out unheard: −50 dB of full scale, under the noise of a telephone line."""

SILENT_FRAME: Final = mulaw.encode(np.zeros(PHONE_FRAME, np.int16))
"""80 ms of mu-law silence."""

WIDE_SILENCE: Final = bytes(WIDE_BYTES * PHONE_FRAME)
"""80 ms of silence at 24 kHz, 16 bit."""


class Outlet:
    """The way out of one call. Owner: the call."""

    def __init__(
        self, leg: Leg, ears: Sequence[Ear], write: Callable[[records.Record], None], now: Callable[[], int]
    ) -> None:
        """`now` gives the call's clock in samples at 8 kHz."""
        self.playout = Playout()
        self._leg, self._ears, self._write, self._now = leg, ears, write, now
        self._down, self._up = model_to_phone(), phone_to_model()
        self._silent_before = True

    async def say(self, frame: AgentFrame) -> Piece | None:
        """Send an agent frame. None: it was quiet, and left out to make up for a lag."""
        needed = bool(frame.text) or frame.wish is not None
        if not needed and _is_quiet(frame.pcm) and not self.playout.room_for_silence(self._now(), PHONE_FRAME):
            return None
        ulaw, wide = self._to_phone(frame.pcm), _wide(frame.pcm) if self._leg.wide else b""
        return await self._send(SendAudio(ulaw, wide, frame.text), frame.turn, marked=frame.wish is not None)

    async def play(self, ulaw: bytes, *, marked: bool = False) -> Piece:
        """Send audio of the bridge's own, and a mark behind it if it is to be `marked`."""
        wide = b""
        if self._leg.wide:
            wide = mulaw.to_int16(self._up.process(mulaw.decode_float(ulaw))).astype("<i2").tobytes()
        return await self._send(SendAudio(ulaw, wide), 0, marked=marked)

    async def _send(self, audio: SendAudio, turn: int, *, marked: bool) -> Piece:
        """Enter a piece in the account, and send it; with a mark behind what has text."""
        piece = self.playout.send(self._now(), len(audio.ulaw), audio.text, turn, marked=marked)
        for ear in self._ears:
            ear.agent(piece.start, audio.ulaw)
        if piece.mark is None:
            await self._leg.send(audio)
        else:
            await self._leg.send(audio, SendMark(self.playout.generation, piece.mark))
        return piece

    async def clear(self) -> None:
        """Have the carrier forget what it holds; `take_back` comes first."""
        await self._leg.send(Clear())

    def take_back(self, reason: Literal["caller_spoke", "gate", "call_ended"]) -> None:
        """Write down what was heard by now, and what will not be."""
        now = self._now()
        # What has ended by the account was heard; no mark proves it any more, since the clear returns them all.
        for piece in self.playout.presumed(now):
            if piece.text:
                self._write(records.AgentSaid(piece.text, piece.turn, piece.start_ms, piece.end_ms, proven=False))
        for piece in self.playout.clear(now):
            if piece.text:
                self._write(records.AgentUnheard(piece.text, piece.turn, now // PHONE_BYTES_PER_MS, reason))
        for ear in self._ears:
            ear.cut(now)

    def _to_phone(self, pcm: bytes) -> bytes:
        """One frame at 24 kHz as 640 mu-law bytes. Two silent frames in a row need no filter: its tail is gone."""
        if not pcm and self._silent_before:
            return SILENT_FRAME
        self._silent_before = not pcm
        samples = np.frombuffer(pcm, np.float32) if pcm else np.zeros(MODEL_FRAME, np.float32)
        return mulaw.encode_float(self._down.process(samples))


def _wide(pcm: bytes) -> bytes:
    """One frame of an engine at 24 kHz as 16 bit, little-endian."""
    return mulaw.to_int16(np.frombuffer(pcm, np.float32)).astype("<i2").tobytes() if pcm else WIDE_SILENCE


def _is_quiet(pcm: bytes) -> bool:
    return not pcm or float(np.abs(np.frombuffer(pcm, np.float32)).max()) < QUIET
