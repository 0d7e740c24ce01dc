"""The lines of a call's record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.facts.speech import Verdict
from bridge.transcript.records import (
    AgentSaid,
    AgentUnheard,
    Call,
    CallerSaid,
    DigitPressed,
    Ended,
    Fault,
    Problem,
    Record,
    VerdictRecord,
    decode,
    encode,
    read,
    utc_text,
    write,
)

CALL = Call(
    call_id="3f9a1c0de4b25a77",
    persona="dental",
    from_number="+12025550143",
    to_number="+12025550100",
    carrier="twilio",
    carrier_id="CA0",
    started_at="2026-01-31T09:30:00.000Z",
    engine="cascade",
)

words = st.text(st.characters(codec="utf-8"), max_size=40)
moment = st.integers(0, 10_000_000)
records = st.one_of(
    st.just(CALL),
    st.builds(CallerSaid, words, moment, moment),
    st.builds(AgentSaid, words, moment, moment, moment, st.booleans()),
    st.builds(AgentUnheard, words, moment, moment, st.sampled_from(["caller_spoke", "gate", "call_ended"])),
    st.builds(
        VerdictRecord, words, words, st.just("agent"), st.just("refuse"), moment, words, st.booleans(), words, words
    ),
    st.builds(DigitPressed, st.sampled_from("0123456789*#"), moment),
    st.builds(Problem, words, moment),
    st.builds(Ended, st.just("idle"), words, words, st.floats(0, 1e6), st.dictionaries(words, moment, max_size=3)),
)


@settings(deadline=None)
@given(records)
def test_a_record_is_one_line_and_comes_back_as_it_was(record: Record) -> None:
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == record


@settings(deadline=None)
@given(st.lists(records, max_size=8), st.integers(0, 200))
def test_a_file_cut_anywhere_loses_its_last_line_at_most(written: list[Record], cut: int) -> None:
    data = write(written)
    kept = data[: max(0, len(data) - cut)]
    reading = read(kept)
    assert not reading.faults
    assert list(reading.records) == written[: len(reading.records)]
    assert len(reading.records) >= kept.count(b"\n")
    assert reading.unfinished == (not kept.endswith(b"\n") and bool(kept))


@settings(deadline=None)
@given(st.lists(records, min_size=1, max_size=8), st.data())
def test_a_broken_line_in_the_middle_is_reported_and_the_rest_is_read(
    written: list[Record], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(written) - 1))
    lines = [encode(record) for record in written]
    lines.insert(at, data.draw(st.sampled_from([b"{half\n", b"\xff\xfe\n", b"\n", b'{"type":"new"}\n', b"[1]\n"])))
    reading = read(b"".join(lines))
    assert list(reading.records) == written
    assert [fault.line for fault in reading.faults] == [at + 1]


def test_the_report_of_a_broken_line_does_not_quote_it() -> None:
    reading = read(b'{"type":"caller_said","text":["my secret"]}\nmy secret\n' + encode(CALL))
    assert [fault.line for fault in reading.faults] == [1, 2]
    assert "secret" not in str(reading.faults)
    assert isinstance(reading.faults[0], Fault)


def test_header_and_end_are_found() -> None:
    ended = Ended("idle", "silence", "2026-01-31T09:31:00.000Z", 60.0)
    reading = read(write([CALL, CallerSaid("hello", 0, 400), ended, Problem("late", 400)]))
    assert reading.call == CALL
    assert reading.ended == ended
    assert read(b"").call is None
    assert read(write([CALL])).ended is None


def test_the_header_names_both_numbers_from_and_to() -> None:
    line = json.loads(encode(CALL))
    assert line["type"] == "call"
    assert (line["from"], line["to"], line["format"]) == ("+12025550143", "+12025550100", 1)


def test_every_kind_of_record_has_a_tag_of_its_own() -> None:
    tags = {msgspec.inspect.type_info(kind).tag for kind in get_args(Record)}  # type: ignore[union-attr]
    assert len(tags) == len(get_args(Record))


def test_half_of_a_surrogate_pair_does_not_stop_a_record() -> None:
    assert decode(encode(CallerSaid("so \ud83d what", 0, 1))) == CallerSaid("so ? what", 0, 1)


def test_a_verdict_is_recorded_as_the_engine_sent_it() -> None:
    verdict = Verdict("free drone", "Prices", "agent", "refuse", 1200, "We give a free drone")
    record = VerdictRecord.of(verdict, heard=" We")
    assert record.audible
    assert msgspec.to_builtins(verdict).items() <= msgspec.to_builtins(record).items()


def test_times_are_utc_and_sort_as_text() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    assert utc_text(noon) == "2026-01-31T10:00:00.000Z"
    assert utc_text(noon) < utc_text(datetime(2026, 1, 31, 10, 0, 0, 1000, tzinfo=UTC))
    with pytest.raises(ValueError, match="time zone"):
        utc_text(datetime(2026, 1, 31))
