"""`callbridge bench answer`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.main import app
from bridge.facts.errors import EngineError

TINY = Path(__file__).parents[1] / "engine" / "personaplex" / "tiny"


@pytest.mark.slow
def test_every_call_to_a_model_of_ones_own_is_answered() -> None:
    pytest.importorskip("torch", reason="the personaplex engine needs torch")
    arguments = ["bench", "answer", "--model", str(TINY), "--calls", "3", "--beside", "1", "--json"]
    result = CliRunner().invoke(app, arguments, env={"DEVICE": "cpu"})
    assert result.exit_code == 0, (result.output, result.exception)
    report = json.loads(result.stdout)
    assert (report["calls"], report["answered"], report["beside"]) == (3, 3, 1)
    assert (report["engine"], report["problems"]) == ("personaplex", {})
    assert 20 < report["answer_ms_p50"] <= report["answer_ms_p99"] <= report["answer_ms_max"]


def test_a_model_without_voices_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "answer", "--model", str(tmp_path)])
    assert isinstance(result.exception, EngineError)
    assert "holds no voice" in str(result.exception)


def test_a_model_and_a_server_exclude_each_other() -> None:
    result = CliRunner().invoke(app, ["bench", "answer", "--model", str(TINY), "--url", "http://127.0.0.1:1"])
    assert result.exit_code == 2
    assert "leave out --url" in result.output
