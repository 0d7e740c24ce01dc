"""The record of a call: one JSON object to a line, in the order in which things became known.

All times are milliseconds of one clock, the caller's own audio: millisecond 0 is the first sample of the stream.
A file begins with `call` and, unless the process died, finishes with `ended`. Records are only ever added. A reader
orders what was said by `start_ms`, because a line is written when its fact is known: the agent's words once they have
been heard, the caller's once they have been understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from bridge.facts.speech import Action, Speaker, Verdict

FORMAT: Final = 1
"""Version of the line format, written into `call`. A reader refuses no version: it reports lines it cannot read."""

How = Literal[
    "caller_hung_up",
    "agent_goodbye",
    "operator_hangup",
    "gate_hangup",
    "transfer",
    "idle",
    "too_long",
    "engine_full",
    "sent_elsewhere",
    "too_many_calls",
    "engine_failed",
    "carrier_lost",
    "protocol_error",
    "never_connected",
    "machine",
    "shutdown",
    "internal_error",
]
"""How a call ended. A file without an `ended` line belongs to a call in progress, or to a process that died."""

Asker = Literal["caller", "gate", "key", "operator"]
"""Who asks for a transfer, or for the end."""

Direction = Literal["inbound", "outbound"]

Carrier = Literal["twilio", "sip", "browser", "api"]
"""Who brings a call; `browser` is the phone of the console, `api` a program of somebody's own."""


class Call(msgspec.Struct, frozen=True, tag_field="type", tag="call"):
    """The first line. `started_at` is ISO 8601 in UTC (`utc_text`); only this and `ended_at` are wall-clock times.

    `person_key` stands for the number of the person on the line where that number is masked.
    """

    call_id: str
    persona: str
    from_number: str = msgspec.field(name="from")
    to_number: str = msgspec.field(name="to")
    carrier: Carrier
    carrier_id: str
    started_at: str
    engine: str
    format: int = FORMAT
    person_key: str = ""
    direction: Direction = "inbound"

    @property
    def party(self) -> str:
        """The number of the person we talk with."""
        return self.from_number if self.direction == "inbound" else self.to_number


class CallerSaid(msgspec.Struct, frozen=True, tag_field="type", tag="caller_said"):
    """Words recognised from the caller, complete."""

    text: str
    start_ms: int
    end_ms: int


class AgentSaid(msgspec.Struct, frozen=True, tag_field="type", tag="agent_said"):
    """A piece of the agent's text (it keeps its leading space) that the caller has heard.

    `proven` where a mark of the carrier came back for it; otherwise the playout account alone says so.
    """

    text: str
    turn: int
    start_ms: int
    end_ms: int
    proven: bool = True


class AgentUnheard(msgspec.Struct, frozen=True, tag_field="type", tag="agent_unheard"):
    """Text that was made and taken back at `at_ms`, before the caller could hear it to its end."""

    text: str
    turn: int
    at_ms: int
    reason: Literal["caller_spoke", "gate", "call_ended"]


class VerdictRecord(msgspec.Struct, frozen=True, tag_field="type", tag="verdict"):
    """The topic gate stopped something; the fields are those of `bridge.facts.speech.Verdict`.

    `begun` is what of the phrase had been handed over to be spoken before it was stopped, `heard` what of that sounded
    at the caller's ear, and `audible` whether any of it did. By the playout account: a piece was heard if its mark came
    back, or if its first sample was due, before the carrier was told to clear. `withheld` was never sent.
    """

    phrase: str
    topic: str
    speaker: Speaker
    action: Action
    at_ms: int
    withheld: str = ""
    audible: bool = False
    begun: str = ""
    heard: str = ""

    @classmethod
    def of(cls, verdict: Verdict, *, heard: str = "") -> VerdictRecord:
        """The record of a verdict as the engine sent it, with what the call knows of it."""
        return cls(
            phrase=verdict.phrase,
            topic=verdict.topic,
            speaker=verdict.speaker,
            action=verdict.action,
            at_ms=verdict.at_ms,
            withheld=verdict.withheld,
            audible=bool(heard),
            begun=verdict.begun,
            heard=heard,
        )


class DigitPressed(msgspec.Struct, frozen=True, tag_field="type", tag="digit"):
    """The caller pressed a key. With redaction `digit` is empty, so that presses are counted and not read."""

    digit: str
    at_ms: int


class RecordingRecord(msgspec.Struct, frozen=True, tag_field="type", tag="recording"):
    """The recording began at `at_ms`; or the caller refused it then, and what there was of it was deleted."""

    state: Literal["began", "deleted"]
    at_ms: int


