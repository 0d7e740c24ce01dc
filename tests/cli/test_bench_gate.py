"""`callbridge bench gate`."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from bridge.cli.main import app


def test_the_gate_is_timed_by_slot_and_by_tick() -> None:
    result = CliRunner().invoke(app, ["bench", "gate", "--ticks", "10", "--slots", "4", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    report = json.loads(result.stdout)
    assert [report[name] for name in ("phrases", "number_rules", "candidates", "slots")] == [200, 2, 25, 4]
    assert 0 < report["tick_ms_p50"] <= report["tick_ms_p99"]
    assert report["slot_step_us"] > 0 and report["compile_ms"] > 0
