"""What Twilio does for one call: ring the webhook, open the stream, carry audio both ways, go on where it says.

One call has one clock, the ticker's 20 ms: at each moment the caller's packet is sent and the next 20 ms of the
playout buffer are played. Whoever talks on the line (`Talker`) sees that clock only, so it needs no time of its own.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from bridge.caller.errors import CallError
from bridge.caller.lateness import Lateness
from bridge.caller.outbox import Outbox
from bridge.caller.recording import SILENCE, Packet
from bridge.caller.stream import MediaStream
from bridge.caller.ticker import Ticker
from bridge.caller.twiml import Stream, Verb
from bridge.caller.webhook import CallIds, Line, Webhooks, is_loopback
from bridge.facts.formats import PACKET_MS, PHONE_BYTES_PER_MS, PHONE_PACKET, ULAW_SILENCE

HANDSHAKE_S = 10.0
"""Longest wait for the stream to open (error 31901)."""

MAX_REDIRECTS = 5
"""A longer chain of redirects is a loop."""

Ending = Literal["caller_hung_up", "server_closed", "stream_failed", "not_connected"]


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


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call as the carrier saw it. `heard` and `said` are 8 kHz mu-law on the call's clock, if they were kept."""

    ids: CallIds
    call_id: str = ""
    persona: str = ""
    ended: Ending = "not_connected"
    close_code: int | None = None
    seconds: float = 0.0
    frames: int = 0
    expected_frames: int = 0
    late_ms: tuple[float, ...] = ()
    marks: int = 0
    clears: int = 0
    unplayed_ms: int = 0
    verbs: tuple[Verb, ...] = ()
    after: tuple[Verb, ...] = ()
    problems: tuple[str, ...] = ()
    heard: bytes = b""
    said: bytes = b""

    @property
    def connected(self) -> bool:
        """Whether the stream was opened."""
        return self.ended in ("caller_hung_up", "server_closed")

    @property
    def complete(self) -> bool:
        """Whether the caller ended the call and every frame that was due had come back."""
        return self.ended == "caller_hung_up" and self.frames >= self.expected_frames > 0


@dataclass(slots=True)
class _Media:
    """What a stream in progress has gathered."""

    stream: MediaStream
    lateness: Lateness = field(default_factory=Lateness)
    packets: int = 0
    heard: bytearray = field(default_factory=bytearray)
    said: bytearray = field(default_factory=bytearray)
    close_code: int | None = None
    ended: Ending = "stream_failed"
    all_back: asyncio.Event = field(default_factory=asyncio.Event)


