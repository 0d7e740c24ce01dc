"""Calls as the API shows them, with an example of each. No path of the machine is among it."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from bridge.facts.speech import Action, Speaker
from bridge.server.api.persona_shapes import Shape
from bridge.server.rows import CallEntry

_ROW: Final[JsonDict] = {
    "call_id": "57f1eb151d4c7451",
    "persona": "dental",
    "from": "+12025550143",
    "to": "+12025550100",
    "direction": "inbound",
    "engine": "cascade",
    "carrier_id": "CA0123456789abcdef0123456789abcdef",
    "started_at": "2026-01-31T09:30:00.000Z",
    "ended_at": "2026-01-31T09:30:39.300Z",
    "ended": "caller_hung_up",
    "seconds": 39.3,
    "turns": 6,
    "verdicts": 1,
    "problems": 0,
    "recording": True,
}
_LINKS: Final[JsonDict] = {
    "transcript_jsonl": "/v1/calls/57f1eb151d4c7451/transcript.jsonl",
    "transcript_json": "/v1/calls/57f1eb151d4c7451/transcript.json",
    "transcript_txt": "/v1/calls/57f1eb151d4c7451/transcript.txt",
    "recording": "/v1/calls/57f1eb151d4c7451/recording.wav",
    "waveform": "/v1/calls/57f1eb151d4c7451/waveform",
}
_CALL: Final[JsonDict] = {
    **{name: value for name, value in _ROW.items() if name not in ("turns", "verdicts", "problems")},
    "carrier": "twilio",
    "reason": "the caller hung up",
    "turns": [{"speaker": "caller", "text": "Can I take antibiotics?", "start_ms": 23100, "end_ms": 24800}],
    "gate": [
        {
            "phrase": "antibiotic*",
            "topic": "medicines and their doses",
            "action": "refuse",
            "at_ms": 25216,
            "speaker": "caller",
            "audible": False,
        }
    ],
    "unheard": [],
    "problems": [],
    "carrier_reports": [{"what": "completed", "told_at": "2026-01-31T09:30:40.100Z", "seconds": 40, "code": ""}],
    "summary": None,
    "counters": {"barge_ins": 0},
    "unreadable_lines": [],
    "links": _LINKS,
}


class Row(Shape):
    """One call of the list."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_ROW]})

    call_id: str
    persona: str
    from_number: str = Field(alias="from", description="Empty where it is withheld; masked with REDACT.")
    to_number: str = Field(alias="to")
    direction: str
    engine: str
    carrier_id: str = Field(description="The carrier's id of the call.")
    started_at: str
    ended_at: str | None
    ended: str | None = Field(description="How it ended; `interrupted` if the process died; null while it goes on.")
    seconds: float | None
    turns: int
    verdicts: int = Field(description="How often the gate stopped something.")
    problems: int
    recording: bool

    @classmethod
    def of(cls, entry: CallEntry) -> Row:
        """A row of the index."""
        values = entry.as_dict() | {"ended": entry.ended_how, "recording": entry.recording is not None}
        return cls.model_validate(values)


class Rows(Shape):
    """A page of calls."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"calls": [_ROW], "next": None, "searched": None}]})

    calls: list[Row] = Field(description="The newest first.")
    next: str | None = Field(description="What to give as `after` for the next page; null where there are no more.")
    searched: int | None = Field(
        description="How many transcripts were read to look for `q`; null where none had to be. A page of a search may "
        "have few calls, or none, and still a `next`: ask on to look through older ones."
    )


class TurnShape(Shape):
    """What one side said in one go, in milliseconds of the call."""

    speaker: Speaker
    text: str
    start_ms: int
    end_ms: int


class GateShape(Shape):
    """Something that the topic gate stopped."""

    phrase: str
    topic: str
    action: Action
    at_ms: int
    speaker: Speaker
    audible: bool = Field(description="Whether the beginning of the phrase was heard.")


class UnheardShape(Shape):
    """Words of the agent that were taken back before they were heard."""

    text: str
    at_ms: int
    reason: str


class ProblemOfCall(Shape):
    """Something that went wrong in a call."""

    what: str
    at_ms: int


class ReportShape(Shape):
    """What the carrier told of the call beside its stream."""

    what: str
    told_at: str
    seconds: int | None
    code: str


class Links(Shape):
    """Where the call's files are."""

    transcript_jsonl: str
    transcript_json: str
    transcript_txt: str
    recording: str | None
    waveform: str | None


class CallDetail(Shape):
    """One call as a whole; of one that goes on, what there is so far."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_CALL]})

    call_id: str
    persona: str | None
    from_number: str | None = Field(alias="from")
    to_number: str | None = Field(alias="to")
    direction: Literal["inbound", "outbound"] | None
    carrier: str | None
    carrier_id: str | None
    engine: str | None
    started_at: str | None
    ended_at: str | None
    seconds: float
    ended: str | None
    reason: str | None
    turns: list[TurnShape]
    gate: list[GateShape]
    unheard: list[UnheardShape]
    problems: list[ProblemOfCall]
    carrier_reports: list[ReportShape]
    summary: str | None = Field(description="A paragraph of a language model's on the call, with LLM_BASE_URL.")
    counters: dict[str, int]
    unreadable_lines: list[int] = Field(default=[], description="Lines of the transcript that are damaged.")
    recording: bool
    links: Links


class Deleted(Shape):
    """A call that is gone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"call_id": "57f1eb151d4c7451", "deleted": True}]})

    call_id: str
    deleted: bool = True


class WaveformShape(Shape):
    """The outline of a recording, for drawing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"seconds": 39.3, "rate": 8000, "caller": [[-0.01, 0.02]], "agent": [[-0.31, 0.28]]}]
        }
    )

    seconds: float
    rate: int = Field(description="Samples a second of the recording.")
    caller: list[list[float]] = Field(description="Of each stretch the lowest and the highest sample, from -1 to 1.")
    agent: list[list[float]]


def links(call_id: str, *, recording: bool) -> dict[str, Any]:
    """The addresses of a call's files, as paths at this server."""
    base = f"/v1/calls/{call_id}"
    return {
        **{f"transcript_{form}": f"{base}/transcript.{form}" for form in ("jsonl", "json", "txt")},
        "recording": f"{base}/recording.wav" if recording else None,
        "waveform": f"{base}/waveform" if recording else None,
    }
