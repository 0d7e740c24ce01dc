"""What Twilio does for one call: ring the webhook, carry out the verbs that it answers, tell how the call goes.

One call has one clock, the ticker's 20 ms: at each moment the caller's packet is sent and the next 20 ms of the
playout buffer are played. Whoever talks on the line (`Talker`) sees that clock only, so it needs no time of its own.
Outside of a stream no time passes, except where somebody is dialled or something is played: what is said there is
noted, not spoken.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import httpx

from bridge.audio import mulaw
from bridge.audio.wav import read_wav
from bridge.caller.dial import Callee, Dialled, dial, pressed
from bridge.caller.errors import CallError
from bridge.caller.live_stream import Ending, LiveStream, Media, Step, Talker
from bridge.caller.recording import to_phone
from bridge.caller.ticker import Ticker
from bridge.caller.twiml import Verb
from bridge.caller.webhook import CallIds, Line, Webhooks
from bridge.facts.formats import PHONE_BYTES_PER_MS, PHONE_RATE

__all__ = ["MAX_REDIRECTS", "CallReport", "Ending", "PhoneCall", "Step", "Talker"]

MAX_REDIRECTS = 20
"""A longer chain of redirects is a loop."""

MAX_PLAYED = 600 * PHONE_RATE
"""The last ten minutes of what was played are kept."""

MAX_VERBS = 500
"""A call with more verbs runs in circles."""


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call as the carrier saw it. `heard` and `said` are 8 kHz mu-law on the call's clock, if they were kept.

    `verbs` are those of the first answer, `after` those that were carried out beside the first stream's `<Connect>`,
    `dials` what came of dialling people. A call may come back from a person to the agent: then the figures are those
    of all its `streams` together, and `ended` is how the last of them ended. `answer_ms` is the time from the first
    stream's `start` to its first agent audio, `played` what `<Play>` let the caller hear beside the streams, 8 kHz
    mu-law.
    """

    ids: CallIds
    call_id: str = ""
    persona: str = ""
    ended: Ending = "not_connected"
    close_code: int | None = None
    seconds: float = 0.0
    frames: int = 0
    expected_frames: int = 0
    answer_ms: float | None = None
    late_ms: tuple[float, ...] = ()
    marks: int = 0
    clears: int = 0
    unplayed_ms: int = 0
    verbs: tuple[Verb, ...] = ()
    after: tuple[Verb, ...] = ()
    dials: tuple[Dialled, ...] = ()
    streams: int = 0
    problems: tuple[str, ...] = ()
    heard: bytes = b""
    said: bytes = b""
    played: bytes = b""

    @property
    def connected(self) -> bool:
        """Whether a stream was opened."""
        return self.ended not in ("stream_failed", "not_connected")

    @property
    def complete(self) -> bool:
        """Whether the caller ended the call and every frame that was due had come back."""
        return self.ended == "caller_hung_up" and self.frames >= self.expected_frames > 0


