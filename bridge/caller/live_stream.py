"""One media stream from its upgrade to its end: the socket, and both parties' audio in real time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidURI, ProtocolError

from bridge.caller.lateness import Lateness
from bridge.caller.outbox import Outbox
from bridge.caller.recording import SILENCE, Packet
from bridge.caller.stream import MediaStream
from bridge.caller.ticker import Ticker
from bridge.caller.twiml import Stream
from bridge.caller.webhook import CallIds, Line
from bridge.facts.addresses import is_loopback
from bridge.facts.formats import PACKET_MS, PHONE_BYTES_PER_MS, PHONE_PACKET, ULAW_SILENCE

Ending = Literal["caller_hung_up", "server_closed", "stream_failed", "not_connected", "hung_up", "redirected"]
"""How a call's stream ended. `hung_up` and `redirected` are the work of a REST request."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the caller does in one 20 ms: the packet it speaks, the keys it presses before, whether it hangs up."""

    packet: Packet = SILENCE
    digits: str = ""
    hang_up: bool = False


class Talker(Protocol):
    """The person on the line."""

    def step(self, heard: bytes) -> Step:
        """Act for the next 20 ms, having heard `heard` (0-160 bytes of mu-law; what is missing is silence)."""


@dataclass(slots=True)
class Media:
    """What a stream in progress has gathered. `started` and `answered` are when `start` left and audio first came."""

    stream: MediaStream
    started: float | None = None
    answered: float | None = None
    lateness: Lateness = field(default_factory=Lateness)
    packets: int = 0
    heard: bytearray = field(default_factory=bytearray)
    said: bytearray = field(default_factory=bytearray)
    problems: list[str] = field(default_factory=list)
    close_code: int | None = None
    ended: Ending = "stream_failed"
    all_back: asyncio.Event = field(default_factory=asyncio.Event)
    reported: bool = False

    @property
    def answer_ms(self) -> float | None:
        """Milliseconds from `start` to the first agent audio."""
        if self.started is None or self.answered is None:
            return None
        return (self.answered - self.started) * 1000

    @property
    def seconds(self) -> float:
        """Length of what the caller said or was silent for."""
        return self.packets * PACKET_MS / 1000

    def all_problems(self) -> list[str]:
        """Everything that Twilio would not have liked."""
        stream, buffer = self.stream, self.stream.buffer
        more = stream.problem_count - len(stream.problems)
        problems = [*self.problems, *stream.problems, *([f"and {more} more of these"] if more else [])]
        if buffer.dropped:
            problems.append(f"{buffer.dropped // PHONE_BYTES_PER_MS} ms of audio came more than ten minutes ahead")
        return problems


