"""Many calls at once: one event loop, one ticker, signals encoded beforehand."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, cycle, islice
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bridge.caller.carrier import CallReport, PhoneCall, Talker
from bridge.caller.errors import CallError
from bridge.caller.lateness import percentile
from bridge.caller.recording import Recording, bundled, speech_like
from bridge.caller.script import Chatter, Manners, Script
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client

RAMP_S: Final = 2.0
"""The calls begin evenly spread over this time."""

SETTLE_S: Final = 2.0
"""How long each call waits at its end for frames that are still on their way; later ones are lost."""

PHASES: Final = 20
"""Moments within 20 ms at which calls send: one to the millisecond."""

SAMPLE_S: Final = 1.0
"""Time between two readings of the server's memory."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server's processes have used: CPU seconds since their start, resident megabytes now."""

    cpu_seconds: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What `callbridge load --json` prints.

    A call is `completed` if the caller ended it and every expected frame had come back; the others are `lost`.
    `cpu_ms_per_call_second` and `rss_mb` (the highest reading) are those of the server and its engine process, None
    where the server shows no figures. `caller_…` is this side: what the measurement itself costs, and how far
    behind its own clock it was.
    """

    calls: int
    completed: int
    lost: int
    late_frames_p50_ms: float | None
    late_frames_p99_ms: float | None
    cpu_ms_per_call_second: float | None
    rss_mb: float | None
    seconds: float
    engine: str
    response_ms_p50: float | None
    response_ms_p95: float | None
    responses: int
    unanswered: int
    rss_mb_start: float | None
    rss_mb_middle: float | None
    rss_mb_end: float | None
    caller_cpu_ms_per_call_second: float
    caller_late_p99_ms: float | None
    frames: int
    frames_expected: int
    call_seconds: float
    problems: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values under the names above."""
        return asdict(self)


async def place_load(
    line: Line,
    calls: int,
    seconds: float,
    engine: str,
    *,
    recordings: Sequence[Recording] | None = None,
    on_progress: Callable[[float, int, int], None] = lambda elapsed, running, lost: None,
) -> LoadResult:
    """Hold `calls` calls of `seconds` each. Raises `CallError` if the server cannot be reached at all.

    With the echo engine the callers talk without pause; with any other each plays `recordings` (default: those that
    come with the package) in turn and waits for the answers. `on_progress` is told, once a second, the seconds since
    the beginning, the calls in progress and those that failed.
    """
    talkers = _talkers(calls, seconds, engine, recordings)
    async with http_client(line.url, connections=calls + 2) as client:
        readings = [await read_usage(client, line.url)]
        ticker = Ticker(min(PHASES, calls))
        cpu_before = time.process_time()
        async with ticker.running():
            tasks = [
                asyncio.create_task(
                    _one(_line_of(line, number), talker, ticker, client, delay),
                    name=f"call {number}",
                )
                for number, (talker, delay) in enumerate(zip(talkers, _ramp(calls), strict=True))
            ]
            await _watch(tasks, client, line.url, readings, on_progress)
        outcomes = [task.result() for task in tasks]
        cpu = time.process_time() - cpu_before
        readings.append(await read_usage(client, line.url))
    return _result(outcomes, talkers, readings, engine, seconds, cpu, ticker)


def _talkers(calls: int, seconds: float, engine: str, recordings: Sequence[Recording] | None) -> list[Talker]:
    if engine == "echo" and recordings is None:
        voice = speech_like(10.0, seed=1)
        return [Chatter(voice, seconds, offset=37 * number) for number in range(calls)]
    given = list(recordings or bundled())
    manners = Manners(call=round(seconds * 1000))
    # Enough for the whole call, whatever the answers' length; each caller begins with another recording.
    needed = 1 + round(seconds / min(recording.seconds for recording in given))
    return [Script(list(islice(cycle(given), number, number + needed)), manners) for number in range(calls)]


def _line_of(line: Line, number: int) -> Line:
    """A caller's own line: with a number of their own, since servers bound the calls of one number."""
    return replace(line, seed=line.seed + number, settle_s=SETTLE_S, caller=f"+1202555{number % 10_000:04}")


def _ramp(calls: int) -> list[float]:
    return [RAMP_S * number / calls for number in range(calls)]


