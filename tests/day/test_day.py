"""A scripted day: many calls of every kind, and at its end nothing is left but one true record of each."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.caller.account import Account
from bridge.caller.dial import Callee
from bridge.caller.rest import rest_api
from bridge.caller.webhook import Line
from bridge.server import switchboard
from bridge.server.journal import read_transcript
from bridge.server.webhooks import dispatch
from bridge.transcript.records import Call, Ended

from .clock import HURRY, DayTicker
from .held import Held, held, let_go
from .people import ABSENT, OURS, PERSON, PERSONA, SLOW, Receiver, Town, until
from .plan import UNRECORDED, WE_CALL, Caller, plan, truth

AT_ONCE = 16
"""Calls at the same time."""

TOKEN = "0123456789abcdef0123456789abcdef"

TEMPORARY = "temporary"

LONG = ("endless", "idle", "never", "forged_stream")
"""Kinds that take their time, and so no part in the warm-up."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DayTicker:
    """The day's time, which every call goes by; and a folder of its own for temporary files."""
    clock = DayTicker()
    temporary = tmp_path / TEMPORARY
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(logging.root.manager, "disable", logging.ERROR)  # pytest would keep what is logged in memory
    monkeypatch.setattr(switchboard, "time", clock)
    monkeypatch.setattr(dispatch, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(dispatch, "LOOK_SECONDS", 0.2)
    return clock


async def take_place(server: Any, clock: DayTicker, rest_port: int, day: list[Caller]) -> dict[str, Caller]:
    """Let the calls of a day be placed, many at once, and come to their end; the carrier's name of each."""
    account = Account(Line(server.local_url), sid=server.settings.twilio_account_sid, auth_token=TOKEN)
    account._ticker = clock
    account.book |= {
        PERSON: Callee(ring_s=0.1, talks_s=0.2),
        ABSENT: Callee("no-answer", ring_s=0.1),
        SLOW: Callee(ring_s=60),
    }
    placed: dict[str, Caller] = {}
    before = sum(server.switchboard.register.ended.values())
    places = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(rest_api(account, rest_port))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60))
        account.own(
            OURS,
            voice_url=f"{server.local_url}/twilio/voice",
            status_callback=f"{server.local_url}/twilio/call-status",
        )
        town = Town(server, account, http)

        async def one(caller: Caller) -> None:
            async with places:
                placed[await town.call(caller)] = caller

        async with asyncio.TaskGroup() as group:
            for caller in day:
                group.create_task(one(caller))
        await quiet(server, before + sum(bool(caller.ended) for caller in day))
    assert not town.problems, "\n".join(town.problems)
    return placed


