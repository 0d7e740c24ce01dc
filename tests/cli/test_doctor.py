"""`callbridge doctor`: what this machine can do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bridge.cli.doctor import doctor
from bridge.engine import messages

PERSONAS = Path(__file__).parents[2] / "personas"
TINY = Path(__file__).parents[1] / "engine" / "personaplex" / "tiny"

app = typer.Typer()
app.command()(doctor)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, a free port, and no GPU whatever this machine has."""
    monkeypatch.chdir(tmp_path)
    for name in ("ENGINE", "MODEL_DIR", "DATA_DIR", "PUBLIC_URL", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    shutil.copytree(PERSONAS, tmp_path / "personas")
    return tmp_path


def run(*arguments: str, **settings: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=settings)


def checks(settings: dict[str, str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(run("--json", **settings).stdout)["checks"]
    return found


def levels(**settings: str) -> dict[str, str]:
    return {check["name"]: check["level"] for check in checks(settings)}


def gpu(home: Path, line: str) -> None:
    """A driver's tool that names this GPU."""
    program = home / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{line}'\n")
    program.chmod(0o755)


def test_without_a_gpu_the_cpu_engine_is_named() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "there is no NVIDIA GPU" in result.stdout
    assert "The cascade engine answers calls on the CPU" in result.stdout
    assert json.loads(run("--json").stdout)["gpus"] == []


def test_personaplex_without_a_gpu_and_without_files_is_a_problem() -> None:
    result = run(ENGINE="personaplex")
    assert result.exit_code == 1
    told = levels(ENGINE="personaplex")
    assert (told["gpu"], told["personaplex-7b-v1"]) == ("problem", "problem")
    assert "callbridge model download" in result.stdout


def test_a_gpu_is_told_with_the_calls_it_can_hold(home: Path) -> None:
    gpu(home, "NVIDIA H100 80GB HBM3, 81559, 9.0")
    report = json.loads(run("--json").stdout)
    (found,) = report["gpus"]
    assert (found["name"], found["computeCapability"]) == ("NVIDIA H100 80GB HBM3", "9.0")
    kinds = [(one["kv"], one["weights"]) for one in found["forecast"]]
    assert kinds == [(kv, weights) for kv in ("bf16", "fp8") for weights in ("bf16", "int8", "fp8")]
    assert found["forecast"][0] == {
        "weights": "bf16",
        "weights_bytes": 15375458304,
        "kv": "bf16",
        "window_bytes": 1572864000,
        "step_ms": pytest.approx(7.34, abs=0.01),
        "by_memory": 41,
        "by_time": 92,
        "calls": 41,
        "limit": "memory",
        "real_time": True,
    }
    text = run().stdout
    assert "NVIDIA H100 80GB HBM3 can hold 41 calls at once with WEIGHTS=bf16 and KV=bf16: memory for 41 full" in text
    assert "time for 92" in text
    packed = run(KV="fp8").stdout
    assert "KV=fp8: memory for 81 full windows" in packed
    assert "Computed, not measured" in text


def test_a_gpu_that_is_too_slow_is_told_with_the_reason(home: Path) -> None:
    gpu(home, "NVIDIA L4, 23034, 8.9")
    assert "cannot hold PersonaPlex in real time with WEIGHTS=bf16, for its bandwidth" in run().stdout


def test_a_torch_that_does_not_see_the_gpu_is_told(home: Path) -> None:
    gpu(home, "NVIDIA H200, 143771, 9.0")
    assert levels()["torch"] == "note"
    assert levels(ENGINE="personaplex")["torch"] == "problem"


def test_settings_that_cannot_be_used_are_told_and_the_rest_is_looked_at(home: Path) -> None:
    (home / ".env").write_text("PROT=80\n")
    result = run()
    assert result.exit_code == 1
    assert "PROT: no such setting" in result.stdout
    assert "personas: 5 can be used" in result.stdout


def test_a_persona_that_cannot_be_used_is_told(home: Path) -> None:
    (home / "personas" / "bad.yaml").write_text("name: [\n")
    assert levels()["personas"] == "problem"
    shutil.rmtree(home / "personas")
    assert levels()["personas"] == "note"


async def test_a_bridge_that_runs_already_is_told_with_its_calls_and_its_memory(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(slots=3) as server:
        settings = {"PORT": str(server.port)}
        (told,) = [check for check in await asyncio.to_thread(checks, settings) if check["name"] == "running bridge"]
        assert told["level"] == "good"
        assert "the echo engine is ready, 0 of 3 calls" in told["text"]
        beat = messages.Beat(1.0, 1, 1, 0, limit=2, memory_calls=3, kv_used_bytes=1 << 30, kv_reserved_bytes=5 << 30)
        monkeypatch.setattr(server.engine, "received", lambda *_: None)  # no further one comes
        server.engine._admit(beat)
        (told,) = [check for check in await asyncio.to_thread(checks, settings) if check["name"] == "running bridge"]
        assert "0 of 2 calls; 3 slots, 3 by memory, 2 by the time of steps" in told["text"]
        assert "keys and values use 1.07 GB of 5.37 GB" in told["text"]


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert levels(PORT=str(server.getsockname()[1]))["port"] == "note"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_cannot_be_written_is_told(home: Path) -> None:
    (home / "closed").mkdir(mode=0o500)
    assert levels(DATA_DIR=str(home / "closed"))["data folder"] == "problem"


def test_a_data_folder_that_is_a_file_is_told(home: Path) -> None:
    (home / "file").write_text("")
    assert levels(DATA_DIR=str(home / "file"))["data folder"] == "problem"


def test_a_public_address_needs_https_and_a_token() -> None:
    assert levels()["public address"] == "note"
    assert levels(PUBLIC_URL="http://example.com")["public address"] == "problem"
    assert levels(PUBLIC_URL="https://example.com")["public address"] == "problem"
    assert levels(PUBLIC_URL="https://example.com", TWILIO_AUTH_TOKEN="t")["public address"] == "good"


def test_a_model_that_is_there_is_told() -> None:
    assert levels(MODEL_DIR=str(TINY))["personaplex-7b-v1"] == "good"
