"""A call's record as lines for people to read."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from bridge.transcript.records import (
    AskedRecord,
    CarrierReport,
    DigitPressed,
    Ended,
    PersonRecord,
    Problem,
    Reading,
    RecordingRecord,
    Summary,
)
from bridge.transcript.turns import gate, turns

Who = Literal[
    "caller", "agent", "unheard", "gate", "digit", "record", "problem", "asked", "person", "carrier", "summary", "end"
]

_LABEL: dict[Who, str] = {"unheard": "agent", "digit": "caller", "record": "", "end": ""}
_RECORDING = {"began": "[recording from here on]", "deleted": "[the caller refused: the recording was deleted]"}
_ASKED = {"transfer": "to be put through", "hangup": "to end the call", "never_call": "never to be called again"}
_BY = {"caller": "the caller", "gate": "the topic gate", "key": "by a key", "operator": "from outside"}
_BECAUSE = {"caller_spoke": "the caller spoke", "gate": "the gate took it back", "call_ended": "the call ended"}


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened at `at_ms`. `note` is our own remark on it. As text it is one line."""

    at_ms: int
    who: Who
    text: str
    note: str = ""

    def __str__(self) -> str:
        """The line without colours, time and speaker in columns."""
        return f"{clock(self.at_ms):>8}  {self.label:<8}{self.text} {self.note}".rstrip()

    @property
    def label(self) -> str:
        """Who it was, as a word of at most seven letters."""
        return _LABEL.get(self.who, self.who)


def lines(reading: Reading) -> list[Line]:
    """Everything that a record holds, in the order of the call's clock."""
    found = []
    for turn in turns(reading.records):
        if turn.heard:
            found.append(Line(turn.start_ms, turn.speaker, clean(turn.text)))
        else:
            note = f"[not heard: {_BECAUSE.get(turn.reason, turn.reason)}]"
            found.append(Line(turn.start_ms, "unheard", clean(turn.text), note))
    for event in gate(reading.records):
        text = f"{event.action}: {clean(event.phrase)} ({clean(event.topic)}), said by the {event.speaker}"
        found.append(Line(event.at_ms, "gate", text, "[its beginning was heard]" if event.audible else ""))
    end = max((line.at_ms for line in found), default=0)
    for record in reading.records:
        match record:
            case DigitPressed(digit, at_ms):
                found.append(Line(at_ms, "digit", f"[pressed {clean(digit) or 'a key'}]"))
            case RecordingRecord(state, at_ms):
                found.append(Line(at_ms, "record", _RECORDING[state]))
            case AskedRecord(asked, by, at_ms):
                found.append(Line(at_ms, "asked", f"[{_ASKED[asked]}: {_BY[by]}]"))
            case PersonRecord(status, at_ms, seconds):
                length = "" if seconds is None else f", {seconds} s"
                found.append(Line(at_ms, "person", f"[{clean(status)}{length}]"))
            case Problem(what, at_ms):
                found.append(Line(at_ms, "problem", clean(what)))
            case Summary(text):
                found.append(Line(end, "summary", clean(text)))
            case CarrierReport(what, _, seconds):
                length = "" if seconds is None else f", {seconds} s by its count"
                found.append(Line(end, "carrier", f"[{clean(what)}{length}]"))
            case Ended(how, reason, _, seconds):
                found.append(Line(max(end, int(seconds * 1000)), "end", f"[{how}: {clean(reason)}]"))
    found += [
        Line(end, "problem", f"line {fault.line} of the file cannot be read: {fault.why}") for fault in reading.faults
    ]
    return sorted(found, key=lambda line: line.at_ms)


def clean(text: str) -> str:
    """Without control characters: words from a telephone must not steer a terminal."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} else char for char in text)


def clock(ms: int) -> str:
    """Minutes, seconds and tenths: 3:07.4."""
    return f"{ms // 60_000}:{ms // 1000 % 60:02}.{ms // 100 % 10}"


def duration(seconds: float) -> str:
    """Minutes and seconds: 3:07; hours in front where there are any."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
