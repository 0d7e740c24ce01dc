"""A whole call with the real server and the echo engine, and the commands as a user types them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.caller.errors import CallError
from bridge.caller.host import server_for
from bridge.caller.load import place_load
from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from bridge.cli.main import main
from bridge.facts.formats import FRAME_MS
from bridge.facts.settings import load_settings

NOBODY = "http://127.0.0.1:9"
"""No server answers there, so that one of our own is started."""

PERSONA = """\
name: tester
business: Test Company
description: a company that tests telephones
agent_name: Tess
greeting: Hello.
refusal: No.
"""

ISSUE_KEYS = {
    "call_id", "persona", "seconds", "turns", "response_ms", "gate", "late_frames_p99_ms", "transcript", "recording",
}  # fmt: skip
LOAD_KEYS = {
    "calls", "completed", "lost", "late_frames_p50_ms", "late_frames_p99_ms", "cpu_ms_per_call_second", "rss_mb",
}  # fmt: skip


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one persona, which the settings of this process and of its children name."""
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "tester.yaml").write_text(PERSONA)
    monkeypatch.chdir(tmp_path)
    for name, value in {"PERSONAS_DIR": "personas", "DATA_DIR": "data", "TWILIO_AUTH_TOKEN": "secret"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        return httpx.get(f"{url}/health").status_code > 0
    except httpx.ConnectError:
        return False


def read(path: str) -> str:
    return Path(path).read_text()


async def test_a_server_of_our_own_takes_the_call_and_is_gone_afterwards(workplace: Path, accounted_for: Any) -> None:
    settings = load_settings()
    waits: list[str] = []
    async with server_for(settings, NOBODY, "echo", workplace / "log", waits.append) as server:
        assert server.own
        assert server.personas == ("tester",)
        assert waits == ["starting a server of its own with the echo engine"]
        line = Line(server.url, auth_token="secret", persona="tester", record=True, settle_s=0.2)
        records: list[Any] = []
        script = Script([load_recording(BUNDLED / "u05.wav")], Manners(greeting=200), digits="7")
        places = {"out": workplace / "out", "data_dir": settings.data_dir}
        result = await place_call(line, script, api_key=server.api_key, on_record=records.append, **places)
        metrics = (await asyncio.to_thread(httpx.get, f"{server.url}/metrics")).text
        load = await place_load(line, 2, 1.0, "echo")
        async with server_for(settings, server.url, "echo", workplace / "other") as same:
            assert not same.own
        with pytest.raises(CallError, match="runs the echo engine, not cascade"):
            async with server_for(settings, server.url, "cascade", workplace / "other"):
                pass
        blind = await place_call(line, Script([], Manners(greeting=100)), api_key="wrong")

    assert not answers(server.url)
    assert result.as_dict().keys() >= ISSUE_KEYS
    assert (result.persona, result.engine, result.ended, result.notes) == ("tester", "echo", "caller_hung_up", [])
    assert result.frames_expected == round(result.seconds * 1000) // FRAME_MS
    assert result.transcript is not None
    assert '"type":"ended"' in read(result.transcript)
    counters = json.loads(read(result.transcript).splitlines()[-1])["counters"]
    assert abs(result.frames_expected - result.frames) <= accounted_for(result, counters, metrics)
    assert result.frames > 0
    assert result.late_frames_p99_ms is not None
    assert result.response_ms == [0] or result.late_frames_p99_ms > FRAME_MS  # an echo comes later on a busy machine
    assert [record["type"] for record in records] == ["call", "recording", "digit", "ended"]
    assert result.recording is not None
    with wave.open(result.recording) as recording, wave.open(str(workplace / "out" / "heard.wav")) as heard:
        assert recording.getnchannels() == heard.getnchannels() == 2
        assert abs(recording.getnframes() - heard.getnframes()) <= 8000
    assert json.loads((workplace / "out" / "result.json").read_text())["call_id"] == result.call_id
    assert (load.calls, load.frames_expected) == (2, 2 * 12)
    assert load.problems == ({"frames did not come back": load.lost} if load.lost else {})
    assert load.cpu_ms_per_call_second is not None
    assert load.rss_mb is not None
    assert load.rss_mb > 10
    assert blind.turns == []
    assert "set API_KEY" in blind.notes[0]


async def test_the_server_is_looked_for_at_the_port_of_the_settings(
    scripted: Any, serve: Any, echoing: Any, workplace: Path
) -> None:
    async with serve(scripted(echoing)) as other:  # no bridge, which shows that it was asked
        settings = load_settings(port=int(other.url.rpartition(":")[2]))
        with pytest.raises(CallError, match=f"something else than a bridge answers at {other.url}:"):
            async with server_for(settings, None, None, workplace / "log"):
                pass


async def test_a_server_without_personas_is_an_error_that_says_what_to_do(workplace: Path) -> None:
    (workplace / "personas" / "tester.yaml").unlink()
    with pytest.raises(CallError, match="callbridge persona new"):
        async with server_for(load_settings(), NOBODY, "echo", workplace / "log"):
            pass


async def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(CallError, match=r"(?s)stopped at once.*LOG_LEVEL"):
        async with server_for(settings, NOBODY, "echo", workplace / "log"):
            pass


async def test_something_else_at_the_address_is_not_taken_for_a_bridge(
    scripted: Any, serve: Any, echoing: Any, workplace: Path
) -> None:
    async with serve(scripted(echoing)) as other:
        with pytest.raises(CallError, match="something else than a bridge"):
            async with server_for(load_settings(), other.url, "echo", workplace / "log"):
                pass


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_the_command_call_prints_one_json_object(workplace: Path) -> None:
    done = run("call", "--wav", "u05.wav", "--engine", "echo", "--url", NOBODY, "--json", "--out", "out")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result.keys() >= ISSUE_KEYS
    assert result["persona"] == "tester"
    assert len(result["response_ms"]) == 1
    assert (workplace / "out" / "server.log").exists()


@pytest.mark.slow
def test_the_command_load_prints_one_json_object(workplace: Path) -> None:
    done = run("load", "3", "--seconds", "2", "--engine", "echo", "--url", NOBODY, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result.keys() >= LOAD_KEYS
    assert (result["calls"], result["completed"] + result["lost"]) == (3, 3)
    assert result["frames_expected"] == 3 * 25 >= result["frames"] > 0
    # On a machine that is too busy frames are dropped; nothing else may keep a call from being completed.
    assert result["problems"] == ({"frames did not come back": result["lost"]} if result["lost"] else {})


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_takes_its_server_along(workplace: Path, number: signal.Signals) -> None:
    arguments = ["call", "--wav", "u05", "--engine", "echo", "--url", NOBODY, "--out", "out"]
    process = subprocess.Popen([sys.executable, "-m", "bridge.cli.main", *arguments])
    log = workplace / "out" / "server.log"
    while process.poll() is None and not (log.exists() and "began" in log.read_text()):
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=60) == 128 + number
    assert not answers(log.read_text().partition("answering calls at ")[2].split()[0])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["call"], "name at least one recording"),
        (["call", "--wav", "nothing.wav"], "nothing.wav cannot be read"),
        (["call", "--wav", "personas/tester.yaml"], "not a WAV file"),
        (["call", "--wav", "u02", "--to", "12"], "not a phone number"),
        (["call", "--wav", "u02", "--to", "+12025550143", "--persona", "tester"], "exclude each other"),
        (["call", "--dtmf", "12x"], "something else than the keys"),
        (["call", "--wav", "u02", "--engine", "gramophone"], "not one of cascade"),
        (["call", "--wav", "u02", "--url", "127.0.0.1:8080"], "not an address of a bridge"),
        (["load", "0"], "greater than or equal to 1"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_in_words(
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["callbridge", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (1, 2)
    told = capsys.readouterr()
    assert complaint in " ".join(told.err.replace("│", " ").split())
    assert told.out == ""
