"""One call as one JSON object."""

from __future__ import annotations

import json

from bridge.transcript.records import (
    AgentSaid,
    AgentUnheard,
    Call,
    CallerSaid,
    CarrierReport,
    DigitPressed,
    Ended,
    Problem,
    VerdictRecord,
)
from bridge.transcript.summary import last_ms, summarise

CALL = Call("0" * 16, "dental", "+12025550143", "+12025550100", "twilio", "CA0", "2026-01-31T09:30:00.000Z", "cascade")
TALK = [
    CALL,
    AgentSaid(" Hello.", 1, 0, 400),
    CallerSaid("What about antibiotics?", 900, 2100),
    VerdictRecord("antibiotics", "Medical advice", "caller", "refuse", 2200),
    AgentUnheard(" Well,", 2, 2300, "gate"),
    DigitPressed("5", 2500),
    Problem("the recording ended early", 2600),
]
END = Ended("caller_hung_up", "stop", "2026-01-31T09:30:03.000Z", 3.0, {"packets": 150})


def test_a_call_is_summed_up_under_the_documented_keys() -> None:
    summary = summarise([*TALK, END, CarrierReport("completed", "2026-01-31T09:30:04.000Z", 4, "200")])
    assert json.loads(json.dumps(summary)) == summary
    assert {key: summary[key] for key in ("call_id", "persona", "from", "to", "started_at", "seconds", "ended")} == {
        "call_id": "0" * 16,
        "persona": "dental",
        "from": "+12025550143",
        "to": "+12025550100",
        "started_at": "2026-01-31T09:30:00.000Z",
        "seconds": 3.0,
        "ended": "caller_hung_up",
    }
    assert summary["turns"] == [
        {"speaker": "agent", "text": "Hello.", "start_ms": 0, "end_ms": 400},
        {"speaker": "caller", "text": "What about antibiotics?", "start_ms": 900, "end_ms": 2100},
    ]
    assert summary["gate"] == [
        {
            "phrase": "antibiotics",
            "topic": "Medical advice",
            "action": "refuse",
            "at_ms": 2200,
            "speaker": "caller",
            "audible": False,
        }
    ]
    assert summary["unheard"] == [{"text": "Well,", "at_ms": 2300, "reason": "gate"}]
    told = {"what": "completed", "told_at": "2026-01-31T09:30:04.000Z", "seconds": 4, "code": "200"}
    assert summary["carrier_reports"] == [told]
    assert summary["problems"] == [{"what": "the recording ended early", "at_ms": 2600}]


def test_a_call_without_an_end_reaches_as_far_as_its_records() -> None:
    summary = summarise(TALK)
    assert summary["ended"] is None
    assert summary["seconds"] == 2.6


def test_a_record_that_lost_its_header_is_still_summed_up() -> None:
    summary = summarise(TALK[1:])
    assert summary["call_id"] is None
    assert len(summary["turns"]) == 2
    assert last_ms([]) == 0
