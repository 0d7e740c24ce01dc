"""Personas: list, read, check, write, delete; and the topic gate tried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bridge.client.http import Channel, part


@dataclass(frozen=True, slots=True)
class PersonaFile:
    """A persona's file as it was read: `etag` says which version this is, `answer` holds all else that was told."""

    name: str
    yaml: str
    etag: str
    answer: Mapping[str, Any]


class Personas:
    """`bridge.personas`."""

    def __init__(self, channel: Channel) -> None:
        """Nothing is asked yet."""
        self._channel = channel

    def list(self) -> Sequence[dict[str, Any]]:
        """All of them, with their problems and warnings (scope `personas:read`)."""
        return list(self._channel.json("GET", "/v1/personas"))

    def read(self, name: str) -> PersonaFile:
        """One file, with its prompt and what it costs (`personas:read`)."""
        response = self._channel.ask("GET", f"/v1/personas/{part(name)}")
        answer = response.json()
        return PersonaFile(name, answer["yaml"], response.headers.get("etag", answer.get("etag", "")), answer)

    def check(self, name: str, yaml: str) -> dict[str, Any]:
        """What is wrong with a text that is not written: `problems`, `warnings`, `prompt`, `cost` (`personas:read`)."""
        return dict(self._channel.json("POST", "/v1/personas/check", json={"name": name, "yaml": yaml}))

    def write(self, name: str, yaml: str, etag: str | None = None) -> dict[str, Any]:
        """Write a file: a new one, or with `etag` the one that was read (`personas:write`).

        Raises `InvalidError` with `problems` where it cannot be used, and `ConflictError` where there is one already or
        somebody else has written it since; nothing is written then.
        """
        condition = {"If-None-Match": "*"} if etag is None else {"If-Match": etag}
        headers = {"Content-Type": "text/yaml"} | condition
        answer = self._channel.json("PUT", f"/v1/personas/{part(name)}", content=yaml.encode(), headers=headers)
        return dict(answer or {})

    def delete(self, name: str, etag: str) -> None:
        """Delete the file that was read (`personas:write`)."""
        self._channel.json("DELETE", f"/v1/personas/{part(name)}", headers={"If-Match": etag})

    def template(self, name: str) -> str:
        """A commented file to begin with (`personas:read`)."""
        return self._channel.ask("GET", "/v1/personas/template", params={"name": name}).text

    def try_gate(
        self,
        text: str,
        *,
        persona: str | None = None,
        yaml: str | None = None,
        speaker: Literal["agent", "caller"] = "agent",
    ) -> dict[str, Any]:
        """What the gate of a persona, or of a file's text, makes of some words (`personas:read`)."""
        whose = {"persona": persona} if yaml is None else {"yaml": yaml}
        return dict(self._channel.json("POST", "/v1/gate/try", json=whose | {"text": text, "speaker": speaker}))
