"""Streams that fail, each for real: what the caller is led to, what is recorded and logged, and the slot free again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.caller.dial import Listener
from bridge.server.journal import read_transcript
from bridge.transcript.records import Problem

from .proxy import Proxy

NUMBER, CALLER, PERSON = "+12025550111", "+12025550199", "+12025550112"


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def bridge(serve: Any, twilio: Any, **mistakes: Any) -> Any:
    """A server whose calls come through a proxy, and the number that leads to it."""
    async with Proxy(0, certificate="", **mistakes).running() as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        async with serve(slots=1, public_url=url, **twilio.settings) as server:
            proxy.upstream = server.port
            twilio.account.own(NUMBER, voice_url=f"{url}/twilio/voice", status_callback=f"{url}/twilio/call-status")
            yield server


async def failed(server: Any, code: str, caplog: Any) -> None:
    """The slot is free within a second, and the error is in the call's one record and in the log, in words."""
    await until(lambda: server.switchboard.free == 1, seconds=1.0)
    await until(lambda: [row for row in server.store.list() if row.ended_how])
    [row] = server.store.list()
    records = read_transcript(server.settings.data_dir, row.transcript).records
    problems = [record.what for record in records if isinstance(record, Problem)]
    assert any(what.startswith(f"Twilio reports stream error {code}: ") for what in problems), problems
    assert f"stream error {code}" in caplog.text


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("code", "mistakes"),
    [
        ("31901", {"where": "/media/", "hang": True}),
        ("31920", {"where": "/media/", "answer": NOT_FOUND}),
        ("31920", {"drop": ("upgrade",)}),
        ("31920", {"path": lambda path: path.replace("/media/", "/media/x")}),
        ("31924", {"where": "/media/", "answer": b"SSH-2.0-OpenSSH_9.6\r\n"}),
    ],
    ids=["no-answer", "not-found", "no-upgrade", "another-path", "no-http"],
)
async def test_a_stream_that_cannot_be_opened_leads_to_an_apology_and_a_person(
    serve: Any, twilio: Any, caplog: Any, code: str, mistakes: dict[str, Any]
) -> None:
    async with bridge(serve, twilio, **mistakes) as server:
        twilio.account.line = replace(twilio.account.line, handshake_s=0.3)
        report = await twilio.account.ring(NUMBER, CALLER, Listener(1))
        assert report.problems[0].startswith(f"{code}:")
        assert report.ended == "stream_failed"
        assert [verb.name for verb in report.after] == ["Say", "Dial"]
        assert report.dials[0].number == PERSON
        await failed(server, code, caplog)
        assert server.store.list()[0].ended_how == "never_connected"


async def test_when_nobody_listens_any_more_the_caller_is_led_on_by_what_was_answered_before(
    serve: Any, twilio: Any
) -> None:
    async with bridge(serve, twilio, once=True) as server:
        report = await twilio.account.ring(NUMBER, CALLER, Listener(1))
        assert report.problems[0].startswith("31902:")
        assert [verb.name for verb in report.after] == ["Say", "Dial"]
        # Nobody could tell the server: the promise of a slot lapses by itself.
        assert server.switchboard.free == 0
        assert server.switchboard.tokens.outstanding == 1


async def test_a_stream_whose_address_is_not_encrypted_is_not_even_tried(serve: Any, twilio: Any, caplog: Any) -> None:
    host = "bridge.example.com"
    # Twilio calls it by https, but the server was told an address without.
    async with serve(slots=1, public_url=f"http://{host}") as server:
        twilio.account.line = replace(twilio.account.line, url=server.local_url, public_url=f"https://{host}")
        twilio.account.own(NUMBER, voice_url=f"https://{host}/twilio/voice")
        report = await twilio.account.ring(NUMBER, CALLER, Listener(1))
        assert report.problems[0].startswith("31922:")
        assert [verb.name for verb in report.after] == ["Say", "Dial"]
        await failed(server, "31922", caplog)


async def test_a_stream_whose_messages_break_the_protocol_ends_in_an_apology_and_a_person(
    serve: Any, twilio: Any, caplog: Any
) -> None:
    async with bridge(serve, twilio, garble=True) as server:
        report = await twilio.account.ring(NUMBER, CALLER, Listener(5))
        assert report.problems[0].startswith("31924:")
        assert [verb.name for verb in report.after] == ["Say", "Dial", "Hangup"]
        await failed(server, "31924", caplog)


async def test_when_our_side_closes_the_stream_the_caller_is_led_on_by_the_action(serve: Any, twilio: Any) -> None:
    async with bridge(serve, twilio) as server:
        ringing = asyncio.create_task(twilio.account.ring(NUMBER, CALLER, Listener(30)))
        await until(
            lambda: any(live.session and live.session.now_ms > 200 for live in server.switchboard.live.values())
        )
        await server.switchboard.stop()
        report = await ringing
        assert (report.ended, report.close_code) == ("server_closed", 1001)
        assert [verb.name for verb in report.after] == ["Say", "Dial", "Hangup"]
        await until(lambda: server.switchboard.free == 1, seconds=1.0)
        [row] = server.store.list()
        assert row.ended_how == "shutdown"
