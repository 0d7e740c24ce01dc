"""`callbridge keys` and `callbridge console`."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from bridge.cli.main import app


def run(*arguments: str, data: Path, **settings: str) -> Result:
    environment = {"DATA_DIR": str(data), "COLUMNS": "200"} | settings
    return CliRunner().invoke(app, list(arguments), env=environment)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", "")
    return tmp_path


async def test_a_key_works_in_a_running_server_from_its_making_to_its_revoking(serve: Any, http: Any) -> None:
    async with serve() as server:

        async def keys(*arguments: str) -> Result:
            return await asyncio.to_thread(run, "keys", *arguments, data=server.settings.data_dir)

        made = await keys("create", "reception", "--scope", "calls:read", "--scope", "talk", "--expires-days", "30")
        assert made.exit_code == 0, made.output
        key = made.stdout.strip()
        assert re.fullmatch(r"cb_[0-9a-f]{8}_\S{43}", key)
        url, header = f"{server.local_url}/v1/calls", {"Authorization": f"Bearer {key}"}
        assert (await http.get(url, headers=header)).status_code == 200
        assert (await http.post(url, headers=header, json={})).status_code == 403
        [listed] = json.loads((await keys("list", "--json")).stdout)
        assert (listed["name"], listed["scopes"], listed["expired"]) == ("reception", ["calls:read", "talk"], False)
        assert key.startswith(listed["prefix"])
        table = (await keys("list")).stdout
        assert "reception" in table and key not in table
        assert (await keys("revoke", "reception")).stdout == "revoked\n"
        assert (await keys("revoke", "reception")).exit_code == 1
        assert (await http.get(url, headers=header)).status_code == 401


def test_a_key_can_be_made_before_the_first_server(elsewhere: Path) -> None:
    made = run("keys", "create", "all", "--all", "--json", data=elsewhere / "data")
    assert len(json.loads(made.stdout)["scopes"]) == 11
    again = run("keys", "create", "all", "--all", data=elsewhere / "data")
    assert (again.exit_code, "revoke it first" in str(again.exception)) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [["a"], ["a", "--scope", "calls:dream"], ["a", "--all", "--scope", "talk"], ["../a", "--all"], ["Ä", "--all"]],
)
def test_a_key_without_a_name_or_a_purpose_is_refused(elsewhere: Path, arguments: list[str]) -> None:
    assert run("keys", "create", *arguments, data=elsewhere / "data").exit_code == 2


async def test_the_console_is_opened_by_a_link_that_works_once(serve: Any) -> None:
    async with serve(public_url="https://bridge.example.com") as server:

        async def console(*arguments: str) -> Result:
            at = ["console", "--url", server.local_url, *arguments]
            return await asyncio.to_thread(run, *at, data=server.settings.data_dir)

        shown = await console()
        assert shown.exit_code == 0, shown.output
        link, token = re.fullmatch(r"(\S+)/#token=(\S+)\n", shown.stdout).groups()
        assert link == server.local_url
        assert f"https://bridge.example.com/#token={token}" in shown.stderr
        async with httpx.AsyncClient(trust_env=False, base_url=server.local_url) as browser:
            statuses = [(await browser.post("/v1/session", json={"token": token})).status_code for _ in range(2)]
            assert statuses == [200, 401]
            assert (await browser.get("/v1/calls")).status_code == 200
        assert json.loads((await console("--json")).stdout)["url"].startswith(f"{server.local_url}/#token=")
        foreign = await asyncio.to_thread(run, "console", "--url", server.local_url, data=Path("x"), API_KEY="other")
        assert (foreign.exit_code, "another key" in str(foreign.exception)) == (1, True)


def test_without_a_server_the_console_says_what_to_start(elsewhere: Path) -> None:
    done = run("console", "--url", "http://127.0.0.1:9", data=elsewhere, API_KEY="k")
    assert (done.exit_code, "callbridge serve" in str(done.exception)) == (1, True)
    assert "DATA_DIR" in str(run("console", data=elsewhere).exception)
