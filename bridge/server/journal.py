"""Each call's record as an append-only JSON Lines file: DATA_DIR/calls/YYYY-MM-DD/<call id>.jsonl.

Writing is the work of one thread, so that a slow disk never delays a packet. A record is one `os.write` of one whole
line to a file opened for appending; the death of the process leaves all lines written so far, and at worst a last one
that is unfinished. When a call ends its file is synced, which makes it survive a power cut too.

What waits for the disk waits in memory, and transcripts are not dropped: while the disk is full the calls go on, the
lines wait, and they are written once there is room. Memory being finite, a call may have `MAX_CALL_BYTES` waiting and
all calls together `MAX_BYTES`; only beyond that are records refused, counted, and reported in the log.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.facts.errors import BridgeError
from bridge.transcript.records import Call, Reading, Record, encode, read
from bridge.transcript.redact import Redactor

log = logging.getLogger(__name__)

MAX_CALL_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one call that may wait for the disk: three hours of lively talk."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all calls together that may wait for the disk."""

CLAIM_TRIES: Final = 20
"""Times, a millisecond apart, that marking a file as being written is tried."""

RETRY_SECONDS: Final = 1.0
"""How long a disk that refused a write is left alone."""

CALL_ID: Final = re.compile(r"[0-9a-f]{16}")
RECORDING: Final = re.compile(rf"calls/\d{{4}}-\d{{2}}-\d{{2}}/{CALL_ID.pattern}\.wav")
TRANSCRIPT: Final = re.compile(rf"calls/\d{{4}}-\d{{2}}-\d{{2}}/{CALL_ID.pattern}\.jsonl")


class JournalError(BridgeError):
    """A transcript cannot be found or named."""


@dataclass(slots=True)
class JournalCounters:
    """`waiting_bytes` is a gauge, the others count from the start of the process."""

    records: int = 0
    write_errors: int = 0
    records_lost: int = 0
    waiting_bytes: int = 0


def new_call_id() -> str:
    """A call's name: 64 random bits as 16 hexadecimal digits. Ours, because a carrier's could be anything."""
    return secrets.token_hex(8)


def transcript_name(call_id: str, started_at: str) -> str:
    """Path of a transcript relative to DATA_DIR. Raises `JournalError` for what is no id or no date of ours."""
    name = f"calls/{started_at[:10]}/{call_id}.jsonl"
    if not TRANSCRIPT.fullmatch(name):
        raise JournalError("a call needs an id from `new_call_id` and a start in ISO 8601")
    return name


def recording_name(transcript: str) -> str:
    """Path of a recording relative to DATA_DIR: beside its transcript."""
    return transcript.removesuffix(".jsonl") + ".wav"


def read_transcript(data_dir: Path, name: str) -> Reading:
    """Read the file that `transcript_name` named. Raises `JournalError` where there is none.

    An index may have been edited by hand: no name in it leads out of DATA_DIR/calls.
    """
    return read(transcript_bytes(data_dir, name))


def transcript_bytes(data_dir: Path, name: str) -> bytes:
    """The file as it is. Raises `JournalError` as `read_transcript` does."""
    if not TRANSCRIPT.fullmatch(name):
        raise JournalError(f"{name!r} is not the name of a transcript")
    try:
        return (data_dir / name).read_bytes()
    except OSError as error:
        raise JournalError(
            f"The transcript {data_dir / name} cannot be read: {error.strerror}. "
            "If it was moved or deleted, put it back, or point DATA_DIR to where it lies."
        ) from None