def free_port() -> int:
    """Where the account's REST API will be."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def quiet(server: Any, records: int) -> None:
    """So many records have been closed, and all webhooks delivered."""
    board, afterwards = server.switchboard, server.afterwards
    await until(lambda: not (board.calls or board.tokens.outstanding or len(board.away)))
    await until(lambda: sum(board.register.ended.values()) >= records)
    await until(lambda: not (board.register._errands or afterwards.calls._writing))
    await until(lambda: not afterwards.office.outbox.waiting())


def is_true(server: Any, placed: dict[str, Caller]) -> Iterable[str]:
    """What the records say that did not happen, or leave out."""
    rows = Counter(row.carrier_id for row in server.store.list())
    by_carrier = {row.carrier_id: row for row in server.store.list()}
    for carrier_id, caller in placed.items():
        what = f"call {caller.at} ({caller.kind})"
        if rows[carrier_id] != bool(caller.ended):
            yield f"{what} has {rows[carrier_id]} records"
            continue
        if not caller.ended:
            continue
        row = by_carrier[carrier_id]
        records = read_transcript(server.settings.data_dir, row.transcript).records
        ends = [record for record in records if isinstance(record, Ended)]
        headers = [record for record in records if isinstance(record, Call)]
        if [row.ended_how, *(end.how for end in ends)] != [caller.ended] * 2:
            yield f"{what} ended as {row.ended_how}, {[end.how for end in ends]}, and not as {caller.ended}: {ends}"
        direction = "outbound" if caller.kind in WE_CALL else "inbound"
        if [(header.party, header.direction) for header in headers] != [(caller.number, direction)]:
            yield f"{what} is recorded as a call of {headers}"
        kept = (server.settings.data_dir / row.transcript).with_suffix(".wav").exists()
        if kept != (row.recording is not None) or (kept and caller.kind in UNRECORDED):
            yield f"{what}: recording in the index {row.recording}, on the disk {kept}"
        if not kept and caller.kind in ("talk", "transfer", "idle", "endless", "nobody", "key_hangup", "called"):
            yield f"{what} was not recorded"
    if unknown := rows.keys() - placed.keys():
        yield f"calls that nobody placed: {unknown}"


def files_left(data_dir: Path, rows: int) -> list[str]:
    """What lies in the data folder besides records: nothing temporary, nothing of no call."""
    found = [path.relative_to(data_dir) for path in data_dir.rglob("*") if path.is_file()]
    stems = {path.stem for path in found if path.suffix == ".jsonl"}
    assert len(stems) == rows
    expected = {"calls.db", "calls.db-wal", "calls.db-shm", "webhooks/lock"}
    return [
        str(path)
        for path in found
        if not (str(path) in expected or path.match("*.key") or (path.parts[0] == "calls" and path.stem in stems))
    ]


async def whole_day(run_server: Any, tmp_path: Path, clock: DayTicker, calls: int, seed: int) -> dict[str, Any]:
    """A warm-up, then the day; what came of it."""
    warm = [caller for caller in plan(20, seed + 1) if caller.kind not in LONG]
    day = plan(calls, seed)
    port = free_port()
    async with (
        Receiver(seed).running() as receiver,
        run_server(
            tmp_path,
            personas={"shop": PERSONA},
            slots=2 * AT_ONCE,
            record=True,
            stream_token_seconds=5.0,
            twilio_account_sid="AC" + "0" * 32,
            twilio_auth_token=TOKEN,
            twilio_api_url=f"http://127.0.0.1:{port}",
            webhook_url=receiver.url,
            webhook_secret="0123456789abcdef",
        ) as server,
    ):
        placed = await take_place(server, clock, port, warm)
        let_go(server)
        before = held(port)
        began = time.monotonic()
        placed |= await take_place(server, clock, port, day)
        took = time.monotonic() - began
        assert_true_records(server, placed, truth([*warm, *day]))
        assert_told(receiver, placed)
        after = await assert_nothing_held(server, port, before)
        assert list((tmp_path / TEMPORARY).iterdir()) == []
    return {
        "calls": len(day),
        "at once": AT_ONCE,
        "hurry": f"{HURRY:g} times",
        "seconds": round(took, 1),
        "ended": dict(truth(day)),
        "webhooks": f"{len(receiver.taken)} taken, {receiver.refused} refused before",
        "open files": f"{before.files.total()} before, {after.files.total()} after",
        "tasks": f"{before.tasks.total()} before, {after.tasks.total()} after",
        "memory blocks": f"{before.blocks} before, {after.blocks} after",
        "memory": f"{before.rss_mb:.1f} MB before, {after.rss_mb:.1f} MB after",
    }


def assert_true_records(server: Any, placed: dict[str, Caller], ends: Counter[str]) -> None:
    """One record of each call, with its true end, on the disk, in the index and in the count."""
    assert not (lies := list(is_true(server, placed))), "\n".join(lies)
    assert Counter(row.ended_how for row in server.store.list()) == ends
    assert server.switchboard.register.ended == ends
    assert files_left(server.settings.data_dir, ends.total()) == []


def assert_told(receiver: Receiver, placed: dict[str, Caller]) -> None:
    """One webhook of each call, with its true end."""
    assert sorted(receiver.taken) == sorted((name, caller.ended) for name, caller in placed.items() if caller.ended)


async def assert_nothing_held(server: Any, rest_port: int, before: Held) -> Held:
    """No slot, no promise, no task, no file, no object of a call, no memory."""
    board = server.switchboard
    assert (board.calls, board.live, len(board.away), board.tokens.outstanding) == (0, {}, 0, 0)
    assert (server.engine.open_slots, board.free) == (0, server.engine.capacity)
    let_go(server)
    with suppress(TimeoutError):  # connections are still being closed
        await until(lambda: (now := held(rest_port)).tasks == before.tasks and now.files <= before.files, seconds=10)
    after = held(rest_port)
    assert after.tasks == before.tasks
    assert after.files <= before.files
    assert after.objects - before.objects == Counter()  # tests before this one may have left some of their own
    assert after.blocks < before.blocks * 1.01
    assert after.rss_mb < before.rss_mb + 32
    return after


async def test_a_day_of_sixty_calls_leaves_one_true_record_of_each_and_nothing_else(
    run_server: Any, tmp_path: Path, clock: DayTicker
) -> None:
    await whole_day(run_server, tmp_path, clock, 60, seed=20)


@pytest.mark.day
async def test_a_day_of_five_hundred_calls_leaves_one_true_record_of_each_and_nothing_else(
    run_server: Any, tmp_path: Path, clock: DayTicker, capsys: pytest.CaptureFixture[str]
) -> None:
    told = await whole_day(run_server, tmp_path, clock, 500, seed=int(os.environ.get("DAY_SEED", "500")))
    with capsys.disabled():
        print("\n" + "\n".join(f"{name:<22} {value}" for name, value in told.items()))
