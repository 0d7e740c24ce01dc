"""Transcripts on the disk: nothing is lost to a crash, a full disk or a slow one, and no call waits for them."""

from __future__ import annotations

import logging
import re
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.server import journal as journal_module
from bridge.server.journal import (
    CALL_ID,
    CallLog,
    Journal,
    JournalError,
    new_call_id,
    read_transcript,
    recording_name,
    transcript_name,
)
from bridge.transcript.records import Call, CallerSaid, Ended, encode

WAIT_S = 20.0
END = Ended("caller_hung_up", "stop", "2026-01-31T09:31:00.000Z", 60.0)


def header(call_id: str | None = None) -> Call:
    return Call(
        call_id=call_id or new_call_id(),
        persona="dental",
        from_number="+12025550143",
        to_number="+12025550100",
        carrier="twilio",
        carrier_id="CA0",
        started_at="2026-01-31T09:30:00.000Z",
        engine="cascade",
    )


def said(number: int) -> CallerSaid:
    return CallerSaid(f"sentence {number}", number, number + 1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path, retry_seconds=0.02)
    yield opened
    opened.close(WAIT_S)


def finish(call_log: CallLog) -> None:
    call_log.close().result(WAIT_S)


# -- the usual course


def test_a_call_is_one_file_under_its_date_and_our_id(journal: Journal, tmp_path: Path) -> None:
    call = header("0123456789abcdef")
    call_log = journal.open(call)
    assert call_log.write(said(1)) == (said(1),)
    call_log.write(END)
    finish(call_log)
    path = tmp_path / "calls" / "2026-01-31" / "0123456789abcdef.jsonl"
    assert path.read_bytes() == encode(call) + encode(said(1)) + encode(END)
    reading = read_transcript(tmp_path, call_log.name)
    assert reading.records == (call, said(1), END)
    assert recording_name(call_log.name) == "calls/2026-01-31/0123456789abcdef.wav"
    assert journal.counters.records == 3
    assert journal.counters.waiting_bytes == 0


def test_only_its_owner_may_read_a_transcript(journal: Journal, tmp_path: Path) -> None:
    call_log = journal.open(header())
    finish(call_log)
    assert (tmp_path / call_log.name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / call_log.name).parent.stat().st_mode & 0o777 == 0o700


def test_many_calls_at_once_keep_their_records_apart_and_in_order(journal: Journal, tmp_path: Path) -> None:
    logs = [journal.open(header()) for _ in range(20)]
    for number in range(50):
        for at, call_log in enumerate(logs):
            call_log.write(said(1000 * at + number))
    for call_log in logs:
        finish(call_log)
    for at, call_log in enumerate(logs):
        records = read_transcript(tmp_path, call_log.name).records
        assert list(records[1:]) == [said(1000 * at + number) for number in range(50)]


def test_closing_twice_is_harmless_and_a_closed_record_takes_nothing(journal: Journal) -> None:
    call_log = journal.open(header())
    finish(call_log)
    finish(call_log)
    with pytest.raises(ValueError, match="closed"):
        call_log.write(said(1))


def test_whoever_stops_waiting_for_a_call_does_not_stop_the_journal(journal: Journal, tmp_path: Path) -> None:
    call_log = journal.open(header())
    assert not call_log.closed.cancel()
    finish(call_log)
    other = journal.open(header())
    finish(other)
    assert (tmp_path / other.name).exists()


def test_with_redaction_neither_file_nor_header_holds_a_number(tmp_path: Path) -> None:
    journal = Journal(tmp_path, redact=True)
    call_log = journal.open(header())
    assert call_log.header.from_number == "[number ending 43]"
    assert call_log.write(CallerSaid("it's four one one one", 0, 1)) == ()
    assert call_log.write(CallerSaid("one one one one one one one one one one one one", 2, 3)) == ()
    finish(call_log)
    assert journal.close(WAIT_S)
    data = (tmp_path / call_log.name).read_bytes()
    assert b"[card number ending 1111]" in data
    assert b"555" not in data.replace(b"+12025550100", b"")


def test_records_wait_until_the_journal_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    call_log = journal.open(header())
    for number in range(500):
        call_log.write(said(number))
    assert journal.close(WAIT_S)
    assert len(read_transcript(tmp_path, call_log.name).records) == 501


# -- names


def test_ids_are_ours_and_never_repeat() -> None:
    ids = {new_call_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(CALL_ID.fullmatch(call_id) for call_id in ids)


@pytest.mark.parametrize(
    "call_id", ["", "CA0123456789abcde", "../../etc/passwd", "0123456789abcde/", "0123456789ABCDEF"]
)
def test_what_is_no_id_of_ours_names_no_file(call_id: str) -> None:
    with pytest.raises(JournalError):
        transcript_name(call_id, "2026-01-31T09:30:00.000Z")


@pytest.mark.parametrize("started_at", ["", "yesterday", "../../../..", "2026/01/31"])
def test_what_is_no_date_names_no_folder(started_at: str) -> None:
    with pytest.raises(JournalError):
        transcript_name("0123456789abcdef", started_at)


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "calls/2026-01-31/../../../etc/passwd", "calls/2026-01-31/0123456789abcdef.jsonl\n"]
)
def test_a_name_that_leads_elsewhere_is_not_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(JournalError, match="not the name of a transcript"):
        read_transcript(tmp_path, name)