def being_written(data_dir: Path, name: str) -> bool:
    """Whether a process on this machine holds the transcript open: its call is in progress."""
    try:
        fd = os.open(data_dir / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


class CallLog:
    """One call's file. `write` and `close` belong to the event loop, the rest to the writing thread."""

    def __init__(self, journal: Journal, name: str, redactor: Redactor | None, *, again: bool = False) -> None:
        """Made by the journal. `again`: the file was closed before, and if it is gone it stays so."""
        self.name = name
        self.closed: Future[None] = Future()
        self.closed.set_running_or_notify_cancel()  # whoever stops waiting for it must not cancel it
        self._journal = journal
        self._redactor = redactor
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._closing = False
        self._again = again
        self._fd: int | None = None

    def begin(self, header: Call) -> None:
        """Write the header. As it was written, with redaction, it lacks the caller's number, and so must the index."""
        (written,) = self.write(header)
        assert isinstance(written, Call)
        self.header = written

    def write(self, record: Record) -> tuple[Record, ...]:
        """Write a record, never waiting for the disk.

        Gives the records that the file gets for it: the same one; with redaction none while a number is being
        spoken, and several once it is over. Whoever shows a call live shows these. `Ended` gives all that is left.
        """
        if self._closing:
            raise ValueError("the record of this call is closed")
        records = self._redactor.push(record) if self._redactor else (record,)
        self._put(records)
        return records

    def close(self) -> Future[None]:
        """No more records. The future is done when every line is on the disk, which a full disk may put off."""
        if not self._closing:
            self._put(self._redactor.flush() if self._redactor else ())
            self._closing = True
            self._journal._wake(self)
        return self.closed

    def _put(self, records: tuple[Record, ...]) -> None:
        for record in records:
            self._journal._put(self, encode(record))


class Journal:
    """The writing thread and what waits for it. One per process."""

    def __init__(
        self,
        data_dir: Path,
        *,
        redact: bool = False,
        pseudonym: Callable[[str], str] = lambda number: "",
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Start the thread. `redact` masks numbers in what is written (see `bridge.transcript.redact`).

        `pseudonym` gives what stands for the number of the person on the line, where that is masked.
        """
        self._pseudonym = pseudonym
        self.data_dir = data_dir
        self.counters = JournalCounters()
        self._redact = redact
        self._retry_seconds = retry_seconds
        self._changed = threading.Condition()
        self._busy: dict[CallLog, None] = {}  # calls with something to do, in order of asking
        self._stopping = False
        self._refused = False
        self._lost = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def open(self, header: Call) -> CallLog:
        """Begin a call's file with its header. Raises `JournalError` for an id or a date that is not ours."""
        name = transcript_name(header.call_id, header.started_at)
        call_log = CallLog(self, name, Redactor(self._pseudonym) if self._redact else None)
        call_log.begin(header)
        return call_log

    def note(self, name: str, record: Record) -> None:
        """Add a line, which holds nothing to mask, to the file of a call that is over."""
        call_log = CallLog(self, name, None, again=True)
        call_log.write(record)
        call_log.close()

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end the thread; false, with an error in the log, if that took over `timeout_s`.

        Not for the event loop.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)
        with self._changed:
            waiting = sum(len(call_log._lines) for call_log in self._busy)
        if waiting:
            self.counters.records_lost += waiting
            log.error("%d transcript records could not be written to %s before the end", waiting, self.data_dir)
        return not waiting

    # -- the event loop's side

    def _put(self, call_log: CallLog, line: bytes) -> None:
        with self._changed:
            size = len(line)
            fits = call_log._waiting_bytes + size <= MAX_CALL_BYTES and self.counters.waiting_bytes + size <= MAX_BYTES
            if fits:
                call_log._lines.append(line)
                call_log._waiting_bytes += size
                self.counters.waiting_bytes += size
                self._busy[call_log] = None
                self._changed.notify()
                return
            self.counters.records_lost += 1
            first, self._lost = not self._lost, True
        if first:
            log.error(
                "Transcript records are being lost: %s takes no more and the memory set aside for them is full. "
                "Free space on that disk now, or set DATA_DIR to another one and restart.",
                self.data_dir,
            )

    def _wake(self, call_log: CallLog) -> None:
        with self._changed:
            self._busy[call_log] = None
            self._changed.notify()

    # -- the writing thread

    def _run(self) -> None:
        while self._round():
            pass

    def _round(self) -> bool:
        """Write what waits, once there is something. False: the journal is closed.

        A function of its own, so that nothing of the last call is held while the thread waits for the next.
        """
        busy = self._await_work()
        refusal: OSError | None = None
        for call_log in busy or ():
            try:
                self._write_out(call_log)
            except OSError as error:
                self.counters.write_errors += 1
                refusal = error
        if busy is not None:
            self._report(refusal)
        return busy is not None

    def _await_work(self) -> list[CallLog] | None:
        """The calls with something to do; none when the journal is closed and has tried to write all of it."""
        with self._changed:
            if self._refused and self._stopping:
                return None
            if self._refused:
                self._changed.wait_for(lambda: self._stopping, self._retry_seconds)
            self._changed.wait_for(lambda: self._busy or self._stopping)
            return list(self._busy) or None

    def _write_out(self, call_log: CallLog) -> None:
        """Write a call's lines, oldest first. What a full disk took of a line is not written again."""
        if call_log._fd is None and call_log._lines:
            path = self.data_dir / call_log.name
            call_log._fd = _reopen(path) if call_log._again else _create(path)
            if call_log._fd is None:  # deleted since, and not to come back
                self._drop_lines(call_log)
        while call_log._lines:
            assert call_log._fd is not None
            line = call_log._lines[0]
            written = os.write(call_log._fd, line)
            with self._changed:
                call_log._waiting_bytes -= written
                self.counters.waiting_bytes -= written
                if written < len(line):
                    call_log._lines[0] = line[written:]
                else:
                    call_log._lines.popleft()
                    self.counters.records += 1
        self._settle(call_log)

    def _drop_lines(self, call_log: CallLog) -> None:
        with self._changed:
            call_log._lines.clear()
            self.counters.waiting_bytes -= call_log._waiting_bytes
            call_log._waiting_bytes = 0

    def _settle(self, call_log: CallLog) -> None:
        """Take a call that has nothing left to write off the list, and close its file if it is over."""
        with self._changed:
            if not call_log._closing:
                if not call_log._lines:
                    del self._busy[call_log]
                return
        if call_log._fd is not None:
            os.fsync(call_log._fd)
            fd, call_log._fd = call_log._fd, None
            os.close(fd)
        with self._changed:
            del self._busy[call_log]
        call_log.closed.set_result(None)

    def _report(self, refusal: OSError | None) -> None:
        """Say once that the disk refuses, and once that it takes again."""
        if refusal is not None and not self._refused:
            log.error(
                "Transcripts cannot be written to %s: %s. Calls go on and their records wait in memory. "
                "Free space there, or make it writable; what waits is then written by itself.",
                self.data_dir,
                refusal.strerror or refusal,
            )
        if refusal is None and self._refused:
            log.warning("Transcripts are being written to %s again", self.data_dir)
        with self._changed:
            self._refused = refusal is not None
            self._lost = self._lost and self._refused


def _create(path: Path) -> int:
    """Open a new file for appending, readable by its owner alone: it holds what a caller said."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _claimed(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def _reopen(path: Path) -> int | None:
    """Open a file that is there for appending."""
    try:
        return _claimed(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW))
    except FileNotFoundError:
        return None


def _claimed(fd: int) -> int:
    """Mark an open file as being written; the mark goes with the descriptor, however the process ends."""
    for _ in range(CLAIM_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            break
        except BlockingIOError:  # somebody looks at the mark in this very moment
            time.sleep(0.001)
        except OSError:  # a file system without locks
            break
    return fd
