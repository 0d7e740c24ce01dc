"""The commands of the documentation that need Twilio, run against the stand-in; and its table of error codes."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bridge.caller.dial import Listener
from bridge.caller.errors import CallError
from bridge.cli.main import app
from bridge.server.twilio.errors import STREAM_ERRORS
from bridge.server.twilio.fallback import WEBHOOK_ERRORS

from .proxy import HOST, TLS, Proxy, known_host

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = re.compile(r"^\s*(?:\.venv/bin/)?callbridge (twilio (?:connect|disconnect|check|bin)\b.*)$", re.M)


def commands() -> list[str]:
    blocks = [block for page in PAGES for block in re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(), re.S | re.M)]
    return [command for block in blocks for command in OURS.findall(block)]


async def test_every_command_that_the_documentation_gives_works(
    twilio: Any, run_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = twilio.account.own("+15551234567", voice_url="https://demo.twilio.com/welcome/voice/")
    monkeypatch.chdir(tmp_path)
    with known_host():
        async with Proxy(0).running() as proxy:
            public = {"public_url": f"https://{HOST}:{proxy.port}", "personas_dir": str(ROOT / "personas")}
            async with run_server(tmp_path, **public, **twilio.settings) as server:
                proxy.upstream = server.port
                settings = {name.upper(): value for name, value in (public | twilio.settings).items()}
                settings["SSL_CERT_FILE"] = str(TLS / "authority.pem")

                async def run(command: str) -> Any:
                    return await asyncio.to_thread(CliRunner().invoke, app, shlex.split(command), None, settings)

                assert {command.split()[1] for command in commands()} == {"connect", "disconnect", "check", "bin"}
                for command in commands():
                    done = await run(command)
                    assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception}"
                # The commands stand in an order in which each finds what the one before it left.
                assert number.voice_url == f"{public['public_url']}/twilio/voice?persona=dental"
                report = json.loads((await run("twilio check --json")).output)
                assert (report["ok"], report["broken"]) == (True, [])
                number.voice_method = "GET"
                report = json.loads((await run("twilio check --json")).output)
                assert (report["ok"], report["broken"]) == (False, ["number"])


async def test_a_number_that_was_connected_is_answered_and_one_that_was_disconnected_is_not(
    twilio: Any, run_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = "+12025550111"
    twilio.account.own(number, trunk_sid="TK1")
    public = f"https://{HOST}"
    monkeypatch.chdir(tmp_path)
    async with run_server(tmp_path, public_url=public, **twilio.settings) as server:
        twilio.account.line = replace(twilio.account.line, url=server.local_url, public_url=public)
        settings = {name.upper(): value for name, value in twilio.settings.items()} | {"PUBLIC_URL": public}

        async def run(*command: str) -> None:
            done = await asyncio.to_thread(CliRunner().invoke, app, ["twilio", *command, "--yes"], None, settings)
            assert done.exit_code == 0, done.output

        await run("connect", number)
        report = await twilio.account.ring(number, "+12025550199", Listener(0.3))
        assert (report.ended, report.problems) == ("caller_hung_up", ())
        [row] = server.store.list()
        assert (row.carrier_id, row.persona) == (report.ids.call_sid, "shop")
        await run("disconnect", number)
        with pytest.raises(CallError, match="no voice URL is set"):
            await twilio.account.ring(number, "+12025550199", Listener(0.3))


def test_the_table_of_errors_holds_every_code_that_the_server_puts_into_words() -> None:
    page = (ROOT / "docs" / "twilio.md").read_text()
    table = page[page.index("## Error codes") :]
    assert {code for code in (STREAM_ERRORS | WEBHOOK_ERRORS) if code not in table} == set()
