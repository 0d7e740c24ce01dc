"""What a webhook says: the facts of a call, and none of its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bridge.server.rows import INTERRUPTED
from bridge.transcript.records import (
    Call,
    DigitPressed,
    Ended,
    PersonRecord,
    Problem,
    Record,
    VerdictRecord,
    is_recorded,
    is_refused,
)
from bridge.transcript.summary import last_ms
from bridge.transcript.turns import turns

VERSION: Final = 1
"""Of the bodies. Fields are added under the same number; a receiver passes over those it does not know."""

ENDED: Final = "call.ended"
VERDICT: Final = "gate.verdict"
TEST: Final = "webhook.test"


def frame(event: str, event_id: str, created_at: str) -> dict[str, Any]:
    """What every body begins with."""
    return {"id": event_id, "event": event, "version": VERSION, "created_at": created_at}


def call_ended(records: Sequence[Record], transcript_url: str) -> dict[str, Any]:
    """The end of a call. `summary` is filled in later, if anybody writes one."""
    call = _call(records)
    ended = next((record for record in reversed(records) if isinstance(record, Ended)), None)
    said = [turn for turn in turns(records) if turn.heard]
    return {
        "call": _header(call)
        | {
            "ended_at": ended.ended_at if ended else None,
            "seconds": ended.seconds if ended else last_ms(records) / 1000,
            "ended": ended.how if ended else INTERRUPTED,
            "reason": ended.reason if ended else "the server's process died during the call",
        },
        "person": _person(records),
        "turns": {who: sum(turn.speaker == who for turn in said) for who in ("caller", "agent")},
        "digits": sum(isinstance(record, DigitPressed) for record in records),
        "verdicts": [_verdict(record) for record in records if isinstance(record, VerdictRecord)],
        "problems": [{"what": record.what, "at_ms": record.at_ms} for record in records if isinstance(record, Problem)],
        "recording": "refused" if is_refused(records) else "kept" if is_recorded(records) else None,
        "summary": None,
        "transcript_url": transcript_url,
    }


def gate_verdict(call: Call, verdict: VerdictRecord, transcript_url: str) -> dict[str, Any]:
    """The gate stopped something, in a call that goes on."""
    return {"call": _header(call), "verdict": _verdict(verdict), "transcript_url": transcript_url}


def _call(records: Sequence[Record]) -> Call:
    return next(record for record in records if isinstance(record, Call))


def _header(call: Call) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "direction": call.direction,
        "persona": call.persona,
        "from": call.from_number,
        "to": call.to_number,
        "carrier": call.carrier,
        "carrier_id": call.carrier_id,
        "engine": call.engine,
        "started_at": call.started_at,
    }


def _person(records: Sequence[Record]) -> dict[str, Any] | None:
    """What became, at last, of the person to whom the caller was put through; none where there was no one."""
    told = [record for record in records if isinstance(record, PersonRecord)]
    return {"status": told[-1].status, "seconds": told[-1].seconds} if told else None


def _verdict(verdict: VerdictRecord) -> dict[str, Any]:
    return {
        "topic": verdict.topic,
        "phrase": verdict.phrase,
        "speaker": verdict.speaker,
        "action": verdict.action,
        "at_ms": verdict.at_ms,
        "audible": verdict.audible,
    }
