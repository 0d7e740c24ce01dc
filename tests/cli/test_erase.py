"""`callbridge calls expire` and `callbridge calls forget`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bridge.cli.main import app
from bridge.facts.errors import SettingsError
from bridge.server.journal import Journal, transcript_name
from bridge.server.store import CallStore
from bridge.transcript.records import Call, Ended, utc_text, write

PERSON, OTHER = "+12025550143", "+12025550177"


def wait_for(path: Path) -> None:
    """Until the writing thread has written to a file."""
    for _ in range(5000):
        if path.exists() and path.stat().st_size:
            return
        time.sleep(0.001)
    raise AssertionError(path)


def header(number: int, person: str, days: int) -> Call:
    started = utc_text(datetime.now(UTC) - timedelta(days=days))
    return Call(f"{number:x}" * 16, "dental", person, "+12025550100", "twilio", f"CA{number}", started, "echo")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two calls of one person and one of another, on the disk alone."""
    for number, person, days in ((1, PERSON, 100), (2, PERSON, 1), (3, OTHER, 50)):
        call = header(number, person, days)
        path = tmp_path / "data" / transcript_name(call.call_id, call.started_at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write([call, Ended("idle", "silence", call.started_at, 2.0)]))
        path.with_suffix(".wav").write_bytes(b"RIFF")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["calls", *arguments], input=answer)


def left(data_dir: Path) -> set[str]:
    return {path.name[0] for path in data_dir.glob("calls/*/*")}


def test_a_dry_run_shows_what_would_expire_and_deletes_nothing(archive: Path) -> None:
    result = run("expire", "--days", "30", "--dry-run")
    assert result.exit_code == 0
    assert "Would be deleted: 2 calls." in result.stdout
    assert "1" * 16 in result.stdout
    assert left(archive) == {"1", "2", "3"}


def test_calls_expire_by_the_settings(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "60")
    monkeypatch.setenv("RECORDING_RETENTION_DAYS", "7")
    done = json.loads(run("expire", "--json").stdout)
    assert (done["calls"], done["recordings"], done["files"], done["cleared"]) == (1, 1, 3, True)
    assert {path.name for path in archive.glob("calls/*/*")} == {
        f"{'2' * 16}.jsonl",
        f"{'2' * 16}.wav",
        f"{'3' * 16}.jsonl",
    }


@pytest.mark.parametrize("option", ["--days", "--recording-days"])
def test_more_days_than_dates_can_be_counted_back_are_a_mistake_in_the_option(archive: Path, option: str) -> None:
    result = run("expire", option, "99999999999")
    assert result.exit_code == 2
    assert left(archive) == {"1", "2", "3"}


def test_where_nothing_is_set_the_command_says_what_to_set(archive: Path) -> None:
    result = run("expire")
    assert isinstance(result.exception, SettingsError)
    assert "RETENTION_DAYS" in str(result.exception)


def test_a_person_is_forgotten_once_somebody_has_agreed(archive: Path) -> None:
    refused = run("forget", PERSON, answer="n\n")
    assert refused.exit_code == 1
    assert "Will be deleted: 2 calls." in refused.stdout
    assert left(archive) == {"1", "2", "3"}
    result = run("forget", PERSON, answer="y\n")
    assert result.exit_code == 0
    assert "Deleted 2 calls: 4 files" in result.stdout
    assert left(archive) == {"3"}
    assert not [path for path in archive.glob("calls.db*") if PERSON.encode() in path.read_bytes()]
    assert "There is nothing to delete." in run("forget", PERSON).stdout


def test_as_json_nothing_is_asked_and_without_yes_nothing_deleted(archive: Path) -> None:
    planned = run("forget", PERSON, "--json")
    assert planned.exit_code == 1
    assert json.loads(planned.stdout)["deleted"] is False
    assert left(archive) == {"1", "2", "3"}
    done = json.loads(run("forget", PERSON, "--json", "--yes").stdout)
    assert (done["deleted"], done["call_ids"], done["files"]) == (True, ["1" * 16, "2" * 16], 4)


def test_a_call_in_progress_is_reported_and_stays(archive: Path) -> None:
    journal = Journal(archive)
    call_log = journal.open(header(4, PERSON, 0))
    store = CallStore(f"sqlite:///{archive / 'calls.db'}")
    store.begin(call_log.header, call_log.name)
    store.close()
    wait_for(archive / call_log.name)
    result = run("forget", PERSON, "--yes")
    assert result.exit_code == 1
    assert f"In progress, and therefore not deleted: {'4' * 16}" in result.stderr
    assert left(archive) == {"3", "4"}
    call_log.close().result(10)
    assert journal.close(10)


def test_a_person_without_calls_and_a_number_that_is_none(archive: Path) -> None:
    assert run("forget", "+12025550999", "--yes").exit_code == 0
    assert run("forget", " ").exit_code == 2
    assert left(archive) == {"1", "2", "3"}


@pytest.mark.parametrize("command", ["expire", "forget"])
def test_the_help_has_examples(command: str) -> None:
    assert f"callbridge calls {command}" in run(command, "--help").stdout