class LiveStream:
    """Holds one stream for as long as it lasts. `report` is told of stream-started, -stopped and -error."""

    def __init__(
        self,
        line: Line,
        ids: CallIds,
        stream: Stream,
        talker: Talker,
        ticker: Ticker,
        *,
        keep_audio: bool,
        report: Callable[[str, str], None],
        on_connected: Callable[[str], None],
        interrupted: Callable[[], Ending | None],
        randomness: random.Random,
    ) -> None:
        """`interrupted` is asked each 20 ms whether the carrier ends the stream by itself, and how."""
        self.media = Media(MediaStream(ids, line.account_sid, stream.parameters))
        self._line, self._stream, self._talker, self._ticker = line, stream, talker, ticker
        self._keep_audio = keep_audio
        self._report, self._on_connected, self._interrupted = report, on_connected, interrupted
        self._random = randomness

    async def run(self) -> Media:
        """From the upgrade to the end."""
        stream, media = self._stream, self.media
        if stream.url.startswith("ws:") and self._line.voice_url().startswith("https:"):
            self._failed(31922, "the stream's address is not encrypted; Twilio takes wss:// only")
            return media
        url = self._line.reach(stream.url)
        # Twilio signs the upgrade over exactly the address that the TwiML names, under a lower-case header.
        headers = {name.lower(): value for name, value in self._line.sign(stream.url).items()}
        try:
            socket = await connect(
                url,
                compression=None,
                additional_headers=headers,
                user_agent_header=None,
                proxy=None if is_loopback(url) else True,
                open_timeout=self._line.handshake_s,
                close_timeout=5,
                ping_interval=None,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            self._failed(_code(error), f"the stream could not be opened: {error or type(error).__name__}")
            return media
        self._report("stream-started", "")
        media.ended = "server_closed"
        async with socket:
            await self._carry(socket)
        media.close_code = socket.close_code
        self._report("stream-stopped", "")
        return media

    def _failed(self, code: int, why: str) -> None:
        """Note an error under Twilio's code, and report it beside the call."""
        problem = f"{code}: {why}"
        self.media.problems.append(problem)
        self._report("stream-error", problem)

    async def _carry(self, socket: ClientConnection) -> None:
        media = self.media

        def sent(number: int) -> None:
            media.lateness.sent(number, time.monotonic())

        async with Outbox(socket, self._line.jitter_ms, self._random, sent) as outbox:
            listening = asyncio.create_task(self._listen(socket, outbox), name="listen")
            try:
                await outbox.send(media.stream.connected())
                media.started = time.monotonic()
                await outbox.send(media.stream.start())
                self._on_connected(self._stream.parameters.get("call_id", ""))
                if ended := await self._talk(outbox, listening):
                    await self._stop(outbox, listening, ended)
            except ConnectionClosed:
                media.ended = "server_closed"
            await socket.close()
            await listening

    async def _listen(self, socket: ClientConnection, outbox: Outbox) -> None:
        """Take what the bridge sends until the socket closes."""
        media = self.media
        try:
            async for message in socket:
                size, marks = media.stream.receive(message)
                if media.stream.problem_count and not media.reported:
                    media.reported = True  # Twilio goes on without the message
                    self._report("stream-error", media.stream.problems[0])
                if size:
                    now = time.monotonic()
                    media.answered = media.answered or now
                    media.lateness.received(size, now)
                    if media.lateness.frames >= media.lateness.expected:
                        media.all_back.set()
                for name in marks:
                    await outbox.send(media.stream.mark(name))
        except ConnectionClosed as error:
            if media.ended == "server_closed":
                broken = isinstance(error.__cause__, ProtocolError)
                self._failed(31924 if broken else 31921, f"the bridge closed the stream in error: {error}")

    async def _talk(self, outbox: Outbox, listening: asyncio.Task[None]) -> Ending | None:
        """Speak and play until this side ends the stream, and how; None: the bridge closed the socket."""
        phase = self._ticker.seat()
        before = await self._ticker.wait(phase)
        while not listening.done():
            now = await self._ticker.wait(phase)
            for _ in range(now - before):
                if ended := self._interrupted():
                    return ended
                if await self._moment(outbox):
                    return "caller_hung_up"
            before = now
        return None

    async def _moment(self, outbox: Outbox) -> bool:
        """20 ms of the call. True: the caller hangs up."""
        media = self.media
        marks, heard = media.stream.buffer.step()
        for name in marks:
            await outbox.send(media.stream.mark(name))
        step = self._talker.step(heard)
        for digit in step.digits:
            await outbox.send(media.stream.dtmf(digit))
        if step.hang_up:
            return True
        media.packets += 1
        if self._keep_audio:
            # The packet sent in this moment was spoken in the 20 ms before it; what is heard fills the 20 ms after it.
            media.heard = media.heard or bytearray([ULAW_SILENCE]) * PHONE_PACKET
            media.heard += heard.ljust(PHONE_PACKET, bytes([ULAW_SILENCE]))
            media.said += step.packet.ulaw
        if self._line.loss and self._random.random() < self._line.loss:
            return False
        await outbox.send(media.stream.media(step.packet, media.packets), media.packets)
        return False

    async def _stop(self, outbox: Outbox, listening: asyncio.Task[None], ended: Ending) -> None:
        """Send `stop`, after waiting for the frames still due where the line says so."""
        media = self.media
        await outbox.flush()
        media.all_back.clear()
        if ended == "caller_hung_up" and self._line.settle_s and media.lateness.frames < media.lateness.expected:
            all_back = asyncio.create_task(media.all_back.wait())
            await asyncio.wait({all_back, listening}, timeout=self._line.settle_s, return_when="FIRST_COMPLETED")
            all_back.cancel()
        if listening.done():
            return
        await outbox.send(media.stream.stop())
        await outbox.flush()
        media.ended = ended


def _code(error: Exception) -> int:
    """Twilio's code for a stream that could not be opened."""
    if isinstance(error, TimeoutError):
        return 31901
    if isinstance(error, ConnectionRefusedError):
        return 31902
    return 31924 if isinstance(error, InvalidMessage) else 31920
