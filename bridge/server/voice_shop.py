"""The voices' files: found by name, made of recordings in a process of their own, deleted."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final, Literal

from bridge.engine.personaplex.voices import SUFFIXES, VoiceError, VoiceInfo, VoiceKind, check_new_name, list_voices
from bridge.facts.errors import BridgeError
from bridge.hub.disk import require_model
from bridge.server.errands import ErrandError, errand
from bridge.server.personas import PersonaBook

log = logging.getLogger("bridge.voices")

MAX_RECORDING: Final = 25_000_000
"""Bytes of a recording, about: as much as the body of the request may have. A minute of stereo in 24 bits has 17 MB."""

_SECONDS: Final = 600.0
"""Longest time for making a voice; on one slow core the codec takes some seconds for each second of a recording."""


Missing = Literal["packages", "model"]

_MISSING: Final[dict[Missing, str]] = {
    "packages": "making a voice needs PersonaPlex's packages: pip install 'callbridge[personaplex]'",
    "model": "making a voice needs PersonaPlex's files: download the model first (`callbridge model download`)",
}


class VoiceInUseError(BridgeError):
    """Something else stands in the way: a voice of that name, a persona, work that goes on."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a recording: its seconds and LUFS, and advice for a better one."""

    seconds: float
    loudness: float
    advice: list[str]


class VoiceShop:
    """Owner of CUSTOM_VOICE_DIR while the server runs."""

    def __init__(self, model_dir: Path, custom_dir: Path, book: PersonaBook) -> None:
        """Packaged voices lie in `model_dir`, custom ones in `custom_dir`; `book` knows who uses which."""
        self.model_dir, self.custom_dir, self._book = model_dir, custom_dir, book
        self._making = asyncio.Lock()

    def find(self, name: str) -> VoiceInfo | None:
        """The voice of that name, looked up and never made into a path."""
        return next((voice for voice in list_voices(self.model_dir, self.custom_dir) if voice.name == name), None)

    def used_by(self, name: str) -> list[str]:
        """Personas on duty that speak with this voice."""
        duties = (self._book.by_name(persona) for persona in self._book.names)
        return [duty.persona.name for duty in duties if duty and duty.persona.voice == name]

    def cannot_make(self) -> Missing | None:
        """What is missing to make a voice."""
        if find_spec("torch") is None:
            return "packages"
        try:
            require_model(self.model_dir)
        except BridgeError:
            return "model"
        return None

    async def make(self, name: str, recording: IO[bytes], language: str | None, by: str) -> Made:
        """Make a voice of a WAV file; `by` is the key that the speaker's consent was confirmed with.

        Raises `VoiceError` for name and recording, `VoiceInUseError` for what is.
        """
        check_new_name(name)
        if missing := await asyncio.to_thread(self.cannot_make):
            raise VoiceInUseError(_MISSING[missing])
        if self._making.locked():
            raise VoiceInUseError("a voice is being made already; try again when it is there")
        async with self._making:
            if await asyncio.to_thread(self.find, name):
                raise VoiceInUseError(f"there is a voice {name} already")
            with tempfile.TemporaryDirectory(prefix="callbridge-voice-") as folder:
                path = Path(folder) / "recording.wav"
                await asyncio.to_thread(_save, recording, path)
                made = await self._have_made(name, path, language)
        log.info("voice %s: made; the speaker's consent was confirmed with the key %s", name, by)
        return made

    async def _have_made(self, name: str, path: Path, language: str | None) -> Made:
        order = {
            "model_dir": str(self.model_dir),
            "voice_dir": str(self.custom_dir),
            "recording": str(path),
            "name": name,
            "language": language,
        }
        try:
            async with asyncio.timeout(_SECONDS):
                done = await errand("bridge.engine.personaplex.voice_errand", order)
        except TimeoutError:
            raise VoiceError(f"the voice was not made within {_SECONDS:g} s; try a shorter recording") from None
        except ErrandError as error:
            raise VoiceError(str(error).replace(str(path), "the recording")) from None
        return Made(**done)

    def delete(self, voice: VoiceInfo, by: str) -> None:
        """Delete a custom voice. Raises `VoiceInUseError` for a packaged one, and for one that a persona uses."""
        if voice.kind is not VoiceKind.CUSTOM or voice.path is None:
            raise VoiceInUseError(f"{voice.name} came with the model; only voices that were made here can be deleted")
        if users := self.used_by(voice.name):
            raise VoiceInUseError(f"{', '.join(users)} speaks with it; give the persona another voice first")
        for suffix in SUFFIXES:
            voice.path.with_suffix(suffix).unlink(missing_ok=True)
        log.info("voice %s: deleted with the key %s", voice.name, by)


def _save(recording: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(recording, file)
