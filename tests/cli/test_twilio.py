"""`callbridge twilio connect|disconnect|bin`, through the real library, against the stand-in for Twilio's REST API."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bridge.caller.account import RestError
from bridge.caller.twiml import parse_twiml
from bridge.cli.main import app
from bridge.connect.memory import FILE

OURS = "+12025550111"
PUBLIC = "https://bridge.example.com"
TWIML_BIN = "https://handler.twilio.com/twiml/EH0123"
BEFORE = {"voice_url": "https://old.example.com/voice", "status_callback": "https://old.example.com/status"}


@pytest.fixture
async def shell(twilio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: str) -> Any:
    """`await shell("connect", …)`: the command in a folder with a persona, with the account's credentials."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "shop.yaml").write_text(shop)
    environment = {name.upper(): value for name, value in twilio.settings.items()}
    environment |= {"PUBLIC_URL": PUBLIC, "COLUMNS": "200"}

    async def run(*arguments: str, answer: str = "", **settings: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["twilio", *arguments], answer, environment | settings)

    return run


def number(twilio: Any, **configuration: str) -> Any:
    return twilio.account.own(OURS, **(BEFORE | configuration))


async def test_connect_shows_what_it_changes_and_asks_before_it_does(shell: Any, twilio: Any) -> None:
    one = number(twilio)
    refused = await shell("connect", OURS, answer="n\n")
    assert refused.exit_code == 1
    assert "https://old.example.com/voice" in refused.output
    assert f"{PUBLIC}/twilio/voice" in refused.output
    assert one.voice_url == BEFORE["voice_url"]
    done = await shell("connect", OURS, answer="y\n")
    assert done.exit_code == 0, done.output
    assert one.voice_url == f"{PUBLIC}/twilio/voice"
    assert one.voice_fallback_url == f"{PUBLIC}/twilio/fallback"
    assert one.status_callback == f"{PUBLIC}/twilio/call-status"
    assert "callbridge twilio bin" in done.output


async def test_disconnect_gives_back_what_the_number_was(shell: Any, twilio: Any, tmp_path: Path) -> None:
    one = number(twilio, voice_method="GET", trunk_sid="TK1", voice_application_sid="AP1")
    await shell("connect", OURS, "--yes")
    assert (one.trunk_sid, one.voice_application_sid, one.voice_method) == ("", "", "POST")
    memory = tmp_path / "data" / FILE
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    done = await shell("disconnect", OURS, "--yes")
    assert done.exit_code == 0, done.output
    assert (one.voice_url, one.status_callback) == (BEFORE["voice_url"], BEFORE["status_callback"])
    assert (one.voice_fallback_url, one.voice_method) == ("", "GET")
    assert (one.trunk_sid, one.voice_application_sid) == ("TK1", "AP1")
    again = await shell("disconnect", OURS, "--yes")
    assert again.exit_code == 1
    assert "--clear" in str(again.exception)


async def test_connected_twice_a_number_is_given_back_what_it_was_at_first(shell: Any, twilio: Any) -> None:
    one = number(twilio)
    await shell("connect", OURS, "--yes")
    await shell("connect", OURS, "--persona", "shop", "--record", "--yes")
    assert one.voice_url == f"{PUBLIC}/twilio/voice?persona=shop&record=1"
    assert one.voice_fallback_url == f"{PUBLIC}/twilio/fallback?persona=shop"
    unchanged = await shell("connect", OURS, "--persona", "shop", "--record", "--yes")
    assert "configured so already" in unchanged.output
    await shell("disconnect", OURS, "--yes")
    assert one.voice_url == BEFORE["voice_url"]


async def test_changed_by_hand_in_between_the_newest_state_before_connecting_counts(shell: Any, twilio: Any) -> None:
    one = number(twilio)
    await shell("connect", OURS, "--yes")
    one.voice_url = "https://third.example.com/voice"
    await shell("connect", OURS, "--yes")
    one.status_callback = "https://fourth.example.com/status"
    done = await shell("disconnect", OURS, "--yes")
    assert "has been changed at Twilio" in done.output
    assert (one.voice_url, one.status_callback) == ("https://third.example.com/voice", f"{PUBLIC}/twilio/call-status")


