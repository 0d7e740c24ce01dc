"""`callbridge bench engine`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.bench import app
from bridge.engine.personaplex.capacity import load
from bridge.engine.personaplex.pace import Bench, Pace
from bridge.engine.personaplex.random_model import tiny_config
from bridge.facts.errors import BridgeError

QUICK = ["engine", "--device", "cpu", "--seconds", "0"]


@pytest.mark.parametrize("weights", ["bf16", "int8", "fp8"])
def test_a_tick_is_timed_beside_the_memorys_limit(weights: str) -> None:
    arguments = [*QUICK, "--random", "tiny", "--slots", "2,1", "--fill", "1.0,0.25", "--weights", weights, "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    bench = json.loads(result.stdout)
    assert (bench["device"], bench["model"]) == ("CPU", "tiny")
    size = load(tiny_config().lm, weights, width=4)
    points = bench["points"]
    assert [(point["slots"], point["fill"]) for point in points] == [(1, 0.25), (1, 1.0), (2, 0.25), (2, 1.0)]
    for point in points:
        assert point["ticks"] == 10
        assert 0 < point["tick_ms_min"] <= point["tick_ms_p50"] <= point["tick_ms_p99"]
        assert list(point["parts_ms"]) == ["encode", "temporal", "gate", "depformer", "decode"]
        assert all(0 < part < 10 * point["tick_ms_p99"] for part in point["parts_ms"].values())
        moved = size.moved + point["slots"] * point["fill"] * size.window
        assert point["bound_ms"] == pytest.approx(moved / bench["bandwidth_gb_per_s"] / 1e6)
        assert point["ratio"] == pytest.approx(point["tick_ms_p50"] / point["bound_ms"])
        assert 500 < point["launches"] == point["kernels"] < 5000
        assert point["graphs"] == 0  # only a GPU has any
        assert point["memory_bytes"] > 1e7
    assert (bench["held"], bench["largest_held"]) == ([], None)
    assert points[3]["kv_bytes"] == 2 * points[1]["kv_bytes"] == 2 * size.window
    assert points[0]["kv_bytes"] < points[1]["kv_bytes"]


def test_most_calls_in_time_is_told_at_the_end_of_the_table() -> None:
    result = CliRunner().invoke(app, [*QUICK, "--slots", "1", "--fill", "0.5"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, (result.output, result.exception)
    assert "depformer" in result.stdout and "× limit" in result.stdout
    assert "Most calls whose p99 stays under 80 ms" in result.stdout


def test_most_calls_in_time_are_those_that_are_in_time_at_every_fill() -> None:
    def point(slots: int, fill: float, p99: float) -> Pace:
        return Pace(slots, fill, 10, p99, p99, p99, {}, 1, 1, 0, 0, 0, 1.0, p99)

    def largest(*points: Pace) -> int | None:
        return Bench("CPU", "tiny", "bf16", "bf16", "float32", "", 1.0, None, 80.0, points, (), ()).largest_in_time

    assert largest(point(1, 0.2, 10), point(1, 1, 20), point(8, 0.2, 60), point(8, 1, 81)) == 1
    assert largest(point(1, 1, 90)) is None


def test_calls_are_held_in_real_time_and_the_most_is_told() -> None:
    arguments = [*QUICK, "--slots", "1,2", "--fill", "0.5", "--hold", "0.01", "--kv", "fp8", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    bench = json.loads(result.stdout)
    assert bench["kv"] == "fp8"
    tried = [held["slots"] for held in bench["held"]]
    assert tried[:1] == [most for most in [bench["largest_in_time"]] if most]  # none, on a machine that is busy
    for held in bench["held"]:
        assert held["late"] or held["ticks"] == 8
    assert bench["largest_held"] == next((held["slots"] for held in bench["held"] if not held["late"]), None)


def test_a_snapshot_is_measured_too() -> None:
    tiny = Path(__file__).parents[1] / "engine" / "personaplex" / "tiny"
    result = CliRunner().invoke(app, [*QUICK, "--model", str(tiny), "--slots", "1", "--fill", "1", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads(result.stdout)["model"] == "tiny"


@pytest.mark.parametrize("wrong", [["--slots", "1,x"], ["--slots", "0"], ["--slots", "1000"], ["--fill", "1.5"]])
def test_numbers_that_cannot_be_are_told(wrong: list[str]) -> None:
    result = CliRunner().invoke(app, [*QUICK, *wrong])
    assert result.exit_code == 2
    assert wrong[0] in result.output


def test_a_device_that_is_not_there_is_told() -> None:
    result = CliRunner().invoke(app, ["engine", "--device", "cuda:99"])
    assert isinstance(result.exception, BridgeError)
    assert "callbridge doctor" in str(result.exception)


@pytest.mark.gpu
def test_the_published_size_runs_on_a_gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device; run `pytest -m gpu` on a machine with an NVIDIA GPU")
    arguments = ["engine", "--random", "full", "--device", "cuda", "--slots", "1", "--fill", "1", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    (point,) = json.loads(result.stdout)["points"]
    assert point["memory_bytes"] > 15e9
    assert point["graphs"] > 4
    assert 0 < point["launches"] < 100 < point["kernels"]
