"""The index of calls: one row each, in SQLite or whatever SQLAlchemy URL `DATABASE_URL` names.

The files are the truth and the index only makes them quick to find: every row can be derived from its transcript, and
`rebuild` does so for files that the index does not know. So no call ever fails for its index: `begin` and `finish`
report an error in the log and leave the row to the next `rebuild`. All functions block and belong in a thread
(`asyncio.to_thread`); the store may be used from several at once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bridge.server.database import StoreError as StoreError
from bridge.server.database import open_database, reason
from bridge.server.journal import being_written, recording_name, transcript_name
from bridge.server.rows import INTERRUPTED, CallEntry, calls, completed, derived, entry_of, lost, metadata, people
from bridge.server.wanted import Place, Wanted
from bridge.transcript.records import Call, Record, is_recorded, utc_text

log = logging.getLogger(__name__)


class NoSuchCallError(StoreError):
    """No call has that id, or more than one does."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What `rebuild` did: the calls it entered, those it found interrupted, the files that are no transcripts.

    `cut_off` are the transcripts of calls that the index had for unfinished, and that were interrupted.
    """

    entered: int
    interrupted: int
    unreadable: tuple[str, ...]
    cut_off: tuple[str, ...] = ()


class CallStore:
    """See the module's docstring."""

    def __init__(self, url: str) -> None:
        """Connect to an SQLAlchemy URL and create what is missing. Raises `StoreError` with words for the operator."""
        self.errors = 0
        self._failing = False
        self._engine = open_database(url, metadata)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def begin(self, call: Call, transcript: str, recording: str | None = None) -> bool:
        """Enter a call that begins, with the paths of its files relative to DATA_DIR. False if the index refused."""
        return self._try_save(entry_of((call,), call, transcript, recording))

    def finish(self, call_id: str, records: Sequence[Record]) -> bool:
        """Complete the row of a call from its records. False if the index refused."""
        try:
            begun = self.get(call_id)
        except StoreError:
            begun = None
        call = next((record for record in records if isinstance(record, Call)), None)
        if call is None:
            raise ValueError("the records of a call begin with its header")
        transcript = begun.transcript if begun else transcript_name(call_id, call.started_at)
        recording = recording_name(transcript) if is_recorded(records) else None
        return self._try_save(completed(entry_of(records, call, transcript, recording), records))

    def list(
        self, *, persona: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> Sequence[CallEntry]:
        """Calls, the newest first; of one persona, begun at or after `since`, at most `limit`."""
        query = sa.select(calls).order_by(calls.c.started_at.desc(), calls.c.call_id)
        if persona is not None:
            query = query.where(calls.c.persona == persona)
        if since is not None:
            query = query.where(calls.c.started_at >= utc_text(since))
        return self._select(query if limit is None else query.limit(limit))

    def page(self, wanted: Wanted, after: Place | None, limit: int) -> Sequence[CallEntry]:
        """The first `limit` calls behind a place that are wanted, the newest first."""
        query = sa.select(calls).where(*wanted.clauses()).order_by(calls.c.started_at.desc(), calls.c.call_id)
        if after is not None:
            same = (calls.c.started_at == after.started_at) & (calls.c.call_id > after.call_id)
            query = query.where((calls.c.started_at < after.started_at) | same)
        return self._select(query.limit(limit))

    def get(self, call_id: str) -> CallEntry | None:
        """The call of exactly that id."""
        found = self._select(sa.select(calls).where(calls.c.call_id == call_id))
        return found[0] if found else None

    def find(self, beginning: str) -> CallEntry:
        """The call whose id begins like this. Raises `NoSuchCallError` where there is none, or more than one."""
        query = sa.select(calls).where(calls.c.call_id.startswith(beginning, autoescape=True)).limit(2)
        found = self._select(query) if beginning else ()
        if not found:
            raise NoSuchCallError(f"There is no call {beginning!r}. `callbridge calls list` shows those there are.")
        if len(found) > 1:
            raise NoSuchCallError(f"More than one call begins with {beginning!r}. Give more of the id.")
        return found[0]

    def of_person(self, numbers: Collection[str], person_keys: Collection[str]) -> Sequence[CallEntry]:
        """Calls from or to one of these people's numbers, or of one with one of these keys; the oldest first."""
        keyed = sa.select(people.c.call_id).where(people.c.person_key.in_(person_keys))
        inbound = calls.c.direction == "inbound"
        theirs = (inbound & calls.c.from_number.in_(numbers)) | (~inbound & calls.c.to_number.in_(numbers))
        theirs |= calls.c.call_id.in_(keyed)
        return self._select(sa.select(calls).where(theirs).order_by(calls.c.started_at))

    def keyed(self) -> frozenset[str]:
        """The calls of whose person a key is kept."""
        try:
            with self._engine.connect() as connection:
                return frozenset(connection.execute(sa.select(people.c.call_id)).scalars())
        except SQLAlchemyError as error:
            raise StoreError(f"The call index cannot be read: {reason(error)}.") from None

    def begun_before(
        self, moment: datetime, *, since: datetime | None = None, recorded: bool = False, limit: int | None = None
    ) -> Sequence[CallEntry]:
        """Calls that began before `moment`, and not before `since`, the oldest first; `recorded`: with a recording."""
        query = sa.select(calls).where(calls.c.started_at < utc_text(moment)).order_by(calls.c.started_at)
        if since is not None:
            query = query.where(calls.c.started_at >= utc_text(since))
        if recorded:
            query = query.where(calls.c.recording.is_not(None))
        return self._select(query if limit is None else query.limit(limit))

    def known_files(self, call_ids: Sequence[str]) -> frozenset[str]:
        """The files of some calls that the index has."""
        found = self._select(sa.select(calls).where(calls.c.call_id.in_(call_ids)))
        return frozenset(name for entry in found for name in (entry.transcript, entry.recording) if name)

    def remove(self, call_ids: Sequence[str]) -> None:
        """Delete rows. Raises `StoreError` if the index refuses."""
        self._change(
            sa.delete(calls).where(calls.c.call_id.in_(call_ids)),
            sa.delete(people).where(people.c.call_id.in_(call_ids)),
        )

    def remove_recordings(self, call_ids: Sequence[str]) -> None:
        """These calls have no recording any more. Raises `StoreError` if the index refuses."""
        self._change(sa.update(calls).where(calls.c.call_id.in_(call_ids)).values(recording=None))

    def compact(self, *, whole: bool = False) -> bool:
        """Let nothing that was deleted remain in SQLite's files; false if a reader keeps a log from being emptied.

        Deleted rows are zeros already; what else held them is the write-ahead log. `whole` also writes the file anew,
        which clears what a version without this care has left. Other databases see to this themselves.
        """
        if self._engine.dialect.name != "sqlite":
            return True
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if whole:
                    connection.exec_driver_sql("VACUUM")
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        except SQLAlchemyError as error:
            raise StoreError(f"The call index cannot be cleared of what was deleted: {reason(error)}.") from None
        return not busy

    def rebuild(self, data_dir: Path, live: Collection[str] = ()) -> Rebuilt:
        """Enter the transcripts that the index does not know, and those it holds for unfinished.

        A call without an end was interrupted, unless it is one of `live` or its file is being written. Raises
        `StoreError` if the index refuses.
        """
        known = {entry.transcript: entry for entry in self.list() if entry.call_id not in live}
        entered = interrupted = 0
        unreadable, cut_off = [], []
        names = {path.relative_to(data_dir).as_posix() for path in (data_dir / "calls").glob("*/*.jsonl")}
        open_rows = {name for name, entry in known.items() if entry.ended_how is None}
        for name in sorted(names - known.keys() | open_rows):
            if Path(name).stem in live or being_written(data_dir, name):
                continue
            entry = derived(data_dir, name) or lost(known.get(name))
            if entry is None:
                unreadable.append(name)
                continue
            self._save(entry)
            entered += 1
            interrupted += entry.ended_how == INTERRUPTED
            if entry.ended_how == INTERRUPTED and name in open_rows:
                cut_off.append(name)
        return Rebuilt(entered, interrupted, tuple(unreadable), tuple(cut_off))

    def _try_save(self, entry: CallEntry) -> bool:
        try:
            self._save(entry)
        except StoreError as error:
            self.errors += 1
            if not self._failing:
                log.error("%s Calls go on; the index is brought up to date from their files at the next start.", error)
            self._failing = True
            return False
        self._failing = False
        return True

    def _save(self, entry: CallEntry) -> None:
        values = msgspec.structs.asdict(entry)
        person_key = values.pop("person_key")
        change = sa.update(calls).where(calls.c.call_id == entry.call_id).values(values)
        try:
            self._save_person(entry.call_id, person_key)
            with self._engine.begin() as connection:
                if connection.execute(change).rowcount:
                    return
            try:
                with self._engine.begin() as connection:
                    connection.execute(sa.insert(calls).values(values))
            except IntegrityError:  # another process has entered it just now
                with self._engine.begin() as connection:
                    connection.execute(change)
        except SQLAlchemyError as error:
            raise StoreError(f"The call index takes no entry: {reason(error)}.") from None

    def _save_person(self, call_id: str, person_key: str) -> None:
        if not person_key:
            return
        with self._engine.begin() as connection:
            connection.execute(sa.delete(people).where(people.c.call_id == call_id))
            connection.execute(sa.insert(people).values(call_id=call_id, person_key=person_key))

    def _change(self, *changes: sa.Update | sa.Delete) -> None:
        try:
            with self._engine.begin() as connection:
                for change in changes:
                    connection.execute(change)
        except SQLAlchemyError as error:
            raise StoreError(f"The call index takes no change: {reason(error)}.") from None

    def _select(self, query: sa.Select[Any]) -> Sequence[CallEntry]:
        try:
            with self._engine.connect() as connection:
                return [CallEntry(**row) for row in connection.execute(query).mappings()]
        except SQLAlchemyError as error:
            raise StoreError(f"The call index cannot be read: {reason(error)}.") from None