class PhoneCall:
    """One call from ring to hang-up. Use `run` once."""

    def __init__(
        self,
        line: Line,
        talker: Talker,
        ticker: Ticker,
        client: httpx.AsyncClient,
        *,
        keep_audio: bool = True,
        on_connected: Callable[[str], None] = lambda call_id: None,
    ) -> None:
        """`on_connected` is told the bridge's call id (the stream parameter `call_id`) when the stream is open."""
        self._line = line
        self._talker = talker
        self._ticker = ticker
        self._ids = CallIds.new()
        self._webhooks = Webhooks(line, self._ids, client)
        self._keep_audio = keep_audio
        self._on_connected = on_connected
        self._problems: list[str] = []
        self._reports: set[asyncio.Task[None]] = set()
        self._random = random.Random(line.seed)

    async def run(self) -> CallReport:
        """Place the call. Raises `CallError` if the webhook cannot be asked or answers what Twilio refuses."""
        verbs = await self._webhooks.ring()
        place = next((at for at, verb in enumerate(verbs) if verb.stream), None)
        if place is None:
            return CallReport(self._ids, verbs=verbs, after=await self._follow(verbs))
        connect_verb, stream = verbs[place], verbs[place].stream
        assert stream is not None
        media = _Media(MediaStream(self._ids, self._line.account_sid, stream.parameters))
        after: tuple[Verb, ...] = ()
        try:
            await self._stream(stream, media)
            if media.ended != "caller_hung_up":
                after = await self._after(connect_verb, verbs[place + 1 :], opened=media.ended == "server_closed")
        finally:
            await asyncio.gather(*self._reports)
        return self._report(stream, media, verbs, after)

    # -- the stream

    async def _stream(self, stream: Stream, media: _Media) -> None:
        """Hold the stream for as long as it lasts; `media` is what came of it."""
        if stream.url.startswith("ws:") and self._line.voice_url().startswith("https:"):
            raise CallError(f"the stream's url {stream.url} is not encrypted; Twilio takes wss:// only", 31922)
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
                open_timeout=HANDSHAKE_S,
                close_timeout=5,
                ping_interval=None,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            problem = f"31920: the stream could not be opened: {error or type(error).__name__}"
            self._problems.append(problem)
            self._tell(stream, "stream-error", problem)
            return
        self._tell(stream, "stream-started")
        media.ended = "server_closed"
        async with socket:
            await self._carry(socket, stream, media)
        media.close_code = socket.close_code
        self._tell(stream, "stream-stopped")

    async def _carry(self, socket: ClientConnection, stream: Stream, media: _Media) -> None:
        def sent(number: int) -> None:
            media.lateness.sent(number, time.monotonic())

        async with Outbox(socket, self._line.jitter_ms, self._random, sent) as outbox:
            listening = asyncio.create_task(self._listen(socket, outbox, media), name="listen")
            try:
                await outbox.send(media.stream.connected())
                await outbox.send(media.stream.start())
                self._on_connected(stream.parameters.get("call_id", ""))
                if await self._talk(outbox, media, listening):
                    await self._hang_up(outbox, media, listening)
            except ConnectionClosed:
                media.ended = "server_closed"
            await socket.close()
            await listening

    async def _listen(self, socket: ClientConnection, outbox: Outbox, media: _Media) -> None:
        """Take what the bridge sends until the socket closes."""
        try:
            async for message in socket:
                size, marks = media.stream.receive(message)
                if size:
                    media.lateness.received(size, time.monotonic())
                    if media.lateness.frames >= media.lateness.expected:
                        media.all_back.set()
                for name in marks:
                    await outbox.send(media.stream.mark(name))
        except ConnectionClosed as error:
            if media.ended != "caller_hung_up":
                self._problems.append(f"31921: the bridge closed the stream in error: {error}")

    async def _talk(self, outbox: Outbox, media: _Media, listening: asyncio.Task[None]) -> bool:
        """Speak and play until the caller hangs up (True) or the bridge closes the socket (False)."""
        phase = self._ticker.seat()
        before = await self._ticker.wait(phase)
        while not listening.done():
            now = await self._ticker.wait(phase)
            for _ in range(now - before):
                if await self._moment(outbox, media):
                    return True
            before = now
        return False

    async def _moment(self, outbox: Outbox, media: _Media) -> bool:
        """20 ms of the call. True: the caller hangs up."""
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

    async def _hang_up(self, outbox: Outbox, media: _Media, listening: asyncio.Task[None]) -> None:
        """Send `stop`, after waiting for the frames still due where the line says so."""
        await outbox.flush()
        media.all_back.clear()
        if self._line.settle_s and media.lateness.frames < media.lateness.expected:
            all_back = asyncio.create_task(media.all_back.wait())
            await asyncio.wait({all_back, listening}, timeout=self._line.settle_s, return_when="FIRST_COMPLETED")
            all_back.cancel()
        if listening.done():
            return
        await outbox.send(media.stream.stop())
        await outbox.flush()
        media.ended = "caller_hung_up"

    # -- what comes after

    async def _after(self, connect_verb: Verb, rest: Sequence[Verb], *, opened: bool) -> tuple[Verb, ...]:
        """What the call goes on with once the bridge has closed the stream, or could not be reached."""
        try:
            if opened and connect_verb.action:
                return await self._follow(await self._webhooks.ask(connect_verb.action))
            return await self._follow(tuple(rest))
        except CallError as error:
            self._problems.append(f"{error.code}: {error}")
            return ()

    async def _follow(self, verbs: tuple[Verb, ...]) -> tuple[Verb, ...]:
        """The verbs, those of redirects included. Raises `CallError`."""
        done: list[Verb] = []
        for _ in range(MAX_REDIRECTS):
            place = next((at for at, verb in enumerate(verbs) if verb.name == "Redirect"), None)
            if place is None:
                return (*done, *verbs)
            done += verbs[: place + 1]
            verbs = await self._webhooks.ask(verbs[place].text)
        raise CallError(f"more than {MAX_REDIRECTS} redirects, one after the other", 11205)

    def _tell(self, stream: Stream, event: str, problem: str = "") -> None:
        """Report the stream's state beside the call, if the TwiML asks for it."""
        if not stream.status_callback:
            return
        task = asyncio.create_task(self._stream_event(stream, event, problem), name=event)
        self._reports.add(task)

    async def _stream_event(self, stream: Stream, event: str, problem: str) -> None:
        try:
            await self._webhooks.stream_event(stream.status_callback, event, stream.name, problem)
        except CallError as error:
            self._problems.append(f"{error.code}: {error}")

    def _report(self, stream: Stream, media: _Media, verbs: tuple[Verb, ...], after: tuple[Verb, ...]) -> CallReport:
        buffer = media.stream.buffer
        more = media.stream.problem_count - len(media.stream.problems)
        problems = [*self._problems, *media.stream.problems, *([f"and {more} more of these"] if more else [])]
        if buffer.dropped:
            problems.append(f"{buffer.dropped // PHONE_BYTES_PER_MS} ms of audio came more than ten minutes ahead")
        return CallReport(
            self._ids,
            call_id=stream.parameters.get("call_id", ""),
            persona=stream.parameters.get("persona", ""),
            ended=media.ended,
            close_code=media.close_code,
            seconds=media.packets * PACKET_MS / 1000,
            frames=media.lateness.frames,
            expected_frames=media.lateness.expected,
            late_ms=tuple(media.lateness.late_ms()),
            marks=media.stream.marks,
            clears=buffer.clears,
            unplayed_ms=buffer.pending // PHONE_BYTES_PER_MS,
            verbs=verbs,
            after=after,
            problems=tuple(problems),
            heard=bytes(media.heard),
            said=bytes(media.said),
        )
