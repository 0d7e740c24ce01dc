"""A recording in, the agent's answer out: `POST /v1/audio/speech`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bridge.client.http import Channel


@dataclass(frozen=True, slots=True)
class Speech:
    """The answer: a WAV file's bytes, and its transcript (the header X-Transcript).

    It begins with the recording and is no shorter.
    """

    wav: bytes
    transcript: Any

    def save(self, file: str | Path) -> Path:
        """Write the WAV file."""
        Path(file).write_bytes(self.wav)
        return Path(file)


def speak(channel: Channel, recording: str | Path | bytes, form: dict[str, str]) -> Speech:
    """Have a recording answered; `form` holds the other fields of the request. Raises `ClientError` and OSError."""
    audio = recording if isinstance(recording, bytes) else Path(recording).read_bytes()
    files = {"audio": ("audio.wav", audio, "audio/wav")}
    response = channel.ask("POST", "/v1/audio/speech", data=form, files=files, timeout=600)
    told = response.headers.get("x-transcript", "")
    return Speech(response.content, msgspec.json.decode(told) if told else None)
