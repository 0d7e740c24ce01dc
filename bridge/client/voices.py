"""Voices and models: what there is, what can be had, and how far a download is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from bridge.client.http import Channel, part


class Voices:
    """`bridge.voices`."""

    def __init__(self, channel: Channel) -> None:
        """Nothing is asked yet."""
        self._channel = channel

    def list(self) -> Sequence[dict[str, Any]]:
        """All voices, your own first (scope `voices:read`)."""
        return list(self._channel.json("GET", "/v1/voices")["voices"])

    def sample(self, name: str, file: str | Path, text: str | None = None) -> Path:
        """Write a sample of a voice into a WAV file (`voices:read`)."""
        params = {"text": text}
        response = self._channel.ask("GET", f"/v1/voices/{part(name)}/sample.wav", params=params, timeout=300)
        Path(file).write_bytes(response.content)
        return Path(file)

    def add(self, name: str, recording: str | Path, *, language: str = "en", consent: bool = False) -> dict[str, Any]:
        """Make a voice of 10 to 20 s of a person's speech (`voices:write`).

        `consent` says that the speaker agreed, in writing; without it the bridge makes none.
        """
        form = {"name": name, "language": language, "consent": str(consent).lower()}
        with Path(recording).open("rb") as audio:
            files = {"audio": (Path(recording).name, audio, "audio/wav")}
            return dict(self._channel.json("POST", "/v1/voices", data=form, files=files, timeout=600))

    def delete(self, name: str) -> None:
        """Delete a voice of your own (`voices:write`)."""
        self._channel.json("DELETE", f"/v1/voices/{part(name)}")


class Models:
    """`bridge.models`."""

    def __init__(self, channel: Channel) -> None:
        """Nothing is asked yet."""
        self._channel = channel

    def list(self) -> Sequence[dict[str, Any]]:
        """All models: `name`, `type`, `status`, `expectedSizeMb`, `isRequired` and more (scope `models:read`)."""
        return list(self._channel.json("GET", "/v1/models"))

    def download(self, name: str) -> Iterator[dict[str, Any]]:
        """Download a model, or go on with it, and tell how far it is until it is done (`models:write`).

        Each value has `state` (`downloading`, `checking`, `done`, `failed`), `file`, `have` and `total` in bytes, and
        where it failed `error` and `advice`.
        """
        return self._progress("POST", name)

    def progress(self, name: str) -> Iterator[dict[str, Any]]:
        """How far a download is that somebody has begun (`models:read`)."""
        return self._progress("GET", name)

    def stop(self, name: str) -> None:
        """Stop a download; what has arrived is kept (`models:write`)."""
        self._channel.json("DELETE", f"/v1/models/{part(name)}/download")

    def _progress(self, method: Literal["GET", "POST"], name: str) -> Iterator[dict[str, Any]]:
        for event in self._channel.events(method, f"/v1/models/{part(name)}/download"):
            if isinstance(event.data, dict):
                yield event.data
