"""Placing one recorded call: the carrier, the caller and the server's record of it, joined into one result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bridge.caller.carrier import CallReport, PhoneCall
from bridge.caller.errors import CallError
from bridge.caller.lateness import percentile
from bridge.caller.recording import stereo_wav
from bridge.caller.records import CallRecords, Record, located
from bridge.caller.script import Script
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client


@dataclass(frozen=True, slots=True)
class CallResult:
    """What `callbridge call --json` prints. Times are milliseconds of the call's clock, the caller's own audio.

    `response_ms` has an entry for each recording that was played (see `Script.response_ms`). `ended` is how the
    server says that the call ended, `ended_by` who ended the stream as the carrier saw it, `after` the verbs that the
    call went on with. `problems` are breaches of the carrier's protocol, with Twilio's error codes.
    """

    call_id: str
    persona: str | None
    seconds: float
    turns: list[dict[str, Any]]
    response_ms: list[int | None]
    gate: list[dict[str, Any]]
    late_frames_p99_ms: float | None
    transcript: str | None
    recording: str | None
    engine: str | None = None
    ended: str | None = None
    ended_by: str = "not_connected"
    late_frames_p50_ms: float | None = None
    frames: int = 0
    frames_expected: int = 0
    marks: int = 0
    clears: int = 0
    unplayed_ms: int = 0
    after: list[dict[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    heard: str | None = None

    @property
    def connected(self) -> bool:
        """Whether there was a call at all."""
        return self.ended_by in ("caller_hung_up", "server_closed")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values under the names above."""
        return asdict(self)


async def place_call(
    line: Line,
    script: Script,
    *,
    api_key: str | None = None,
    on_record: Callable[[Record], None] = lambda record: None,
    out: Path | None = None,
    data_dir: Path | None = None,
) -> CallResult:
    """Place a call and return what came of it. `out` takes `heard.wav` and `result.json`. Raises `CallError`.

    `on_record` is handed each record of the server's transcript while the call goes on. With `data_dir`, that of the
    server on this machine, transcript and recording are told as the files that they are, else as addresses.
    """
    async with http_client(line.url) as client:
        records = CallRecords(client, line.url, api_key)
        report, notes = await _with_live_records(line, script, client, records, on_record)
        record: Record = {}
        if report.call_id and report.connected:
            try:
                record, notes = located(await records.fetch(report.call_id), line.url, data_dir), []
            except CallError as error:
                notes = [str(error)]
    return _save(_result(report, script, record, notes), report, out)


async def _with_live_records(
    line: Line, script: Script, client: httpx.AsyncClient, records: CallRecords, on_record: Callable[[Record], None]
) -> tuple[CallReport, list[str]]:
    """The call, and notes on why the server's record of it could not be read."""
    following: list[asyncio.Task[None]] = []

    def connected(call_id: str) -> None:
        if call_id:
            following.append(asyncio.create_task(records.follow(call_id, on_record), name="follow records"))

    ticker = Ticker()
    try:
        async with ticker.running():
            report = await PhoneCall(line, script, ticker, client, on_connected=connected).run()
        notes = [] if report.call_id or not report.connected else ["the stream carries no parameter call_id"]
        # The server ends the list of records once it has written the call's end.
        done, late = await asyncio.wait(following, timeout=5.0) if following else (set(), set())
        for task in done:
            try:
                task.result()
            except CallError as error:
                notes.append(str(error))
        notes += ["the server did not finish its record of the call within 5 s" for _ in late]
        return report, notes
    finally:
        for task in following:
            task.cancel()


def _result(report: CallReport, script: Script, record: Record, notes: list[str]) -> CallResult:
    return CallResult(
        call_id=report.call_id or report.ids.call_sid,
        persona=record.get("persona") or report.persona or None,
        seconds=report.seconds,
        turns=[_only(turn, "speaker", "text", "start_ms", "end_ms") for turn in record.get("turns", [])],
        response_ms=script.response_ms,
        gate=[_only(verdict, "phrase", "action", "at_ms") for verdict in record.get("gate", [])],
        late_frames_p99_ms=percentile(report.late_ms, 99),
        transcript=record.get("transcript"),
        recording=record.get("recording"),
        engine=record.get("engine"),
        ended=record.get("ended"),
        ended_by=report.ended,
        late_frames_p50_ms=percentile(report.late_ms, 50),
        frames=report.frames,
        frames_expected=report.expected_frames,
        marks=report.marks,
        clears=report.clears,
        unplayed_ms=report.unplayed_ms,
        after=[{"verb": verb.name, "text": verb.text} for verb in report.after],
        problems=list(report.problems),
        notes=notes,
    )


def _only(source: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: source.get(name) for name in names}


def _save(result: CallResult, report: CallReport, out: Path | None) -> CallResult:
    """Write the result's files into `out`, if there is one, and say in the result where the audio lies."""
    if out is None:
        return result
    try:
        out.mkdir(parents=True, exist_ok=True)
        heard = out / "heard.wav"
        heard.write_bytes(stereo_wav(report.said, report.heard))
        result = replace(result, heard=str(heard))
        (out / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(result.as_dict()), indent=2) + b"\n")
    except OSError as error:
        raise CallError(f"the result cannot be written to {out}: {error.strerror or error}") from None
    return result
