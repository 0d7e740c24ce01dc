"""The carrier leg of a call from Asterisk."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import Final

from starlette.websockets import WebSocket

from bridge.audio.dating import Dating
from bridge.carrier.asterisk import PACKET, AsteriskChannel
from bridge.facts.events import Audio, Clear, Command, Ended, Event, SendAudio
from bridge.facts.formats import PACKET_MS, PHONE_BYTES_PER_MS, ULAW_SILENCE
from bridge.server.socket_leg import SocketLeg

DRY_SECONDS: Final = 0.04
"""When Asterisk has had nothing to send for so long, it is fed silence: routers close what stands still."""

HOLD_SECONDS: Final = 1800.0
"""How long a call may bring no audio. A caller who holds the line sends none, and Asterisk itself ends calls whose
network is gone (`rtp_timeout`), so this only bounds what neither of the two would end."""

NORMAL: Final = 1000
"""Close code of a channel that has ended (RFC 6455, 7.4.1): Asterisk has no message for it. Other codes are a loss."""

_SILENCE: Final = bytes([ULAW_SILENCE]) * PACKET


class AsteriskLeg(SocketLeg):
    """One accepted WebSocket of Asterisk, ringing until `answer`. Owner: the call."""

    no_media_seconds = HOLD_SECONDS

    def __init__(self, socket: WebSocket, clock: Callable[[], float] = time.monotonic) -> None:
        """`socket` has been accepted; `clock` gives monotonic seconds."""
        super().__init__(socket)
        self._channel = AsteriskChannel()
        self._dating = Dating()
        self._clock = clock
        self._fed_until = 0.0

    async def answer(self) -> None:
        """Take the call."""
        self._fed_until = self._clock()
        await self._write([self._channel.answer()])

    async def refuse(self, why: str) -> None:
        """Turn the call away before it has been answered; the dial plan then says so to the trunk."""
        if self._channel.state == "open":
            await self._write([self._channel.hang_up()])
        await self.close(1013, why)

    async def events(self) -> AsyncIterator[Event]:
        """Events until the socket ends; the caller's packets are the clock by which silence is fed."""
        async for event in super().events():
            if isinstance(event, Audio) and self._clock() - self._fed_until > DRY_SECONDS:
                # Counted from when it ran dry, so that a packet follows each of the caller's until the engine speaks.
                self._fed_until = max(self._fed_until, self._clock() - DRY_SECONDS) + PACKET_MS / 1000
                await self._write([_SILENCE])
            yield event
        if self.close_code == NORMAL:
            yield Ended("the caller hung up")

    def _events(self, message: str | bytes) -> list[Event]:
        if isinstance(message, str):
            return self._channel.receive(message)
        # Asterisk's messages carry no times: after a pause they would all be too late.
        at_ms = self._dating.date(len(message) or PACKET, 1000 * self._clock())
        return [replace(event, at_ms=at_ms) for event in self._channel.receive_audio(message)]

    def _messages(self, command: Command) -> Iterable[str | bytes]:
        match command:
            case SendAudio(ulaw):
                self._fed_until = max(self._fed_until, self._clock()) + len(ulaw) / PHONE_BYTES_PER_MS / 1000
            case Clear():
                self._fed_until = self._clock()
        return self._channel.send(command)
