"""What the index of calls holds: its tables, and how a row is made from the records of a call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from bridge.server.journal import JournalError, read_transcript, recording_name
from bridge.transcript.records import Call, Ended, Problem, Record, VerdictRecord, is_refused
from bridge.transcript.summary import last_ms
from bridge.transcript.turns import turns

INTERRUPTED: Final = "interrupted"
"""`ended_how` of a call whose process died before it could write how the call ended."""

metadata = sa.MetaData()
calls = sa.Table(
    "calls",
    metadata,
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
    sa.Column("direction", sa.String(8), nullable=False, server_default="inbound"),
)

people = sa.Table(
    "people",
    metadata,
    sa.Column("call_id", sa.String(16), primary_key=True),
    sa.Column("person_key", sa.String(64), nullable=False, index=True),
)
"""Where numbers are masked: whose calls belong together, without saying whose (`bridge.server.pseudonym`)."""


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
    direction: str = "inbound"
    person_key: str = ""

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Plain JSON values, under the names of the record: `from`, not `from_number`."""
        values = msgspec.convert(msgspec.to_builtins(self), dict[str, str | int | float | None])
        del values["person_key"]
        return values


def entry_of(records: Sequence[Record], call: Call, transcript: str, recording: str | None) -> CallEntry:
    """The row of a call that began; `records` are those so far."""
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
        direction=call.direction,
        person_key=call.person_key,
    )


def completed(entry: CallEntry, records: Sequence[Record]) -> CallEntry:
    """The row with the end of its call, which was interrupted if no record tells of one."""
    ended = next((record for record in reversed(records) if isinstance(record, Ended)), None)
    if ended is None:
        return msgspec.structs.replace(entry, ended_how=INTERRUPTED, seconds=last_ms(records) / 1000)
    return msgspec.structs.replace(entry, ended_how=ended.how, ended_at=ended.ended_at, seconds=ended.seconds)


def derived(data_dir: Path, name: str) -> CallEntry | None:
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
    entry = completed(entry_of(reading.records, call, name, recording if there else None), reading.records)
    return msgspec.structs.replace(entry, problems=entry.problems + len(reading.faults))


def lost(entry: CallEntry | None) -> CallEntry | None:
    """The row of a call that began and whose file was never written, as on a full disk."""
    return msgspec.structs.replace(entry, ended_how=INTERRUPTED) if entry else None