def test_a_missing_transcript_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=re.escape(str(tmp_path))):
        read_transcript(tmp_path, "calls/2026-01-31/0123456789abcdef.jsonl")


# -- kill -9

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from bridge.server.journal import Journal
    from bridge.transcript.records import Call, CallerSaid
    journal = Journal(Path(sys.argv[1]))
    log = journal.open(Call("0123456789abcdef", "p", "", "", "twilio", "CA0", "2026-01-31T09:30:00.000Z", "echo"))
    number = 0
    while True:
        log.write(CallerSaid("word " * 20, number, number + 1))
        number += 1
        print(journal.counters.records, flush=True)
    """
)


def test_a_kill_9_loses_nothing_that_was_written_but_an_unfinished_line(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        written = 0
        while written < 300:
            written = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    reading = read_transcript(tmp_path, "calls/2026-01-31/0123456789abcdef.jsonl")
    assert reading.call is not None
    assert reading.ended is None
    assert not reading.faults
    assert len(reading.records) >= written
    spoken = [record for record in reading.records if isinstance(record, CallerSaid)]
    assert [record.start_ms for record in spoken] == list(range(len(spoken)))


# -- a disk that refuses


def wait_until_refused(journal: Journal) -> None:
    """Wait until the writing thread has met the full disk."""
    for _ in range(2000):
        if journal.counters.write_errors:
            return
        journal._thread.join(0.01)
    raise AssertionError("the disk took everything")


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Files of this process may not grow beyond `size`, as if the disk were full (EFBIG instead of ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(tmp_path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a tmpfs was refused; run the tests as root: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_on_a_full_disk_records_wait_and_are_all_written_once_there_is_room(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ballast = small_disk / "ballast"
    journal = Journal(small_disk, retry_seconds=0.02)
    call_log = journal.open(header())
    call_log.write(said(0))
    while journal.counters.waiting_bytes:
        journal._thread.join(0.005)
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    for number in range(1, 400):
        assert call_log.write(said(number)) == (said(number),)
    call_log.write(END)
    closed = call_log.close()
    wait_until_refused(journal)
    assert not closed.done()
    assert journal.counters.waiting_bytes > 0
    ballast.unlink()
    closed.result(WAIT_S)
    reading = read_transcript(small_disk, call_log.name)
    assert list(reading.records[1:-1]) == [said(number) for number in range(400)]
    assert reading.ended == END
    assert journal.counters.records_lost == 0
    assert journal.close(WAIT_S)
    messages = [record.getMessage() for record in caplog.records]
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    assert "No space left on device" in messages[0]
    assert "Free space" in messages[0]
    assert "written" in messages[1]
    assert "sentence" not in "".join(messages)


def test_a_line_of_which_the_disk_took_a_part_is_completed_later(journal: Journal, tmp_path: Path) -> None:
    call_log = journal.open(header())
    with file_size_limit(1000):
        for number in range(50):
            call_log.write(said(number))
        wait_until_refused(journal)
        partial = read_transcript(tmp_path, call_log.name)
        assert (tmp_path / call_log.name).stat().st_size == 1000
        assert partial.unfinished
        assert not partial.faults
    finish(call_log)
    reading = read_transcript(tmp_path, call_log.name)
    assert list(reading.records[1:]) == [said(number) for number in range(50)]
    assert not reading.faults


def test_one_call_that_cannot_be_written_does_not_hold_up_another(journal: Journal, tmp_path: Path) -> None:
    blocked, fine = header("0" * 16), header("1" * 16)
    (tmp_path / "calls" / "2026-01-31" / f"{blocked.call_id}.jsonl").mkdir(parents=True)
    stuck = journal.open(blocked)
    finish(journal.open(fine))
    assert not stuck.close().done()
    (tmp_path / "calls" / "2026-01-31" / f"{blocked.call_id}.jsonl").rmdir()
    finish(stuck)


def test_a_symbolic_link_is_not_followed(journal: Journal, tmp_path: Path) -> None:
    call = header()
    name = tmp_path / transcript_name(call.call_id, call.started_at)
    name.parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    name.symlink_to(elsewhere)
    call_log = journal.open(call)
    wait_until_refused(journal)
    assert elsewhere.read_text() == ""
    name.unlink()
    finish(call_log)


def test_memory_for_waiting_records_is_bounded_and_losses_are_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calls").write_text("a file where the folder should be")
    monkeypatch.setattr(journal_module, "MAX_CALL_BYTES", 1000)
    monkeypatch.setattr(journal_module, "MAX_BYTES", 1500)
    journal = Journal(tmp_path, retry_seconds=0.02)
    first, second = journal.open(header()), journal.open(header())
    for number in range(100):
        first.write(said(number))
        second.write(said(number))
    wait_until_refused(journal)
    assert 1000 < journal.counters.waiting_bytes <= 1500
    assert journal.counters.records_lost > 150
    lost = journal.counters.records_lost
    assert not journal.close(WAIT_S)
    assert journal.counters.records_lost > lost
    told = [record.getMessage() for record in caplog.records if "lost" in record.getMessage()]
    assert len(told) == 1
    assert "could not be written" in caplog.records[-1].getMessage()
