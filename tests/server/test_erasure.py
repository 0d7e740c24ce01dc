"""What is deleted is gone: file, row, and every trace in the index; what is not to be deleted stays."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.server import pseudonym
from bridge.server.erasure import Keep, Plan, erase, expired, of_person
from bridge.server.journal import Journal, recording_name, transcript_name
from bridge.server.pseudonym import Pseudonyms
from bridge.server.retention import Retention
from bridge.server.store import CallStore
from bridge.transcript.records import Call, CallerSaid, Ended, Record, RecordingRecord, utc_text, write

NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
PERSON = "+12025550143"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    opened = CallStore(f"sqlite:///{tmp_path / 'calls.db'}")
    yield opened
    opened.close()


def wait_for(path: Path) -> None:
    """Until the writing thread has written to a file."""
    for _ in range(5000):
        if path.exists() and path.stat().st_size:
            return
        time.sleep(0.001)
    raise AssertionError(path)


def header(number: int, days: float, person: str = PERSON, key: str = "") -> Call:
    started = utc_text(NOW - timedelta(days=days))
    return Call(f"{number:016x}", "dental", person, "+12025550100", "twilio", f"CA{number}", started, "echo", 1, key)


def put(store: CallStore, data_dir: Path, call: Call, *, over: bool = True, recorded: bool = True) -> Path:
    """A call as the server leaves it; its transcript."""
    records: list[Record] = [call, CallerSaid("Hello", 0, 400)]
    records += [RecordingRecord("began", 0)] if recorded else []
    records += [Ended("caller_hung_up", "stop", call.started_at, 5.0)] if over else []
    name = transcript_name(call.call_id, call.started_at)
    path = data_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write(records))
    if recorded:
        (data_dir / recording_name(name)).write_bytes(b"RIFF")
    store.begin(call, name, recording_name(name) if recorded else None)
    if over:
        store.finish(call.call_id, records)
    return path


def ids(plan: Plan) -> list[int]:
    return [int(entry.call_id, 16) for entry in plan.calls]


def traces(data_dir: Path, text: str) -> list[str]:
    """The files of the index that hold this text in any corner."""
    return [path.name for path in data_dir.glob("calls.db*") if text.encode() in path.read_bytes()]


def test_calls_expire_after_their_days_and_recordings_sooner(store: CallStore, tmp_path: Path) -> None:
    kept, shortened, gone = (put(store, tmp_path, header(number, days)) for number, days in ((1, 5), (2, 29), (3, 91)))
    plan = expired(store, tmp_path, Keep(90, 28), NOW)
    assert ids(plan) == [3]
    assert [int(entry.call_id, 16) for entry in plan.recordings] == [2]
    erased = erase(plan, store, tmp_path)
    assert (erased.calls, erased.recordings, erased.files, erased.failures) == (1, 1, 3, ())
    assert not gone.parent.exists()
    assert shortened.exists()
    assert not shortened.with_suffix(".wav").exists()
    assert kept.with_suffix(".wav").exists()
    assert {entry.call_id: entry.recording is not None for entry in store.list()} == {
        f"{1:016x}": True,
        f"{2:016x}": False,
    }
    assert expired(store, tmp_path, Keep(90, 28), NOW).empty


def test_nothing_expires_where_nothing_is_set(store: CallStore, tmp_path: Path) -> None:
    put(store, tmp_path, header(1, 4000))
    assert expired(store, tmp_path, Keep(), NOW).empty


def test_of_what_is_deleted_no_byte_remains_in_the_index(store: CallStore, tmp_path: Path) -> None:
    for number in range(40):
        put(store, tmp_path, header(number, number, f"+1202555{number:04}"))
    assert traces(tmp_path, "+12025550039")
    erase(expired(store, tmp_path, Keep(20), NOW), store, tmp_path)
    assert store.compact()
    assert traces(tmp_path, "+12025550039") == []
    assert traces(tmp_path, "+12025550001")


def test_what_a_version_without_care_deleted_is_cleared_as_well(store: CallStore, tmp_path: Path) -> None:
    for number in range(40):
        put(store, tmp_path, header(number, 1, f"+1202555{number:04}"))
    with closing(sqlite3.connect(tmp_path / "calls.db")) as careless, careless:
        careless.execute("PRAGMA secure_delete=OFF")
        careless.execute("DELETE FROM calls WHERE from_number LIKE '%0020'")
    store.compact()
    assert traces(tmp_path, "+12025550020")
    assert store.compact(whole=True)
    assert traces(tmp_path, "+12025550020") == []
    assert len(store.list()) == 39


def test_a_call_in_progress_is_left_alone_and_reported(store: CallStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    call = header(1, 91)
    call_log = journal.open(call)
    store.begin(call, call_log.name)
    wait_for(tmp_path / call_log.name)
    plan = of_person(store, tmp_path, PERSON, None)
    assert plan.empty
    assert [entry.call_id for entry in plan.live] == [call.call_id]
    assert [entry.call_id for entry in expired(store, tmp_path, Keep(90), NOW).live] == [call.call_id]
    assert store.rebuild(tmp_path).interrupted == 0
    call_log.close().result(10)
    assert journal.close(10)
    os.utime(tmp_path / call_log.name, (0, 0))  # its process is gone, and long since
    assert ids(of_person(store, tmp_path, PERSON, None)) == [1]


def test_a_call_whose_process_died_is_no_call_in_progress(store: CallStore, tmp_path: Path) -> None:
    path = put(store, tmp_path, header(1, 2), over=False)
    assert of_person(store, tmp_path, PERSON, None).live
    os.utime(path, (0, 0))
    assert ids(of_person(store, tmp_path, PERSON, None)) == [1]


@pytest.mark.parametrize("asked", [PERSON, "12025550143", "0012025550143", "+1 (202) 555-0143"])
@pytest.mark.parametrize("stored", [PERSON, "12025550143", "0012025550143"])
def test_a_person_is_found_however_their_number_is_written(
    store: CallStore, tmp_path: Path, asked: str, stored: str
) -> None:
    put(store, tmp_path, header(1, 1, stored))
    put(store, tmp_path, header(2, 1, "+12025550144"))
    assert ids(of_person(store, tmp_path, asked, None)) == [1]


def test_a_person_whose_number_was_masked_is_found_by_its_key(store: CallStore, tmp_path: Path) -> None:
    people = pseudonym.make(tmp_path)
    masked = "[number ending 43]"
    put(store, tmp_path, header(1, 1, masked, people(PERSON)))
    put(store, tmp_path, header(2, 1, masked, people("+12025559943")))
    put(store, tmp_path, header(3, 1, masked))  # of a time before there were keys
    plan = of_person(store, tmp_path, PERSON, pseudonym.known(tmp_path))
    assert ids(plan) == [1]
    assert [int(entry.call_id, 16) for entry in plan.perhaps] == [3]
    assert ids(of_person(store, tmp_path, PERSON, people, perhaps=True)) == [1, 3]
    erase(plan, store, tmp_path)
    store.compact()
    assert traces(tmp_path, people(PERSON)) == []


def test_an_index_that_is_lost_finds_masked_persons_again_by_their_files(tmp_path: Path) -> None:
    people = pseudonym.make(tmp_path)
    journal = Journal(tmp_path, redact=True, pseudonym=people)
    call_log = journal.open(header(1, 1))
    assert call_log.header.from_number == "[number ending 43]"
    call_log.write(Ended("idle", "silence", NOW.isoformat(), 1.0))
    call_log.close().result(10)
    assert journal.close(10)
    again = CallStore(f"sqlite:///{tmp_path / 'new.db'}")
    again.rebuild(tmp_path)
    assert ids(of_person(again, tmp_path, PERSON, pseudonym.known(tmp_path))) == [1]
    assert "person_key" not in again.list()[0].as_dict()
    again.close()


def test_keys_of_numbers_differ_between_folders_and_say_nothing_of_the_number(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert pseudonym.known(tmp_path / "a") is None
    one, other = pseudonym.make(tmp_path / "a"), pseudonym.make(tmp_path / "b")
    assert one(PERSON) == pseudonym.make(tmp_path / "a")(PERSON) == one("12025550143") != other(PERSON)
    assert one("alice") != one("bob")
    assert (tmp_path / "a" / pseudonym.KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert Pseudonyms(b"k")(PERSON).isalnum()


def test_names_in_an_edited_index_lead_nowhere(store: CallStore, tmp_path: Path) -> None:
    outside = tmp_path / "precious.jsonl"
    outside.write_text("keep me")
    call = header(1, 91)
    store.begin(call, "../precious.jsonl", "/etc/passwd")
    store.finish(call.call_id, [call, Ended("idle", "silence", call.started_at, 1.0)])
    plan = expired(store, tmp_path, Keep(90), NOW)
    erased = erase(plan, store, tmp_path)
    assert erased.calls == 0
    assert "no file of ours" in erased.failures[0]
    assert outside.exists()


def test_files_that_no_call_has_expire_with_their_day(store: CallStore, tmp_path: Path) -> None:
    put(store, tmp_path, header(1, 95), recorded=False)
    unreadable = tmp_path / "calls" / "2026-01-01" / ("a" * 16 + ".jsonl")
    unreadable.parent.mkdir(parents=True)
    unreadable.write_text("not a transcript")
    left_behind = unreadable.with_suffix(".wav")
    left_behind.write_bytes(b"RIFF")
    notes = unreadable.with_name("notes.txt")
    notes.write_text("an operator's own")
    assert expired(store, tmp_path, Keep(recordings=30), NOW).strays == [left_behind.relative_to(tmp_path).as_posix()]
    erased = erase(expired(store, tmp_path, Keep(90), NOW), store, tmp_path)
    assert (erased.calls, erased.files) == (1, 3)
    assert notes.exists()
    assert not unreadable.exists()
    assert not left_behind.exists()


def test_a_link_is_deleted_and_not_what_it_leads_to(store: CallStore, tmp_path: Path) -> None:
    path = put(store, tmp_path, header(1, 91))
    precious = tmp_path / "precious.wav"
    path.with_suffix(".wav").rename(precious)
    path.with_suffix(".wav").symlink_to(precious)
    assert erase(expired(store, tmp_path, Keep(90), NOW), store, tmp_path).calls == 1
    assert precious.exists()


def test_what_others_keep_of_a_call_goes_with_it(store: CallStore, tmp_path: Path) -> None:
    put(store, tmp_path, header(1, 91))
    others: list[str] = []
    erase(expired(store, tmp_path, Keep(90), NOW), store, tmp_path, others.extend)
    assert others == [f"{1:016x}"]


# -- the server's errand


def test_the_errand_deletes_in_batches_and_passes_over_what_cannot_be_deleted(
    store: CallStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bridge.server.retention.BATCH", 2)
    stubborn = put(store, tmp_path, header(9, 99), recorded=False)
    stubborn.unlink()
    stubborn.mkdir()  # what is no file cannot be deleted like one
    for number in range(5):
        put(store, tmp_path, header(number, 91))
    errand = Retention(store, tmp_path, Keep(90), lambda: NOW)
    rounds = 0
    while errand.batch():
        rounds += 1
        assert rounds < 10
    assert (errand.calls, rounds) == (5, 3)
    assert [entry.call_id for entry in store.list()] == [f"{9:016x}"]
    assert "cannot be deleted" in caplog.text
    assert PERSON not in caplog.text


def test_a_transcript_is_marked_as_being_written_until_it_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    call_log = journal.open(header(1, 0))
    path = tmp_path / call_log.name
    wait_for(path)
    with path.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    call_log.close().result(10)
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert journal.close(10)
