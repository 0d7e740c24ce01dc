"""The index of calls can be lost, and no call fails for it."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.server.journal import recording_name, transcript_name
from bridge.server.rows import INTERRUPTED
from bridge.server.store import CallStore, NoSuchCallError, StoreError
from bridge.transcript.records import (
    AgentSaid,
    Call,
    CallerSaid,
    Ended,
    Problem,
    Record,
    RecordingRecord,
    VerdictRecord,
    write,
)

END = Ended("caller_hung_up", "stop", "2026-01-31T09:30:05.000Z", 5.0)
TALK: list[Record] = [
    AgentSaid(" Hello", 1, 0, 400),
    AgentSaid(" there.", 1, 400, 700),
    CallerSaid("Hi", 1000, 1300),
    VerdictRecord("antibiotics", "Medical advice", "caller", "refuse", 1300),
    Problem("the recording ended early", 1400),
]


def call(number: int, persona: str = "dental", day: int = 31) -> Call:
    return Call(
        call_id=f"{number:016x}",
        persona=persona,
        from_number="+12025550143",
        to_number="+12025550100",
        carrier="twilio",
        carrier_id=f"CA{number}",
        started_at=f"2026-01-{day:02}T09:30:00.000Z",
        engine="cascade",
    )


def name_of(header: Call) -> str:
    return transcript_name(header.call_id, header.started_at)


def put(data_dir: Path, header: Call, *records: Record, tail: bytes = b"") -> str:
    """A transcript as a journal leaves it."""
    path = data_dir / name_of(header)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write([header, *records]) + tail)
    return name_of(header)


def url(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / 'calls.db'}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    opened = CallStore(url(tmp_path))
    yield opened
    opened.close()


def test_a_call_is_in_the_index_from_its_beginning(store: CallStore) -> None:
    assert store.begin(call(1), name_of(call(1)), "calls/2026-01-31/1.wav")
    entry = store.get(call(1).call_id)
    assert entry is not None
    assert (entry.persona, entry.ended_how, entry.turns) == ("dental", None, 0)
    assert entry.recording == "calls/2026-01-31/1.wav"


def test_a_finished_call_has_its_end_and_its_counts(store: CallStore) -> None:
    store.begin(call(1), name_of(call(1)), recording_name(name_of(call(1))))
    assert store.finish(call(1).call_id, [call(1), RecordingRecord("began", 0), *TALK, END])
    entry = store.get(call(1).call_id)
    assert entry is not None
    assert (entry.ended_how, entry.ended_at, entry.seconds) == (END.how, END.ended_at, 5.0)
    assert (entry.turns, entry.verdicts, entry.problems) == (2, 1, 1)
    assert entry.recording == recording_name(name_of(call(1)))
    assert json.loads(json.dumps(entry.as_dict()))["from"] == "+12025550143"


@pytest.mark.parametrize("states", [[], ["began", "deleted"], ["deleted"]])
def test_a_call_whose_caller_refused_has_no_recording_in_the_index(store: CallStore, states: list[Any]) -> None:
    store.begin(call(1), name_of(call(1)), recording_name(name_of(call(1))))
    assert store.finish(call(1).call_id, [call(1), *(RecordingRecord(state, 0) for state in states), END])
    entry = store.get(call(1).call_id)
    assert entry is not None
    assert entry.recording is None


def test_a_refused_recording_that_a_crash_left_behind_is_deleted_at_the_next_start(
    store: CallStore, tmp_path: Path
) -> None:
    name = put(tmp_path, call(1), RecordingRecord("began", 0), RecordingRecord("deleted", 100))
    (tmp_path / recording_name(name)).write_bytes(b"RIFF")
    store.rebuild(tmp_path)
    assert not (tmp_path / recording_name(name)).exists()


def test_a_call_that_never_reached_the_index_is_entered_when_it_ends(store: CallStore) -> None:
    assert store.finish(call(1).call_id, [call(1), END])
    entry = store.get(call(1).call_id)
    assert entry is not None
    assert entry.transcript == name_of(call(1))


def test_calls_are_listed_newest_first_and_can_be_narrowed(store: CallStore) -> None:
    for number, persona in enumerate(["dental", "waste", "dental", "waste"]):
        header = call(number, persona, day=10 + number)
        store.begin(header, name_of(header))
    assert [entry.carrier_id for entry in store.list()] == ["CA3", "CA2", "CA1", "CA0"]
    assert [entry.carrier_id for entry in store.list(limit=2)] == ["CA3", "CA2"]
    assert [entry.carrier_id for entry in store.list(persona="dental")] == ["CA2", "CA0"]
    since = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
    assert [entry.carrier_id for entry in store.list(since=since)] == ["CA3", "CA2"]
    assert store.list(persona="drones") == []


def test_a_call_is_found_by_the_beginning_of_its_id(store: CallStore) -> None:
    for number in (0x10, 0x11):
        store.begin(call(number), name_of(call(number)))
    assert store.find("0" * 14 + "11").carrier_id == "CA17"
    with pytest.raises(NoSuchCallError, match="More than one"):
        store.find("000")
    for wrong in ("f", "", "%", "0_", "0" * 14 + "111"):
        with pytest.raises(NoSuchCallError, match="no call"):
            store.find(wrong)
    assert store.get("0000") is None


def test_the_index_can_be_deleted_and_is_derived_again_from_the_files(tmp_path: Path, store: CallStore) -> None:
    for number in range(3):
        store.begin(call(number), name_of(call(number)))
        put(tmp_path, call(number), *TALK, END)
        store.finish(call(number).call_id, [call(number), *TALK, END])
    before = store.list()
    store.close()
    (tmp_path / "calls.db").unlink()
    again = CallStore(url(tmp_path))
    rebuilt = again.rebuild(tmp_path)
    assert (rebuilt.entered, rebuilt.interrupted, rebuilt.unreadable) == (3, 0, ())
    assert again.list() == before
    assert again.rebuild(tmp_path).entered == 0
    again.close()


def test_a_call_without_an_end_was_interrupted(tmp_path: Path, store: CallStore) -> None:
    store.begin(call(1), name_of(call(1)))
    put(tmp_path, call(1), *TALK, tail=b'{"type":"caller_sa')
    rebuilt = store.rebuild(tmp_path)
    assert (rebuilt.entered, rebuilt.interrupted) == (1, 1)
    entry = store.get(call(1).call_id)
    assert entry is not None
    assert (entry.ended_how, entry.seconds, entry.ended_at) == (INTERRUPTED, 1.4, None)
    assert store.rebuild(tmp_path).entered == 0


def test_calls_in_progress_are_left_alone(tmp_path: Path, store: CallStore) -> None:
    store.begin(call(1), name_of(call(1)))
    put(tmp_path, call(1))
    put(tmp_path, call(2))
    assert store.rebuild(tmp_path, live=[call(1).call_id, call(2).call_id]).entered == 0
    entry = store.get(call(1).call_id)
    assert entry is not None
    assert entry.ended_how is None


def test_a_call_whose_file_was_never_written_does_not_stay_in_progress(tmp_path: Path, store: CallStore) -> None:
    store.begin(call(1), name_of(call(1)))
    assert store.rebuild(tmp_path).interrupted == 1


def test_files_that_are_no_transcripts_are_reported_and_left_out(tmp_path: Path, store: CallStore) -> None:
    put(tmp_path, call(1), END)
    folder = tmp_path / "calls" / "2026-01-31"
    (folder / "notes.jsonl").write_text("hello\n")
    (folder / f"{2:016x}.jsonl").write_bytes(b"\x00" * 100)
    (folder / f"{3:016x}.jsonl").write_bytes(write([call(4), END]))
    rebuilt = store.rebuild(tmp_path)
    assert rebuilt.entered == 1
    assert [Path(name).name for name in rebuilt.unreadable] == [f"{2:016x}.jsonl", f"{3:016x}.jsonl", "notes.jsonl"]


def test_a_broken_line_in_a_transcript_counts_as_a_problem(tmp_path: Path, store: CallStore) -> None:
    name = put(tmp_path, call(1), END)
    (tmp_path / name).write_bytes(write([call(1)]) + b"{broken\n" + write([END]))
    store.rebuild(tmp_path)
    assert store.find("0").problems == 1


def test_a_recording_beside_the_transcript_is_found_again(tmp_path: Path, store: CallStore) -> None:
    name = put(tmp_path, call(1), END)
    (tmp_path / recording_name(name)).write_bytes(b"RIFF")
    store.rebuild(tmp_path)
    assert store.find("0").recording == recording_name(name)


def test_threads_may_use_the_index_at_once(store: CallStore) -> None:
    def one(number: int) -> bool:
        store.begin(call(number), name_of(call(number)))
        return store.finish(call(number).call_id, [call(number), *TALK, END])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(40)))
    assert [entry.ended_how for entry in store.list()] == [END.how] * 40


def test_two_processes_may_use_the_index_at_once(tmp_path: Path, store: CallStore) -> None:
    for number in range(30):
        put(tmp_path, call(number), END)
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from bridge.server.store import CallStore
        print(CallStore(sys.argv[2]).rebuild(Path(sys.argv[1])).unreadable)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), url(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        store.rebuild(tmp_path)
        assert other.communicate()[0] == "()\n"
    assert other.returncode == 0
    assert len(store.list()) == 30


def rename_table(database: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_an_index_that_refuses_is_told_once_and_no_call_fails_for_it(
    tmp_path: Path, store: CallStore, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, call(1), *TALK, END)
    rename_table(tmp_path / "calls.db", "calls", "hidden")
    assert not store.begin(call(1), name_of(call(1)))
    assert not store.finish(call(1).call_id, [call(1), *TALK, END])
    assert store.errors == 2
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert "no such table" in told[0].getMessage()
    assert "555" not in told[0].getMessage()
    rename_table(tmp_path / "calls.db", "hidden", "calls")
    assert store.rebuild(tmp_path).entered == 1
    assert store.find("0").turns == 2


@pytest.mark.parametrize("wrong", ["nonsense", "sqlite:////proc/none/calls.db", "nodialect://host/db"])
def test_a_database_that_cannot_be_opened_is_told_in_words(wrong: str) -> None:
    with pytest.raises(StoreError, match="DATABASE_URL"):
        CallStore(wrong)


def test_only_its_owner_may_read_the_index(tmp_path: Path, store: CallStore) -> None:
    store.begin(call(1), name_of(call(1)))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("calls.db*")} == {0o600}


def test_a_missing_driver_is_told_in_words() -> None:
    with pytest.raises(StoreError, match="driver"):
        CallStore("mysql://host/db")
