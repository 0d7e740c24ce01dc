"""`callbridge model download|status|verify` as a person runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bridge.cli.model import app
from bridge.facts.errors import BridgeError

from .conftest import LM, SPM
from .standin import COMMIT, TOKEN, StandIn

TINY = Path(__file__).parents[1] / "engine" / "personaplex" / "tiny"


def environment(home: Path, standin: StandIn | None = None, **more: str) -> dict[str, str]:
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_HOME": str(home / "hf"), "COLUMNS": "200"}
    return own | ({"HF_ENDPOINT": standin.endpoint} if standin else {}) | more


def callbridge(
    home: Path, *arguments: str, standin: StandIn | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bridge.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=home,
        env=environment(home, standin, **more),
    )
    assert TOKEN not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is run within this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("MODEL_DIR", "ENGINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_download_takes_the_token_from_the_dotenv_file(tmp_path: Path, standin: StandIn) -> None:
    (tmp_path / ".env").write_text(f"HF_TOKEN={TOKEN}\nMODEL_DIR=here\n")
    done = callbridge(tmp_path, "model", "download", standin=standin)
    assert done.returncode == 0, done.stderr
    assert f"{LM} downloaded and checked" in done.stdout
    assert "2 voices unpacked" in done.stdout
    assert f"The model is in {tmp_path / 'here'} (revision {COMMIT[:12]})" in done.stdout
    again = callbridge(tmp_path, "model", "download", standin=standin)
    assert f"{LM} was there already" in again.stdout
    status = json.loads(callbridge(tmp_path, "model", "status", "--json").stdout)
    assert status[0]["status"] == "downloaded"
    assert all(file["expectedSizeIsExact"] for file in status[0]["files"] if file["name"] != "voices/")


def test_a_mistake_is_told_in_words_with_exit_status_1(tmp_path: Path, standin: StandIn) -> None:
    missing = callbridge(tmp_path, "model", "download", standin=standin)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("error: HF_TOKEN is missing")
    malformed = callbridge(tmp_path, "model", "download", standin=standin, HF_TOKEN="secret-without-prefix")
    assert malformed.stderr.startswith("error: HF_TOKEN is malformed")
    assert "secret-without-prefix" not in malformed.stderr
    standin.accepted.clear()
    refused = callbridge(tmp_path, "model", "download", standin=standin, HF_TOKEN=TOKEN)
    assert "open https://huggingface.co/nvidia/personaplex-7b-v1" in refused.stderr


def test_ctrl_c_keeps_what_has_arrived_and_the_next_run_goes_on(tmp_path: Path, standin: StandIn) -> None:
    standin.mishaps.stall_at = 100_000
    part = tmp_path / "here" / f"{LM}.part"
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.cli.main", "model", "download", "--dir", "here"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path, standin, HF_TOKEN=TOKEN),
    )
    while process.poll() is None and not (part.exists() and part.stat().st_size == 100_000):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "Stopped; 100 kB of unfinished files are kept. The same command goes on from there.\n"
    standin.mishaps.stall_at = None
    assert callbridge(tmp_path, "model", "download", "--dir", "here", standin=standin, HF_TOKEN=TOKEN).returncode == 0
    assert standin.ranges(LM) == [None, "bytes=100000-"]


@pytest.mark.usefixtures("home")
def test_status_lists_every_model_with_the_fields_of_a_model_hub() -> None:
    models = json.loads(run("status", "--json").stdout)
    assert [(model["name"], model["type"], model["status"]) for model in models] == [
        ("personaplex-7b-v1", "speech-to-speech", "missing"),
        ("moonshine-tiny-en", "speech-recognition", "downloaded"),
        ("silero-vad", "voice-activity-detection", "downloaded"),
        ("all-MiniLM-L6-v2", "sentence-embedding", "downloaded"),
        ("svox-pico", "speech-synthesis", "downloaded"),
    ]
    keys = {
        "name", "type", "status", "localPath", "expectedSizeMb", "isRequired", "isAvailableForDownload",
        "requiresAuthentication", "files",
    }  # fmt: skip
    assert all(keys <= model.keys() for model in models)
    assert [model["isRequired"] for model in models] == [False, True, True, True, True]
    assert models[0]["expectedSizeMb"] == pytest.approx(17_133, abs=1)
    assert models[0]["requiresAuthentication"]


def test_status_for_people_says_what_is_missing_and_what_to_do(home: Path) -> None:
    said = run("status").stdout
    assert f"personaplex-7b-v1 in {home / 'models/personaplex-7b-v1'}: missing" in said
    assert "about 16.74 GB" in said
    assert "`callbridge model download` fetches what is missing" in said


def test_status_finds_a_model_in_another_place(home: Path) -> None:
    shutil.copytree(TINY, home / "models" / "personaplex-7b-v1" / "deeper")
    said = run("status").stdout
    assert f"A model lies in {home / 'models/personaplex-7b-v1/deeper'}: set MODEL_DIR" in said


@pytest.mark.usefixtures("home")
def test_verify_prints_exactly_the_report() -> None:
    done = run("verify", str(TINY), "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["lm_unprompted"] == {"frames": 149, "equal": 149}
    assert list(report)[-1] == "ok"
    assert report["ok"] is True


def test_verify_exits_with_1_where_the_vectors_are_not_reproduced(home: Path) -> None:
    copy = home / "copy"
    shutil.copytree(TINY, copy)
    data = bytearray((copy / LM).read_bytes())
    data[-2000:] = bytes(2000)
    (copy / LM).write_bytes(data)
    done = run("verify", str(copy))
    assert done.exit_code == 1
    assert "falls short" in done.stdout


def test_verify_says_what_a_folder_lacks(home: Path) -> None:
    shutil.copytree(TINY, home / "copy", ignore=shutil.ignore_patterns("cases.safetensors"))
    done = run("verify", "copy", "--json")
    assert isinstance(done.exception, BridgeError)
    assert "it lacks cases.safetensors" in str(done.exception)


@pytest.mark.usefixtures("home")
def test_verify_measures_what_8_bits_cost() -> None:
    done = run("verify", str(TINY), "--weights", "int8", "--json")
    cost = json.loads(done.stdout)["quantisation"]
    assert cost["weights"] == "int8"
    assert cost["text_logits_max_error"] == pytest.approx(0.43, abs=0.02)
    assert SPM not in done.stdout