async def _one(
    line: Line, talker: Talker, ticker: Ticker, client: httpx.AsyncClient, delay: float
) -> CallReport | CallError:
    await asyncio.sleep(delay)
    try:
        return await PhoneCall(line, talker, ticker, client, keep_audio=False).run()
    except CallError as error:
        return error


async def _watch(
    tasks: list[asyncio.Task[CallReport | CallError]],
    client: httpx.AsyncClient,
    url: str,
    readings: list[Usage | None],
    on_progress: Callable[[float, int, int], None],
) -> None:
    """Wait for the calls; read the server's memory and report progress meanwhile."""
    began = time.monotonic()
    running: set[asyncio.Task[CallReport | CallError]] = set(tasks)
    while running:
        done, running = await asyncio.wait(running, timeout=SAMPLE_S)
        for task in done:
            task.result()
        failed = sum(_failed(task.result()) for task in tasks if task.done())
        on_progress(time.monotonic() - began, len(running), failed)
        if running:
            readings.append(await read_usage(client, url))


def _failed(outcome: CallReport | CallError) -> bool:
    return isinstance(outcome, CallError) or not outcome.complete


async def read_usage(client: httpx.AsyncClient, url: str) -> Usage | None:
    """The server's CPU time and memory, its engine process included, from `/metrics`; None if it does not tell."""
    try:
        response = await client.get(f"{url.rstrip('/')}/metrics", timeout=5.0)
    except httpx.HTTPError:
        return None
    if response.status_code != httpx.codes.OK:
        return None
    totals = {"callbridge_cpu_seconds_total": 0.0, "callbridge_rss_bytes": 0.0}
    try:
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                if sample.name in totals:
                    totals[sample.name] += sample.value
    except ValueError:
        return None
    return Usage(totals["callbridge_cpu_seconds_total"], totals["callbridge_rss_bytes"] / 1e6)


def _result(
    outcomes: Sequence[CallReport | CallError],
    talkers: Sequence[Talker],
    readings: Sequence[Usage | None],
    engine: str,
    seconds: float,
    cpu: float,
    ticker: Ticker,
) -> LoadResult:
    reports = [outcome for outcome in outcomes if isinstance(outcome, CallReport)]
    call_seconds = sum(report.seconds for report in reports)
    late = list(chain.from_iterable(report.late_ms for report in reports))
    responses = [response for talker in talkers if isinstance(talker, Script) for response in talker.response_ms]
    answered = [response for response in responses if response is not None]
    completed = sum(report.complete for report in reports)
    known = [reading for reading in readings if reading]
    memory = [round(reading.rss_mb, 1) for reading in known]
    used = known[-1].cpu_seconds - known[0].cpu_seconds if len(known) > 1 else None
    return LoadResult(
        calls=len(outcomes),
        completed=completed,
        lost=len(outcomes) - completed,
        late_frames_p50_ms=percentile(late, 50),
        late_frames_p99_ms=percentile(late, 99),
        cpu_ms_per_call_second=round(used * 1000 / call_seconds, 3) if used is not None and call_seconds else None,
        rss_mb=max(memory, default=None),
        seconds=seconds,
        engine=engine,
        response_ms_p50=percentile(answered, 50),
        response_ms_p95=percentile(answered, 95),
        responses=len(answered),
        unanswered=len(responses) - len(answered),
        rss_mb_start=memory[0] if memory else None,
        rss_mb_middle=memory[len(memory) // 2] if memory else None,
        rss_mb_end=memory[-1] if memory else None,
        caller_cpu_ms_per_call_second=round(cpu * 1000 / call_seconds, 3) if call_seconds else 0.0,
        caller_late_p99_ms=percentile(ticker.late_ms, 99),
        frames=sum(report.frames for report in reports),
        frames_expected=sum(report.expected_frames for report in reports),
        call_seconds=round(call_seconds, 2),
        problems=dict(_problems(outcomes)),
    )


def _problems(outcomes: Sequence[CallReport | CallError]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for outcome in outcomes:
        if isinstance(outcome, CallError):
            counted[str(outcome)] += 1
            continue
        counted.update(outcome.problems)
        if outcome.ended == "server_closed":
            counted["the server closed the stream"] += 1
        elif outcome.ended == "not_connected":
            counted["no stream was offered: " + ", ".join(verb.name for verb in outcome.verbs)] += 1
        elif outcome.ended == "caller_hung_up" and not outcome.complete:
            counted["frames did not come back"] += 1
    return counted
