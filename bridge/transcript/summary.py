"""One call as one JSON object: what the HTTP API gives and what `callbridge calls` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bridge.transcript.records import Call, CarrierReport, Ended, Problem, Record, Summary
from bridge.transcript.turns import gate, turns


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """The call as an object of plain JSON values.

    `ended` is one of `bridge.transcript.records.How`, or none while there is no end; `seconds` is then how far the
    records reach. `turns` holds what was heard, `unheard` what the agent was kept from saying, `gate` the verdicts,
    `summary` a paragraph on the call, if there is one.
    """
    call = next((record for record in records if isinstance(record, Call)), None)
    ended = next((record for record in reversed(records) if isinstance(record, Ended)), None)
    said = turns(records)
    return {
        "call_id": call.call_id if call else None,
        "persona": call.persona if call else None,
        "from": call.from_number if call else None,
        "to": call.to_number if call else None,
        "direction": call.direction if call else None,
        "carrier": call.carrier if call else None,
        "carrier_id": call.carrier_id if call else None,
        "engine": call.engine if call else None,
        "started_at": call.started_at if call else None,
        "ended_at": ended.ended_at if ended else None,
        "seconds": ended.seconds if ended else last_ms(records) / 1000,
        "ended": ended.how if ended else None,
        "reason": ended.reason if ended else None,
        "turns": [
            {"speaker": turn.speaker, "text": turn.text, "start_ms": turn.start_ms, "end_ms": turn.end_ms}
            for turn in said
            if turn.heard
        ],
        "gate": [asdict(event) for event in gate(records)],
        "unheard": [
            {"text": turn.text, "at_ms": turn.start_ms, "reason": turn.reason} for turn in said if not turn.heard
        ],
        "problems": [{"what": record.what, "at_ms": record.at_ms} for record in records if isinstance(record, Problem)],
        "carrier_reports": [
            {"what": record.what, "told_at": record.told_at, "seconds": record.seconds, "code": record.code}
            for record in records
            if isinstance(record, CarrierReport)
        ],
        "summary": next((record.text for record in reversed(records) if isinstance(record, Summary)), None),
        "counters": ended.counters if ended else {},
    }


def last_ms(records: Sequence[Record]) -> int:
    """The latest time on the call's clock that any record names."""
    times = (getattr(record, "end_ms", getattr(record, "at_ms", 0)) for record in records)
    return max(times, default=0)
