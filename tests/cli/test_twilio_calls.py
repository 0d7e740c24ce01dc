"""`callbridge twilio call` and `callbridge twilio dnc`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bridge.cli.main import app

OUTBOUND = """
outbound:
  notice: This is the automated assistant of Corner Shop.
  greeting: Your order is ready.
  timezone: UTC
  days: mon-sun
  hours: 0:00-24:00
"""
THEM = "+12025550143"


def run(*arguments: str, data: Path, **settings: str) -> Result:
    environment = {"DATA_DIR": str(data), "COLUMNS": "200"} | settings
    return CliRunner().invoke(app, ["twilio", *arguments], env=environment)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_a_running_bridge_is_told_to_call_somebody(elsewhere: Path, serve: Any, twilio: Any, shop: str) -> None:
    async with serve(personas={"shop": shop + OUTBOUND}, **twilio.settings) as server:
        twilio.account.line = replace(twilio.account.line, url=server.local_url)
        twilio.account.own("+12025550111")

        async def call(*arguments: str) -> Result:
            at = ["call", THEM, "--persona", "shop", "--url", server.local_url, *arguments]
            return await asyncio.to_thread(run, *at, data=server.settings.data_dir)

        done = await call("--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["to"] == THEM
        await asyncio.to_thread(run, "dnc", "add", THEM, data=server.settings.data_dir)
        refused = await call()
        assert refused.exit_code == 1
        assert str(refused.exception) == "nobody was called: this number is on the do-not-call list"


def test_without_a_bridge_the_error_says_what_to_start(elsewhere: Path) -> None:
    done = run("call", THEM, "--persona", "shop", "--url", "http://127.0.0.1:9", data=elsewhere)
    assert done.exit_code == 1
    assert "callbridge serve" in str(done.exception)


def test_the_list_is_added_to_shown_and_taken_from(elsewhere: Path) -> None:
    numbers = elsewhere / "numbers.txt"
    numbers.write_text(f"# asked for it\n{THEM}\n\n+12025550144\n")
    assert run("dnc", "add", "--file", str(numbers), data=elsewhere).output == "2 added, 0 on the list already\n"
    again = run("dnc", "add", THEM, "+12025550145", "--note", "by letter", data=elsewhere)
    assert again.output == "1 added, 1 on the list already\n"
    listed = json.loads(run("dnc", "list", "--json", data=elsewhere).stdout)
    assert {entry["number"]: entry["note"] for entry in listed} == {
        THEM: "",
        "+12025550144": "",
        "+12025550145": "by letter",
    }
    assert "by letter" in run("dnc", "list", data=elsewhere).output
    assert run("dnc", "remove", THEM, data=elsewhere).exit_code == 0
    assert run("dnc", "remove", THEM, data=elsewhere).exit_code == 1


def test_what_is_no_number_is_refused_and_nothing_is_added(elsewhere: Path) -> None:
    refused = run("dnc", "add", THEM, "5550143", data=elsewhere)
    assert refused.exit_code == 2
    assert "E.164" in refused.output
    assert json.loads(run("dnc", "list", "--json", data=elsewhere).stdout) == []
