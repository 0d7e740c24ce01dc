"""How a voice sounds: a line of text spoken for whoever chooses a voice, by the engine that answers calls.

The CPU engine has a voice of its own for each language, whatever voice a persona names. PersonaPlex speaks only in
calls: one is seated for as long as the line lasts, and nobody is on it.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.audio import mulaw
from bridge.audio.intake import CallerFrame
from bridge.engine.personaplex.voices import VoiceInfo
from bridge.facts.errors import BridgeError, EngineError
from bridge.facts.formats import MODEL_FRAME, MODEL_RATE, PHONE_RATE
from bridge.facts.speech import AgentFrame
from bridge.persona.schema import Persona
from bridge.server.engine_process import EngineProcess
from bridge.server.engine_slot import EngineSlot

MAX_TEXT: Final = 240
"""Characters of a line: some fifteen seconds."""

_MAX_FRAMES: Final = 750
"""Of one line of PersonaPlex's, 60 s: ten letters a second at its slowest, and pauses."""

_AHEAD: Final = 2
"""Frames of silence that wait for the engine, so that it never waits for us."""

_SECONDS: Final = 90.0
"""Longest time for one line; the rest of a line that takes longer is of no use to anybody."""

_WAITING: Final = 8
"""Lines asked for at once; they are spoken one after the other."""

_STORE_BYTES: Final = 32 << 20
"""Lines kept that were spoken; the one unused for longest makes room."""


class AuditionError(BridgeError):
    """This voice cannot be heard now, or not from this engine."""


class NoVoiceError(AuditionError):
    """This engine does not speak at all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A WAV file. `own` says that it is the voice that was asked for, and not the engine's."""

    wav: bytes
    own: bool


class Auditions:
    """Owner of the lines that were spoken."""

    def __init__(self, engine: EngineProcess, free: Callable[[], int]) -> None:
        """`free` gives the number of slots that nobody needs."""
        self._engine, self._free = engine, free
        self._store: OrderedDict[tuple[str, ...], Sample] = OrderedDict()
        self._speaking = asyncio.Lock()
        self._asked = 0

    @property
    def engine_name(self) -> str:
        """The engine that speaks."""
        return self._engine.name

    async def speak(self, voice: VoiceInfo, text: str, language: str) -> Sample:
        """`text` in this voice, or in the engine's own. Raises `AuditionError` in words, `NoVoiceError` if never."""
        key = (self._engine.name, language, text, *await asyncio.to_thread(_identity, voice))
        if key in self._store:
            self._store.move_to_end(key)
            return self._store[key]
        if self._asked >= _WAITING:
            raise AuditionError(f"{_WAITING} lines wait to be spoken already; try again when they have been")
        self._asked += 1
        try:
            async with self._speaking, asyncio.timeout(_SECONDS):
                sample = await self._spoken(voice, text, language)
        except TimeoutError:
            raise AuditionError(f"the {self._engine.name} engine has not spoken the line in {_SECONDS:g} s") from None
        except EngineError as error:
            raise AuditionError(str(error)) from None
        finally:
            self._asked -= 1
        self._keep(key, sample)
        return sample

    async def _spoken(self, voice: VoiceInfo, text: str, language: str) -> Sample:
        if self._engine.state != "ready":
            raise AuditionError(f"the {self._engine.name} engine is {self._engine.state}; try again when it is ready")
        if self._engine.name == "personaplex":
            return Sample(await self._in_a_call(voice, text, language), own=True)
        if "tts" not in self._engine.details:
            raise NoVoiceError(f"the {self._engine.name} engine has no voice, so that there is nothing to hear")
        ulaw = await self._engine.render(text, language)
        if not ulaw:
            raise AuditionError(f"the {self._engine.name} engine could not speak this line")
        return Sample(wav(mulaw.decode(ulaw), PHONE_RATE), own=False)

    async def _in_a_call(self, voice: VoiceInfo, text: str, language: str) -> bytes:
        if voice.path is None:
            raise AuditionError(f"voice {voice.name} is not downloaded: it comes with `callbridge model download`")
        if self._free() < 1:
            raise AuditionError("every slot of the engine is taken by a call, and calls come first; try again later")
        key = await self._engine.recall(f"audition:{voice.name}", _speaker(voice.name, language), ())
        try:
            slot = self._engine.open(key, seed=0, caller_transcript=False)
        finally:
            self._engine.forget_recalled(key)
        try:
            slot.say(text, "hangup")  # in the place of the greeting, which waits for the first frame
            pcm = [np.frombuffer(frame.pcm, np.float32) for frame in await _all_of(slot) if frame.pcm]
        finally:
            slot.close()
        if not pcm:
            raise AuditionError(f"the engine has said nothing in the voice {voice.name}")
        return wav(mulaw.to_int16(np.concatenate(pcm)), MODEL_RATE)

    def _keep(self, key: tuple[str, ...], sample: Sample) -> None:
        self._store[key] = sample
        while len(self._store) > 1 and sum(len(kept.wav) for kept in self._store.values()) > _STORE_BYTES:
            self._store.popitem(last=False)


async def _all_of(slot: EngineSlot) -> list[AgentFrame]:
    """The frames of a line, to the one that wishes for the end of the call. A frame of silence goes in for each."""
    silence = np.zeros(MODEL_FRAME, np.float32)
    for number in range(_AHEAD):
        slot.push(CallerFrame(number, b"", silence))
    frames: list[AgentFrame] = []
    while len(frames) < _MAX_FRAMES:
        frames.append(await slot.next())
        if frames[-1].wish == "hangup":
            break
        slot.push(CallerFrame(_AHEAD + len(frames) - 1, b"", silence))
    return frames


def _speaker(voice: str, language: str) -> Persona:
    return Persona(
        name="audition",
        business="a voice studio",
        description="a place where voices are chosen",
        agent_name="the speaker",
        language=language,
        voice=voice,
        greeting="Hello.",
        refusal="Hello.",
    )


def _identity(voice: VoiceInfo) -> tuple[str, str]:
    """Changes with the voice's file, which may be made anew under the same name."""
    return voice.name, str(voice.path.stat().st_mtime_ns) if voice.path and voice.path.exists() else ""


def wav(samples: npt.NDArray[np.int16], rate: int) -> bytes:
    """A mono WAV file of 16-bit samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