class PhoneCall:
    """One call from ring to hang-up. Use `run` once; `redirect` and `hang_up` are what a REST request does to it."""

    def __init__(
        self,
        line: Line,
        talker: Talker,
        ticker: Ticker,
        client: httpx.AsyncClient,
        *,
        keep_audio: bool = True,
        on_connected: Callable[[str], None] = lambda call_id: None,
        presses: Callable[[Verb], str] = lambda gather: "",
        book: Mapping[str, Callee] | None = None,
        ids: CallIds | None = None,
    ) -> None:
        """`on_connected` is told the bridge's call id (the stream parameter `call_id`) when the stream is open.

        `presses` gives the keys with which the person answers a `<Gather>`; `book` says who answers which number.
        """
        self.ids = ids or CallIds.new()
        self.over = False
        self._line, self._talker, self._ticker, self._client = line, talker, ticker, client
        self._webhooks = Webhooks(line, self.ids, client)
        self._keep_audio, self._on_connected = keep_audio, on_connected
        self._presses, self._book = presses, book or {}
        self._problems: list[str] = []
        self._done: list[Verb] = []
        self._media: list[Media] = []
        self._dials: list[Dialled] = []
        self._played = bytearray()
        self._redirects = self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._random = random.Random(line.seed)
        self._order: Callable[[], Awaitable[tuple[Verb, ...]]] | None = None
        self._ordered = asyncio.Event()

    async def run(self, verbs: tuple[Verb, ...] | None = None, **more: str) -> CallReport:
        """Place the call: ring the voice webhook (with `more` in its form), or begin with `verbs`.

        Raises `CallError` if the webhook cannot be asked or answers what Twilio refuses before there was a stream;
        what goes wrong later is among the report's problems.
        """
        try:
            first = await self._webhooks.ring(**more) if verbs is None else verbs
            await self._carry_out(first)
        except CallError as error:
            if not self._media:
                raise
            self._problems.append(f"{error.code}: {error}")
        finally:
            self.hang_up()
            await asyncio.gather(*self._tasks)
        return self._report(first)

    def redirect(self, verbs: Callable[[], Awaitable[tuple[Verb, ...]]]) -> None:
        """Leave what is going on and go on with the verbs that `verbs` gives."""
        self._order = verbs
        self._ordered.set()

    def hang_up(self) -> None:
        """End the call."""
        self.over = True
        self._ordered.set()

    def later(self, work: Awaitable[None]) -> None:
        """Do something beside the call; it is waited for at the call's end. A `CallError` becomes a problem."""

        async def noted() -> None:
            try:
                await work
            except CallError as error:
                self._problems.append(f"{error.code}: {error}")

        self._tasks.add(asyncio.create_task(noted()))

    async def wait(self, seconds: float) -> bool:
        """Let so many seconds pass. False: the call was ended or led elsewhere meanwhile."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._ordered.wait()
            except TimeoutError:
                pass
        return not self._ordered.is_set()

    @property
    def webhooks(self) -> Webhooks:
        """The HTTP side of the call."""
        return self._webhooks

    # -- one verb after the other

    async def _carry_out(self, verbs: tuple[Verb, ...]) -> None:
        while not self.over:
            if order := self._order:
                self._order = None
                self._ordered.clear()
                verbs = await order()
            if not verbs:
                return
            verbs = await self._verb(verbs[0], verbs[1:])

    async def _verb(self, verb: Verb, rest: tuple[Verb, ...]) -> tuple[Verb, ...]:
        """Carry out `verb`; give what the call goes on with."""
        self._count += 1
        if self._count > MAX_VERBS:
            raise CallError(f"more than {MAX_VERBS} verbs in one call", 11205)
        if verb.name != "Connect" or self._media:
            self._done.append(verb)
        match verb.name:
            case "Connect":
                return await self._connect(verb, rest)
            case "Dial":
                return await self._dial(verb, rest)
            case "Redirect":
                self._redirects += 1
                if self._redirects > MAX_REDIRECTS:
                    raise CallError(f"more than {MAX_REDIRECTS} redirects, one after the other", 11205)
                return await self._webhooks.ask(verb.text)
            case "Gather" if (form := pressed(verb, self._presses(verb))) is not None:
                return await self._webhooks.ask(verb.action or self._webhooks.here, **form)
            case "Play" if verb.text:
                await self._play(verb.text)
            case "Hangup" | "Reject":
                self.over = True
        return rest

    async def _connect(self, verb: Verb, rest: tuple[Verb, ...]) -> tuple[Verb, ...]:
        stream = verb.stream
        assert stream is not None
        ids = replace(self.ids, stream_sid=CallIds.new().stream_sid) if self._media else self.ids
        webhooks = self._webhooks

        def report(event: str, problem: str) -> None:
            if stream.status_callback:
                self.later(webhooks.stream_event(stream.status_callback, event, stream.name, problem, ids.stream_sid))

        live = LiveStream(
            self._line,
            ids,
            stream,
            self._talker,
            self._ticker,
            keep_audio=self._keep_audio,
            report=report,
            on_connected=self._on_connected,
            interrupted=self._interrupted,
            randomness=self._random,
        )
        self._media.append(live.media)
        self._redirects = 0
        ended = (await live.run()).ended
        if ended == "caller_hung_up":
            self.over = True
        if ended == "server_closed" and verb.action:
            return await webhooks.ask(verb.action)
        return rest

    def _interrupted(self) -> Ending | None:
        return "hung_up" if self.over else "redirected" if self._order else None

    async def _dial(self, verb: Verb, rest: tuple[Verb, ...]) -> tuple[Verb, ...]:
        webhooks = self._webhooks
        dialled = await dial(verb, self._line, self.ids, webhooks.here, self._client, self._book, self.wait)
        self._dials.append(dialled)
        if self.over or not verb.action:
            return rest
        # A redirect by REST ends the dialled call as well: Twilio asks `action` of it, and leaves its answer aside.
        return await webhooks.ask(verb.action, **dialled.form())

    async def _play(self, url: str) -> None:
        try:
            rate, samples = read_wav(await self._webhooks.audio(url))
        except ValueError as error:
            raise CallError(f"{url} cannot be played: {error}", 13420) from None
        began = time.monotonic()
        self._redirects = 0  # what takes its time is no loop
        ulaw = mulaw.encode_float(to_phone(samples, rate))
        await self.wait(min(len(ulaw) / PHONE_RATE, self._line.play_s))
        heard = round((time.monotonic() - began) * PHONE_RATE)
        self._played = (self._played + ulaw[:heard])[-MAX_PLAYED:]

    def _report(self, verbs: tuple[Verb, ...]) -> CallReport:
        report = CallReport(
            self.ids, verbs=verbs, after=tuple(self._done), dials=tuple(self._dials), played=bytes(self._played)
        )
        if not self._media:
            return replace(report, problems=tuple(self._problems))
        media, parameters = self._media, self._media[0].stream.parameters
        streams = [one.stream for one in media]
        return replace(
            report,
            call_id=parameters.get("call_id", ""),
            persona=parameters.get("persona", ""),
            ended=media[-1].ended,
            close_code=media[-1].close_code,
            seconds=sum(one.seconds for one in media),
            frames=sum(one.lateness.frames for one in media),
            expected_frames=sum(one.lateness.expected for one in media),
            answer_ms=media[0].answer_ms,
            late_ms=tuple(late for one in media for late in one.lateness.late_ms()),
            marks=sum(stream.marks for stream in streams),
            clears=sum(stream.buffer.clears for stream in streams),
            unplayed_ms=sum(stream.buffer.pending for stream in streams) // PHONE_BYTES_PER_MS,
            streams=len(media),
            problems=(*(problem for one in media for problem in one.all_problems()), *self._problems),
            heard=b"".join(one.heard for one in media),
            said=b"".join(one.said for one in media),
        )
