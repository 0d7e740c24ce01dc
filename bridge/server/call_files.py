"""One call's files, looked up by its id: of a call in progress what there is by now, of others what the disk has."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.server.erasure import Erased, Plan, erase, in_progress
from bridge.server.journal import RECORDING, transcript_bytes
from bridge.server.register import LiveCall
from bridge.server.rows import CallEntry
from bridge.server.store import CallStore
from bridge.transcript.lines import clean, duration, lines
from bridge.transcript.records import Reading, read, write
from bridge.transcript.summary import summarise


class InProgressError(Exception):
    """The call goes on, or is just being put away."""


@dataclass(frozen=True, slots=True)
class CallFile:
    """A call: its transcript as it was written, and as records; how it ended by the index; its recording, if any."""

    data: bytes
    reading: Reading
    ended_how: str | None
    recording: Path | None

    def summary(self) -> dict[str, Any]:
        """The call as plain JSON values."""
        summary = summarise(self.reading.records)
        return summary | {
            "ended": summary["ended"] or self.ended_how,
            "unreadable_lines": [fault.line for fault in self.reading.faults],
        }

    def text(self) -> str:
        """The call for people to read, as `callbridge calls show` prints it, without paths and with times in UTC."""
        told = self.summary()
        how = told["ended"] or "in progress"
        heading = [
            f"Call {told['call_id']}: {told['persona']} ({told['engine']}), {told['started_at']}, "
            f"{duration(told['seconds'])}, {how}",
            f"From {told['from'] or 'unknown'} to {told['to'] or 'unknown'}",
        ]
        return "\n".join([*map(clean, heading), "", *map(str, lines(self.reading)), ""])


class CallFiles:
    """Finds, reads and deletes. All methods block."""

    def __init__(self, store: CallStore, data_dir: Path, also: Callable[[Collection[str]], object]) -> None:
        """`also` deletes what others keep of calls; see `bridge.server.erasure.erase`."""
        self.store, self.data_dir, self._also = store, data_dir, also

    def of(self, call_id: str, live: LiveCall | None) -> CallFile | None:
        """The call of exactly that id. Raises `StoreError`, and `JournalError` for a transcript that is gone."""
        if live:
            records = tuple(live.records)
            return CallFile(write(records), Reading(records), None, self._recording(live.recording))
        entry = self.store.get(call_id)
        if entry is None:
            return None
        data = transcript_bytes(self.data_dir, entry.transcript)
        return CallFile(data, read(data), entry.ended_how, self._recording(entry.recording))

    def recording(self, call_id: str, live: LiveCall | None) -> Path | None:
        """The recording of a call, if there are both. Raises `StoreError`."""
        entry = None if live else self.store.get(call_id)
        return self._recording(live.recording if live else entry.recording if entry else None)

    def delete(self, call_id: str) -> Erased | None:
        """Delete a call for good, as `callbridge calls forget` does; None if there is none.

        Raises `InProgressError` and `StoreError`.
        """
        entry: CallEntry | None = self.store.get(call_id)
        if entry is None:
            return None
        if in_progress(self.data_dir, entry):
            raise InProgressError
        erased = erase(Plan(calls=[entry]), self.store, self.data_dir, self._also)
        self.store.compact()
        return erased

    def _recording(self, name: str | None) -> Path | None:
        """An index may have been edited by hand: no name in it leads anywhere else, and no link is followed."""
        if name is None or not RECORDING.fullmatch(name):
            return None
        path = self.data_dir / name
        try:
            return path if stat.S_ISREG(path.lstat().st_mode) else None
        except OSError:
            return None
