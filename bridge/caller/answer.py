"""How soon a call is answered: from the stream's `start` to the first agent audio, over many calls."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import httpx

from bridge.caller.carrier import PhoneCall
from bridge.caller.errors import CallError
from bridge.caller.lateness import percentile
from bridge.caller.live_stream import Step
from bridge.caller.recording import speech_like
from bridge.caller.script import Chatter
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client
from bridge.facts.formats import FRAME_MS, PACKET_MS

PATIENCE_MS: Final = 10_000
"""A call that has heard nothing for so long is not answered."""

FOR_EVER_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """What `callbridge bench answer --json` prints. Times are milliseconds; None where no call was answered.

    `beyond_first_frame_…` is what the answer takes longer than the caller's first frame of 80 ms takes to be spoken:
    without one there is nothing to answer. `problems` counts why calls were not answered.
    """

    calls: int
    answered: int
    beside: int
    engine: str
    answer_ms_p50: float | None
    answer_ms_p99: float | None
    answer_ms_max: float | None
    beyond_first_frame_ms_p50: float | None
    beyond_first_frame_ms_p99: float | None
    problems: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values under the names above."""
        return asdict(self)


class Listener:
    """A caller that says nothing and hangs up at the first sound from the other end. It is a `Talker`."""

    def __init__(self) -> None:
        """Nothing has been heard."""
        self._waited_ms = 0

    def step(self, heard: bytes) -> Step:
        """See `Talker.step`."""
        self._waited_ms += PACKET_MS
        return Step(hang_up=bool(heard) or self._waited_ms > PATIENCE_MS)


async def measure_answers(
    line: Line,
    calls: int,
    engine: str,
    *,
    beside: int = 0,
    seed: int = 0,
    on_call: Callable[[int], None] = lambda done: None,
) -> AnswerResult:
    """Place `calls` calls, one after the other, while `beside` other callers talk without pause.

    Each begins at another moment of the engine's 80 ms, chosen by `seed`. `on_call` is told how many are done.
    """
    chance = random.Random(seed)
    times: list[float] = []
    problems: Counter[str] = Counter()
    async with http_client(line.url, connections=beside + 2) as client, _talking(line, beside, client):
        for number in range(calls):
            await asyncio.sleep(chance.uniform(0, FRAME_MS / 1000))
            try:
                times.append(await _answer_ms(_line_of(line, number), client))
            except CallError as error:
                problems[str(error)] += 1
            on_call(number + 1)
    p50, p99 = percentile(times, 50), percentile(times, 99)
    return AnswerResult(
        calls,
        len(times),
        beside,
        engine,
        p50,
        p99,
        percentile(times, 100),
        None if p50 is None else round(p50 - FRAME_MS, 2),
        None if p99 is None else round(p99 - FRAME_MS, 2),
        dict(problems),
    )


async def _answer_ms(line: Line, client: httpx.AsyncClient) -> float:
    """Milliseconds from `start` to the first agent audio of one call. Raises `CallError` if there is none."""
    ticker = Ticker()  # one for each call: its packets come at moments of their own
    async with ticker.running():
        report = await PhoneCall(line, Listener(), ticker, client, keep_audio=False).run()
    if report.answer_ms is None:
        verbs = ", ".join(verb.name for verb in report.verbs)
        raise CallError(report.problems[0] if report.problems else f"nothing was heard; the server answered {verbs}")
    return report.answer_ms


@asynccontextmanager
async def _talking(line: Line, count: int, client: httpx.AsyncClient) -> AsyncIterator[None]:
    """So many other calls, from when all of them are answered to the end of the block."""
    voice, ticker = speech_like(10.0, seed=1), Ticker(max(1, count))
    connected = asyncio.Semaphore(0)
    placed = [
        PhoneCall(
            _line_of(line, 9_999 - number),
            Chatter(voice, FOR_EVER_S, offset=37 * number),
            ticker,
            client,
            keep_audio=False,
            on_connected=lambda call_id: connected.release(),
        )
        for number in range(count)
    ]
    async with ticker.running():
        running = [asyncio.create_task(call.run()) for call in placed]
        try:
            await _all_of(connected, running)
            yield
        finally:
            for call in placed:
                call.hang_up()
            ended = await asyncio.gather(*running, return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error


async def _all_of(connected: asyncio.Semaphore, running: list[asyncio.Task[Any]]) -> None:
    """Wait until each call is connected. Raises `CallError` if one ends before."""
    waiting = asyncio.gather(*(connected.acquire() for _ in running))
    try:
        done, _ = await asyncio.wait([waiting, *running], return_when=asyncio.FIRST_COMPLETED)
        if waiting not in done:
            raise CallError("the server does not take as many calls as are to be held beside those that are measured")
    finally:
        waiting.cancel()


def _line_of(line: Line, number: int) -> Line:
    """A caller's own line: servers bound the calls of one number."""
    return replace(line, caller=f"+1202555{number % 10_000:04}")
