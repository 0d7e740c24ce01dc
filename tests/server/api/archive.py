"""Calls of other days: transcripts and recordings as the bridge leaves them."""

from datetime import UTC, datetime, timedelta

import numpy as np

from bridge.call.recording import wav_header
from bridge.server.journal import transcript_name
from bridge.transcript.records import (
    AgentSaid,
    Call,
    CallerSaid,
    Ended,
    RecordingRecord,
    VerdictRecord,
    utc_text,
    write,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def call_id(number):
    return f"{number:016x}"


def put(data_dir, number, *said, persona="shop", caller="+12025550143", ended="caller_hung_up", sound=None, gate=False):
    """Call `number` began so many minutes before noon; `said` is what the caller and the agent said in turns."""
    began = NOON - timedelta(minutes=number)
    header = Call(
        call_id=call_id(number),
        persona=persona,
        from_number=caller,
        to_number="+12025550111",
        carrier="twilio",
        carrier_id=f"CA{number:032x}",
        started_at=utc_text(began),
        engine="echo",
    )
    records = [header]
    for at, text in enumerate(said):
        if at % 2:
            half = len(text) // 2
            records += [
                AgentSaid(text[:half], at, at * 1000, at * 1000 + 400),
                AgentSaid(text[half:], at, at * 1000 + 400, at * 1000 + 900),
            ]
        else:
            records.append(CallerSaid(text, at * 1000, at * 1000 + 900))
    if gate:
        records.append(VerdictRecord("ibuprofen", "medicine", "agent", "refuse", 500))
    if sound is not None:
        records.append(RecordingRecord("began", 0))
    if ended:
        records.append(Ended(ended, "it is over", utc_text(began + timedelta(seconds=30)), 30.0))
    path = data_dir / transcript_name(header.call_id, header.started_at)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write(records))
    if sound is not None:
        frames = np.asarray(sound, "<i2")
        path.with_suffix(".wav").write_bytes(wav_header(frames.nbytes) + frames.tobytes())
    return header.call_id
