"""What a webhook says of a call, and what it keeps to itself."""

from __future__ import annotations

import json

from bridge.server.webhooks.events import call_ended, gate_verdict
from bridge.transcript.records import (
    AgentSaid,
    Call,
    CallerSaid,
    DigitPressed,
    Ended,
    PersonRecord,
    Problem,
    Record,
    RecordingRecord,
    VerdictRecord,
)

CALL = Call("0" * 16, "shop", "+12025550143", "+12025550100", "twilio", "CA1", "2026-01-31T09:30:00.000Z", "echo")
VERDICT = VerdictRecord("ibuprofen", "medicine", "agent", "refuse", 2000, "Take two ibuprofen", True, "Take", "Take")
RECORDS: list[Record] = [
    CALL,
    RecordingRecord("began", 900),
    AgentSaid(" Corner Shop,", 1, 0, 500),
    AgentSaid(" hello.", 1, 500, 900),
    CallerSaid("Heliotrope.", 1000, 2000),
    VERDICT,
    DigitPressed("5", 2500),
    Problem("the recording ended early", 3000),
    Ended("caller_hung_up", "stop", "2026-01-31T09:30:09.000Z", 9.0),
]
LINK = "https://bridge.example.com/api/calls/0000000000000000"


def test_the_end_of_a_call_is_told_with_its_facts_and_none_of_its_words() -> None:
    body = call_ended(RECORDS, LINK)
    assert body["call"] == {
        "call_id": "0" * 16,
        "direction": "inbound",
        "persona": "shop",
        "from": "+12025550143",
        "to": "+12025550100",
        "carrier": "twilio",
        "carrier_id": "CA1",
        "engine": "echo",
        "started_at": "2026-01-31T09:30:00.000Z",
        "ended_at": "2026-01-31T09:30:09.000Z",
        "seconds": 9.0,
        "ended": "caller_hung_up",
        "reason": "stop",
    }
    assert body["person"] is None
    assert body["turns"] == {"caller": 1, "agent": 1}
    assert (body["digits"], body["recording"], body["summary"], body["transcript_url"]) == (1, "kept", None, LINK)
    [verdict] = body["verdicts"]
    assert (verdict["topic"], verdict["action"], verdict["audible"]) == ("medicine", "refuse", True)
    assert body["problems"] == [{"what": "the recording ended early", "at_ms": 3000}]
    for words in ("Heliotrope", "hello", "Take two"):
        assert words not in json.dumps(body)


def test_what_became_of_a_transfer_is_told() -> None:
    rung = [PersonRecord("ringing", 5000), PersonRecord("in-progress", 9000), PersonRecord("completed", 90_000, 81)]
    body = call_ended([*RECORDS[:-1], *rung, RECORDS[-1]], LINK)
    assert body["person"] == {"status": "completed", "seconds": 81}


def test_a_call_whose_process_died_is_told_as_interrupted() -> None:
    body = call_ended([*RECORDS[:-1], RecordingRecord("deleted", 3000)], LINK)
    assert (body["call"]["ended"], body["call"]["ended_at"], body["call"]["seconds"]) == ("interrupted", None, 3.0)
    assert body["recording"] == "refused"


def test_a_verdict_is_told_with_its_call() -> None:
    body = gate_verdict(CALL, VERDICT, LINK)
    assert (body["call"]["call_id"], body["verdict"]["phrase"]) == ("0" * 16, "ibuprofen")
    assert "Take two" not in json.dumps(body)