class AskedRecord(msgspec.Struct, frozen=True, tag_field="type", tag="asked"):
    """Somebody asked that the caller be put through, that the call be ended, or that they never be called again."""

    what: Literal["transfer", "hangup", "never_call"]
    by: Asker
    at_ms: int


class PersonRecord(msgspec.Struct, frozen=True, tag_field="type", tag="person"):
    """What became of the person to whom the caller is put through, in the carrier's word, such as `ringing`,
    `in-progress`, `no-answer` or `completed`. `seconds` is how long the two talked.
    """

    status: str
    at_ms: int
    seconds: int | None = None


class Problem(msgspec.Struct, frozen=True, tag_field="type", tag="problem"):
    """Something went wrong that a person should know of. `what` is our own words, never the caller's."""

    what: str
    at_ms: int


class CarrierReport(msgspec.Struct, frozen=True, tag_field="type", tag="carrier"):
    """What the carrier told of the call beside its stream. Told after the end, it follows `ended`.

    `what` is the carrier's word, such as `in-progress` or `completed`; `seconds` the length of the call as the carrier
    bills it, `code` its answer in SIP. `told_at` is ISO 8601 in UTC, since no clock of the call need be running.
    """

    what: str
    told_at: str
    seconds: int | None = None
    code: str = ""


class Summary(msgspec.Struct, frozen=True, tag_field="type", tag="summary"):
    """One paragraph on the call, written by a language model after its end: it follows `ended`."""

    text: str


class Ended(msgspec.Struct, frozen=True, tag_field="type", tag="ended"):
    """How the call ended; only what the carrier tells later follows.

    `seconds` is the length of the caller's audio; `counters` what the call counted.
    """

    how: How
    reason: str
    ended_at: str
    seconds: float
    counters: dict[str, int] = {}


Record = (
    Call
    | CallerSaid
    | AgentSaid
    | AgentUnheard
    | VerdictRecord
    | DigitPressed
    | AskedRecord
    | PersonRecord
    | RecordingRecord
    | Problem
    | CarrierReport
    | Summary
    | Ended
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is no record: its number in the file, from 1, and why. `why` never quotes the line."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file held. `unfinished` means that its last line was cut short, as by a `kill -9`; that is no fault."""

    records: tuple[Record, ...]
    faults: tuple[Fault, ...] = ()
    unfinished: bool = False

    @property
    def call(self) -> Call | None:
        """The header, if it could be read."""
        return next((record for record in self.records if isinstance(record, Call)), None)

    @property
    def ended(self) -> Ended | None:
        """The end, unless the call is in progress or its process died."""
        return next((record for record in reversed(self.records) if isinstance(record, Ended)), None)


def is_recorded(records: Sequence[Record]) -> bool:
    """Whether there is a recording: it began, and the caller has not refused it since."""
    states = [record.state for record in records if isinstance(record, RecordingRecord)]
    return states[-1:] == ["began"]


def is_refused(records: Iterable[Record]) -> bool:
    """Whether the caller refused to be recorded."""
    return any(isinstance(record, RecordingRecord) and record.state == "deleted" for record in records)


def encode(record: Record) -> bytes:
    """One line with its line feed. Half of a surrogate pair, which UTF-8 cannot hold, becomes a question mark."""
    try:
        return _encoder.encode(record) + b"\n"
    except UnicodeEncodeError:
        return _encoder.encode(msgspec.convert(_mended(record), type(record))) + b"\n"


def decode(line: bytes) -> Record:
    """Read one line. Raises `ValueError` (msgspec's errors are) where it is no record."""
    return _decoder.decode(line)


def read(data: bytes) -> Reading:
    """Read a whole file. Lines that cannot be read are reported, except an unfinished last one."""
    *lines, rest = data.split(b"\n")
    records: list[Record] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(decode(line))
        except ValueError as error:
            faults.append(Fault(number, _why(error)))
    if rest:
        with suppress(ValueError):  # nothing but its line feed is missing, or the line is lost
            records.append(decode(rest))
    return Reading(tuple(records), tuple(faults), unfinished=bool(rest))


def write(records: Iterable[Record]) -> bytes:
    """A whole file."""
    return b"".join(map(encode, records))


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, such as 2026-01-31T09:30:00.000Z: as text it sorts by time."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone says nothing about UTC")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _why(error: ValueError) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "a JSON object, but not of a form this version knows"
    return "not a line of JSON"


def _mended(record: Record) -> dict[str, object]:
    fields = msgspec.to_builtins(record)
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }
