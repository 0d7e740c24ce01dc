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
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bridge.facts.errors import BridgeError
from bridge.server.journal import JournalError, read_transcript, recording_name, transcript_name
from bridge.transcript.records import Call, Ended, Problem, Record, VerdictRecord, is_recorded, is_refused, utc_text
from bridge.transcript.summary import last_ms
from bridge.transcript.turns import turns

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS: Final = 2_000
"""How long SQLite waits for another process that writes, before it reports an error."""

INTERRUPTED: Final = "interrupted"
"""`ended_how` of a call whose process died before it could write how the call ended."""

_metadata = sa.MetaData()
_calls = sa.Table(
    "calls",
    _metadata,
    sa.Column("call_id", sa.String(16), primary_key=True),
    sa.Column("carrier_id", sa.Text, nullable=False),
    sa.Column("persona", sa.String(64), nullable=False, index=True),
    sa.Column("from_number", sa.Text, nullable=False),
    sa.Column("to_number", sa.Text, nullable=False),
    sa.Column("engine", sa.String(32), nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False, index=True),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("ended_how", sa.String(32)),
    sa.Column("seconds", sa.Float),
    sa.Column("transcript", sa.String(255), nullable=False),
    sa.Column("recording", sa.String(255)),
    sa.Column("turns", sa.Integer, nullable=False),
    sa.Column("verdicts", sa.Integer, nullable=False),
    sa.Column("problems", sa.Integer, nullable=False),
)


class StoreError(BridgeError):
    """The index cannot be opened or read."""


class NoSuchCallError(StoreError):
    """No call has that id, or more than one does."""


class CallEntry(msgspec.Struct, frozen=True):
    """One row. Paths are relative to DATA_DIR; times are ISO 8601 in UTC; `ended_how` is none during the call."""

    call_id: str
    carrier_id: str
    persona: str
    from_number: str = msgspec.field(name="from")
    to_number: str = msgspec.field(name="to")
    engine: str
    started_at: str
    transcript: str
    ended_at: str | None = None
    ended_how: str | None = None
    seconds: float | None = None
    recording: str | None = None
    turns: int = 0
    verdicts: int = 0
    problems: int = 0

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Plain JSON values, under the names of the record: `from`, not `from_number`."""
        return msgspec.convert(msgspec.to_builtins(self), dict[str, str | int | float | None])


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What `rebuild` did: the calls it entered, those it found interrupted, the files that are no transcripts."""

    entered: int
    interrupted: int
    unreadable: tuple[str, ...]


class CallStore:
    """See the module's docstring."""

    def __init__(self, url: str) -> None:
        """Connect to an SQLAlchemy URL and create what is missing. Raises `StoreError` with words for the operator."""
        self.errors = 0
        self._failing = False
        try:
            self._engine = sa.create_engine(url)
            if self._engine.dialect.name == "sqlite":
                _prepare_sqlite(self._engine)
            _metadata.create_all(self._engine)
        except (SQLAlchemyError, ImportError, OSError) as error:
            raise StoreError(
                f"The call index cannot be opened: {_reason(error)}. "
                "Check DATABASE_URL (its driver must be installed) and that DATA_DIR is writable."
            ) from None

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def begin(self, call: Call, transcript: str, recording: str | None = None) -> bool:
        """Enter a call that begins, with the paths of its files relative to DATA_DIR. False if the index refused."""
        return self._try_save(_entry((call,), call, transcript, recording))

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
        return self._try_save(_over(_entry(records, call, transcript, recording), records))

    def list(
        self, *, persona: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> Sequence[CallEntry]:
        """Calls, the newest first; of one persona, begun at or after `since`, at most `limit`."""
        query = sa.select(_calls).order_by(_calls.c.started_at.desc(), _calls.c.call_id)
        if persona is not None:
            query = query.where(_calls.c.persona == persona)
        if since is not None:
            query = query.where(_calls.c.started_at >= utc_text(since))
        return self._select(query if limit is None else query.limit(limit))

    def get(self, call_id: str) -> CallEntry | None:
        """The call of exactly that id."""
        found = self._select(sa.select(_calls).where(_calls.c.call_id == call_id))
        return found[0] if found else None

    def find(self, beginning: str) -> CallEntry:
        """The call whose id begins like this. Raises `NoSuchCallError` where there is none, or more than one."""
        query = sa.select(_calls).where(_calls.c.call_id.startswith(beginning, autoescape=True)).limit(2)
        found = self._select(query) if beginning else ()
        if not found:
            raise NoSuchCallError(f"There is no call {beginning!r}. `callbridge calls list` shows those there are.")
        if len(found) > 1:
            raise NoSuchCallError(f"More than one call begins with {beginning!r}. Give more of the id.")
        return found[0]

    def rebuild(self, data_dir: Path, live: Collection[str] = ()) -> Rebuilt:
        """Enter the transcripts that the index does not know, and those it holds for unfinished.

        A call without an end was interrupted, unless it is one of `live`. Raises `StoreError` if the index refuses.
        """
        known = {entry.transcript: entry for entry in self.list() if entry.call_id not in live}
        entered = interrupted = 0
        unreadable = []
        names = {path.relative_to(data_dir).as_posix() for path in (data_dir / "calls").glob("*/*.jsonl")}
        open_rows = {name for name, entry in known.items() if entry.ended_how is None}
        for name in sorted(names - known.keys() | open_rows):
            if Path(name).stem in live:
                continue
            entry = _derive(data_dir, name) or _lost(known.get(name))
            if entry is None:
                unreadable.append(name)
                continue
            self._save(entry)
            entered += 1
            interrupted += entry.ended_how == INTERRUPTED
        return Rebuilt(entered, interrupted, tuple(unreadable))

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
        change = sa.update(_calls).where(_calls.c.call_id == entry.call_id).values(values)
        try:
            with self._engine.begin() as connection:
                if connection.execute(change).rowcount:
                    return
            try:
                with self._engine.begin() as connection:
                    connection.execute(sa.insert(_calls).values(values))
            except IntegrityError:  # another process has entered it just now
                with self._engine.begin() as connection:
                    connection.execute(change)
        except SQLAlchemyError as error:
            raise StoreError(f"The call index takes no entry: {_reason(error)}.") from None

    def _select(self, query: sa.Select[Any]) -> Sequence[CallEntry]:
        try:
            with self._engine.connect() as connection:
                return [CallEntry(**row) for row in connection.execute(query).mappings()]
        except SQLAlchemyError as error:
            raise StoreError(f"The call index cannot be read: {_reason(error)}.") from None


def _entry(records: Sequence[Record], call: Call, transcript: str, recording: str | None) -> CallEntry:
    return CallEntry(
        call_id=call.call_id,
        carrier_id=call.carrier_id,
        persona=call.persona,
        from_number=call.from_number,
        to_number=call.to_number,
        engine=call.engine,
        started_at=call.started_at,
        transcript=transcript,
        recording=recording,
        turns=sum(turn.heard for turn in turns(records)),
        verdicts=sum(isinstance(record, VerdictRecord) for record in records),
        problems=sum(isinstance(record, Problem) for record in records),
    )


def _over(entry: CallEntry, records: Sequence[Record]) -> CallEntry:
    ended = next((record for record in reversed(records) if isinstance(record, Ended)), None)
    if ended is None:
        return msgspec.structs.replace(entry, ended_how=INTERRUPTED, seconds=last_ms(records) / 1000)
    return msgspec.structs.replace(entry, ended_how=ended.how, ended_at=ended.ended_at, seconds=ended.seconds)


def _derive(data_dir: Path, name: str) -> CallEntry | None:
    """The row of a call that is over, from its files; none where they are missing or not what they seem."""
    try:
        reading = read_transcript(data_dir, name)
    except JournalError:
        return None
    call = reading.call
    if call is None or not name.endswith(f"/{call.call_id}.jsonl"):
        return None
    recording = recording_name(name)
    if is_refused(reading.records):  # the process may have died before it could delete the file
        (data_dir / recording).unlink(missing_ok=True)
    there = (data_dir / recording).exists()
    entry = _over(_entry(reading.records, call, name, recording if there else None), reading.records)
    return msgspec.structs.replace(entry, problems=entry.problems + len(reading.faults))


def _lost(entry: CallEntry | None) -> CallEntry | None:
    """The row of a call that began and whose file was never written, as on a full disk."""
    return msgspec.structs.replace(entry, ended_how=INTERRUPTED) if entry else None


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Create the file, readable by its owner alone, and let readers and one writer go on side by side."""
    if (file := engine.url.database) and file != ":memory:" and not file.startswith("file:"):
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(file).touch(mode=0o600)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()


def _reason(error: Exception) -> str:
    """The driver's own words; never the statement, whose values are a caller's."""
    return str(getattr(error, "orig", None) or error).strip().rstrip(".")
