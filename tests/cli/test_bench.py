"""`callbridge bench engine`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from bridge.cli.bench import app
from bridge.engine.personaplex.capacity import load
from bridge.engine.personaplex.random_model import tiny_config
from bridge.facts.errors import BridgeError


@pytest.mark.parametrize("weights", ["bf16", "int8", "fp8"])
def test_a_step_is_timed_beside_the_memorys_limit(weights: str) -> None:
    arguments = ["engine", "--random", "tiny", "--device", "cpu", "--slots", "2", "--steps", "10", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--weights", weights])
    assert result.exit_code == 0, (result.output, result.exception)
    figures = json.loads(result.stdout)
    size = load(tiny_config().lm, weights, width=4)
    assert figures["bytes_per_step"] == size.moved + 2 * size.window
    assert 0 < figures["step_ms_min"] <= figures["step_ms_p50"] <= figures["step_ms_p99"]
    assert 0 < figures["bound_ms"] < figures["step_ms_min"]
    assert (figures["device"], figures["slots"], figures["steps"]) == ("CPU", 2, 10)


def test_a_device_that_is_not_there_is_told() -> None:
    result = CliRunner().invoke(app, ["engine", "--device", "cuda:99"])
    assert isinstance(result.exception, BridgeError)
    assert "callbridge doctor" in str(result.exception)


@pytest.mark.gpu
def test_the_published_size_runs_on_a_gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    result = CliRunner().invoke(app, ["engine", "--random", "full", "--device", "cuda", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads(result.stdout)["bytes_per_step"] > 14e9
