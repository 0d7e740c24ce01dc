"""The client's front: one bridge, and all that can be asked of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from bridge.client.calls import Calls
from bridge.client.http import TIMEOUT_S, Channel, part
from bridge.client.personas import Personas
from bridge.client.sockets import Phone, Socket
from bridge.client.speech import Speech, speak
from bridge.client.sse import Event
from bridge.client.voices import Models, Voices

DEFAULT_URL: Final = "http://127.0.0.1:8080"

QUIET_S: Final = 60.0
"""How long `events` may be silent: the bridge sends a line every 15 s."""


class Bridge:
    """A bridge at an address. Functions block; those that return a socket are for asyncio.

    `key` is one of `callbridge keys create`, or the content of DATA_DIR/api.key. Everything raises `ClientError`. One
    object may be used by several threads.
    """

    def __init__(self, url: str = DEFAULT_URL, key: str | None = None, *, timeout: float = TIMEOUT_S) -> None:
        """Nothing is asked yet. `timeout` is in seconds, for each answer that does not go on."""
        self._channel = Channel(url, key, timeout)
        self.calls = Calls(self._channel)
        self.personas = Personas(self._channel)
        self.voices = Voices(self._channel)
        self.models = Models(self._channel)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Bridge:
        """The bridge that CALLBRIDGE_URL names, with CALLBRIDGE_KEY."""
        return cls(environment.get("CALLBRIDGE_URL") or DEFAULT_URL, environment.get("CALLBRIDGE_KEY") or None)

    def __enter__(self) -> Self:
        """Nothing is opened: connections come as they are needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connections back."""
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._channel.close()

    # -- how it is

    def health(self) -> dict[str, Any]:
        """State, engine, calls, capacity and more, also where no calls are taken (no key needed)."""
        return dict(self._channel.json("GET", "/health", also={503}))

    def metrics(self) -> str:
        """Figures in Prometheus' text form (no key needed)."""
        return self._channel.ask("GET", "/metrics").text

    def machine(self) -> dict[str, Any]:
        """What the machine is, and what it can hold (scope `system:read`)."""
        return dict(self._channel.json("GET", "/v1/machine"))

    def series(self, seconds: int = 3600) -> dict[str, Any]:
        """Calls, capacity, times and memory over the last hour, a sample every five seconds (`system:read`)."""
        return dict(self._channel.json("GET", "/v1/series", params={"seconds": seconds}))

    def events(self) -> Iterator[Event]:
        """The whole house as it happens: `state`, `record`, `levels` (`calls:read`). It ends with the server."""
        return self._channel.events("GET", "/v1/events", QUIET_S)

    # -- talk (scope `talk`)

    def speech(
        self,
        recording: str | Path | bytes,
        *,
        persona: str | None = None,
        voice: str | None = None,
        text_prompt: str | None = None,
        seed: int | None = None,
    ) -> Speech:
        """Have a recording answered, by a persona or by a voice with a prompt of your own."""
        given = {"persona": persona, "voice": voice, "text_prompt": text_prompt, "seed": seed}
        return speak(self._channel, recording, {name: str(value) for name, value in given.items() if value is not None})

    def conversation(
        self,
        *,
        persona: str | None = None,
        voice: str | None = None,
        text_prompt: str | None = None,
        seed: int | None = None,
    ) -> Socket:
        """A conversation: 24 kHz 16-bit mono both ways, and messages.

        `config_ack` when the agent is there, `processing` when the caller has finished, `transcript` with `data`,
        `done` when the agent has answered.
        """
        given = {"persona": persona, "voice": voice, "text_prompt": text_prompt, "seed": seed}
        first = {name: value for name, value in given.items() if value is not None}
        return Socket(self._channel, "/ws/conversation", first)

    def phone(
        self,
        persona: str | None = None,
        *,
        voice: str | None = None,
        text_prompt: str | None = None,
        seed: int | None = None,
        format: Literal["pcm24", "ulaw8"] = "pcm24",
        record: bool | None = None,
    ) -> Phone:
        """A call as the browser makes it, with each record of the call as it is written.

        Speak once the message `started` has come. `format` is that of the sound, both ways; without `record` the
        bridge's setting counts.
        """
        given = {"persona": persona, "voice": voice, "text_prompt": text_prompt, "seed": seed, "record": record}
        start = {"type": "start", "format": format} | {n: value for n, value in given.items() if value is not None}
        return Phone(self._channel, "/v1/phone", start)

    def listen(self, call_id: str) -> Socket:
        """Listen in to a call that goes on: a message with the format, then stereo, the caller on the left.

        Needs the scope `calls:listen`.
        """
        return Socket(self._channel, f"/v1/calls/{part(call_id)}/listen")