async def test_a_fallback_in_a_twiml_bin_stays_and_another_can_be_named(shell: Any, twilio: Any) -> None:
    one = number(twilio)
    await shell("connect", OURS, "--fallback-url", TWIML_BIN, "--yes")
    assert one.voice_fallback_url == TWIML_BIN
    done = await shell("connect", OURS, "--persona", "shop", "--yes")
    assert one.voice_fallback_url == TWIML_BIN
    assert "callbridge twilio bin" not in done.output
    assert (await shell("connect", OURS, "--fallback-url", "http://x")).exit_code == 2


async def test_json_tells_the_changes_and_makes_them_only_with_yes(shell: Any, twilio: Any) -> None:
    one = number(twilio)
    planned = json.loads((await shell("connect", OURS, "--json")).output)
    assert not planned["changed"]
    assert {"name": "voice_url", "before": BEFORE["voice_url"], "after": f"{PUBLIC}/twilio/voice"} in planned["changes"]
    assert one.voice_url == BEFORE["voice_url"]
    assert json.loads((await shell("connect", OURS, "--json", "--yes")).output)["changed"]
    assert one.voice_url == f"{PUBLIC}/twilio/voice"
    assert json.loads((await shell("disconnect", OURS, "--json", "--yes")).output)["changed"]
    assert one.voice_url == BEFORE["voice_url"]


async def test_a_number_connected_elsewhere_can_be_cleared(shell: Any, twilio: Any) -> None:
    one = number(twilio)
    done = await shell("disconnect", OURS, "--clear", "--yes")
    assert done.exit_code == 0
    assert (one.voice_url, one.status_callback) == ("", "")


async def test_a_damaged_memory_changes_nothing(shell: Any, twilio: Any, tmp_path: Path) -> None:
    one = number(twilio)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE).write_text('{"AC1 +1": []}')
    refused = await shell("connect", OURS, "--yes")
    assert "damaged" in str(refused.exception)
    assert one.voice_url == BEFORE["voice_url"]


@pytest.mark.parametrize(
    ("arguments", "settings", "complaint"),
    [
        (["connect", OURS], {"PUBLIC_URL": ""}, "PUBLIC_URL is not set"),
        (["connect", OURS], {"PUBLIC_URL": "http://bridge.example.com"}, "https://"),
        (["connect", OURS], {"TWILIO_ACCOUNT_SID": ""}, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are needed"),
        (["connect", OURS], {"TWILIO_AUTH_TOKEN": "f" * 32}, "do not belong together"),
        (["connect", OURS], {"TWILIO_API_URL": "http://127.0.0.1:9"}, "could not be reached"),
        (["connect", "+12025550112", "--persona", "shop"], {}, f"not a number of account .*it has \\{OURS}"),
        (["connect", "+12025550112"], {}, "--persona NAME"),
        (["connect", OURS, "--persona", "nobody"], {}, "nobody.yaml is not there"),
        (["connect", OURS, "--persona", "../shop"], {}, "name"),
    ],
)
async def test_what_stands_in_the_way_is_told_in_words(
    shell: Any, twilio: Any, arguments: list[str], settings: dict[str, str], complaint: str
) -> None:
    number(twilio)
    refused = await shell(*arguments, "--yes", **settings)
    assert refused.exit_code == 1
    with pytest.raises(Exception, match=complaint):
        raise refused.exception
    assert twilio.account.auth_token not in refused.output + str(refused.exception)


async def test_a_number_without_voice_is_refused(shell: Any, twilio: Any) -> None:
    twilio.account.own(OURS, voice=False)
    assert "no voice capability" in str((await shell("connect", OURS, "--yes")).exception)


async def test_when_twilio_is_busy_the_words_say_so(shell: Any, twilio: Any) -> None:
    number(twilio)
    twilio.account.refuse.append(RestError(429, 20429, "Too Many Requests"))
    assert "asked too often" in str((await shell("connect", OURS, "--yes")).exception)


async def test_a_number_that_is_no_number_is_a_mistake_of_the_command_line(shell: Any) -> None:
    assert (await shell("connect", "5551234567", "--yes")).exit_code == 2


async def test_the_text_for_a_twiml_bin_is_twiml_and_reaches_the_personas_person(shell: Any) -> None:
    done = await shell("bin", "--persona", "shop")
    verbs = parse_twiml(done.output.encode())
    assert [verb.name for verb in verbs] == ["Say", "Dial"]
    assert "+12025550112" in verbs[1].text
