"""Card and phone numbers are masked, other numbers are not."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.transcript.numbers import digits_of, luhn, tokens
from bridge.transcript.records import (
    AgentSaid,
    AgentUnheard,
    AskedRecord,
    Call,
    CallerSaid,
    CarrierReport,
    DigitPressed,
    Ended,
    PersonRecord,
    Problem,
    Record,
    RecordingRecord,
    Summary,
    VerdictRecord,
    encode,
)
from bridge.transcript.redact import HOLD_MS, HOLD_RECORDS, Redactor, mask

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SEPARATORS = ["", " ", "-", ". ", ", ", " uh, ", " – "]
TALK = ["", "my card is ", "It's ", "yes, ", "so: ", "number "]
AFTER = ["", ".", " thanks", ", please", "?", " okay bye"]


def in_words(digits: str) -> list[str]:
    """Each digit as a word; pairs of the same one sometimes as "double"."""
    return [WORDS[int(digit)] for digit in digits]


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    number = draw(st.text("0123456789", min_size=12, max_size=18).filter(lambda digits: digits.strip("0")))
    return number + next(last for last in "0123456789" if luhn(number + last))


@st.composite
def groups(draw: st.DrawFn, digits: str) -> list[str]:
    parts = []
    while digits:
        size = draw(st.integers(1, 6))
        parts.append(digits[:size])
        digits = digits[size:]
    return parts


@st.composite
def said_aloud(draw: st.DrawFn, digits: str) -> str:
    """The digits as people write and say them: grouped, in words, in figures, or mixed."""
    way = draw(st.sampled_from(["figures", "words", "mixed"]))
    parts = draw(groups(digits))
    if way == "words":
        parts = [" ".join(in_words(part)) for part in parts]
    elif way == "mixed":
        parts = [" ".join(in_words(part)) if draw(st.booleans()) else part for part in parts]
    separators = SEPARATORS if way == "figures" else SEPARATORS[1:]
    text = parts[0]
    for part in parts[1:]:
        text += draw(st.sampled_from(separators)) + part
    return text


def digits_in(text: str) -> str:
    return digits_of(list(tokens(text)))


@settings(deadline=None)
@given(card_numbers(), st.sampled_from(TALK), st.sampled_from(AFTER), st.data())
def test_no_card_number_survives_however_it_is_said(number: str, before: str, after: str, data: st.DataObject) -> None:
    masked = mask(before + data.draw(said_aloud(number)) + after)
    assert masked == f"{before}[card number ending {number[-4:]}]{after}"


@settings(deadline=None)
@given(st.text("0123456789", min_size=7, max_size=12), st.sampled_from(TALK), st.sampled_from(AFTER), st.data())
def test_no_number_said_digit_by_digit_survives(number: str, before: str, after: str, data: st.DataObject) -> None:
    words = in_words(number)
    spoken = words[0]
    for word in words[1:]:
        spoken += data.draw(st.sampled_from(SEPARATORS[1:])) + word
    assert mask(before + spoken + after) == f"{before}[number ending {number[-2:]}]{after}"


@pytest.mark.parametrize(
    "number",
    [
        "+12025550143",
        "+1 202 555 0143",
        "+1 (202) 555-0143",
        "(202) 555-0143",
        "202-555-0143",
        "202.555.0143",
        "202 555 0143",
        "2025550143",
        "1-800-555-0143",
        "555-0143",
        "555.0143",
        "+44 20 7946 0958",
        "020 7946 0958",
        "01 23 45 67 89",
        "01.23.45.67.89",
        "+49 30 901820",
        "030-9018 20",
        "12 34 56 78",
        "five five five oh one four three",
        "five five five, oh one, four three",
        "double five five, zero one four three",
        "five five five twelve thirty-four",
        "eight hundred five five five oh one four three",
        "5, 5, 5, 0, 1, 4, 3",
    ],
)
def test_phone_numbers_are_masked_in_every_grouping(number: str) -> None:
    ending = digits_in(number)[-2:]
    assert mask(f"Call me at {number}, please") == f"Call me at [number ending {ending}], please"


@pytest.mark.parametrize(
    "text",
    [
        "We open at 9:00 and close at 17:30, Saturdays 10:00 to 12:30.",
        "Open 9-5, 10-4 on Fridays.",
        "Your appointment is on 2026-01-31 at 9.30.",
        "It was 31.01.2026, or 1/31/2026, or 31-01-26.",
        "On January 31st, 2026 10 30 would work.",
        "That is $1,299.00, or 1.299.000,50 euros, or £ 12 345.",
        "1299000 dollars and 99 cents",
        "It costs 1,250,000 dollars.",
        "We are at 1600 12th Avenue, Suite 400, Springfield 62704-1234.",
        "Flat 12, 221 Baker Street",
        "between 2019-2026",
        "in 2022, 2023, 2024 and 2025",
        "rooms 101, 102, 103, 104, 105",
        "at eight thirty, nine fifteen or ten thirty",
        "nineteen eighty-four, twenty twenty-six",
        "one hundred twenty three thousand four hundred fifty six",
        "one or two, maybe three or four",
        "pi is 3.14159265",
        "order B12345678",
        "bins 1 to 6",
        "six times seven is forty-two",
        "extension 4521",
        "call nine one one",
    ],
)
def test_times_prices_dates_addresses_and_lists_stay_as_they_are(text: str) -> None:
    assert mask(text) == text


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Nd",)), max_size=60))
def test_text_with_few_digits_is_never_changed(text: str) -> None:
    if len(digits_in(text)) < 7:
        assert mask(text) == text


def test_what_stands_beside_a_card_number_goes_with_it() -> None:
    text = "It's 4111 1111 1111 1111, 12 27, 123. Thanks"
    assert mask(text) == "It's [card number ending 1111]. Thanks"


def test_digits_that_fail_the_check_are_still_a_long_number() -> None:
    assert mask("4111 1111 1111 1112") == "[number ending 12]"


def test_masking_twice_changes_nothing() -> None:
    once = mask("4111 1111 1111 1111 and 202-555-0143")
    assert mask(once) == once


# -- the stream of records


def through(*records: Record) -> list[Record]:
    redactor = Redactor()
    return [safe for record in records for safe in redactor.push(record)] + list(redactor.flush())


def caller(text: str, start: int, length: int = 900) -> CallerSaid:
    return CallerSaid(text, start, start + length)


def test_a_card_number_said_in_groups_with_pauses_becomes_one_masked_record() -> None:
    out = through(
        caller("Sure, it's four one one one", 0),
        caller("one one one one.", 2000),
        AgentSaid(" Go on.", 3, 3000, 3400),
        caller("one one one one", 4000),
        caller("one one one one", 6000),
        caller("Did you get that?", 8000),
    )
    assert out == [
        AgentSaid(" Go on.", 3, 3000, 3400),
        CallerSaid("Sure, it's [card number ending 1111]", 0, 6900),
        caller("Did you get that?", 8000),
    ]


def test_a_number_in_word_pieces_of_the_agent_is_masked() -> None:
    pieces = [" So", " that's", " five", " five", " five", ",", " oh", " one", " four", " three", "?"]
    out = through(*(AgentSaid(piece, 2, at * 80, at * 80 + 80, at != 5) for at, piece in enumerate(pieces)))
    assert [record.text for record in out if isinstance(record, AgentSaid)] == [
        " So",
        " that's",
        " [number ending 43]",
        "?",
    ]
    masked = out[2]
    assert isinstance(masked, AgentSaid)
    assert (masked.start_ms, masked.end_ms, masked.proven) == (160, 800, False)


@settings(deadline=None)
@given(card_numbers(), st.data())
def test_no_card_number_survives_a_cut_into_records(number: str, data: st.DataObject) -> None:
    parts = data.draw(groups(number))
    records = [caller(" ".join(in_words(part)), at * 1000) for at, part in enumerate(parts)]
    out = through(caller("The card is", 0), *records, caller("thank you", 60_000))
    text = " ".join(record.text for record in out if isinstance(record, CallerSaid))
    assert text == f"The card is [card number ending {number[-4:]}] thank you"


def test_words_without_numbers_are_not_held_back() -> None:
    redactor = Redactor()
    assert redactor.push(caller("What are your hours?", 0)) == (caller("What are your hours?", 0),)


def test_a_number_at_the_end_is_let_go_when_time_passes_or_the_call_ends() -> None:
    redactor = Redactor()
    assert redactor.push(caller("See you at five", 0)) == ()
    problem = Problem("a packet was lost", 900 + HOLD_MS)
    assert redactor.push(problem) == (problem,)
    later = Problem("another", 901 + HOLD_MS)
    assert redactor.push(later) == (caller("See you at five", 0), later)
    assert redactor.push(caller("at six", 50_000)) == ()
    end = Ended("idle", "silence", "2026-01-31T09:31:00.000Z", 60.0)
    assert redactor.push(end) == (caller("at six", 50_000), end)


def test_no_more_than_a_bounded_number_of_records_is_held_back() -> None:
    redactor = Redactor()
    out = [redactor.push(caller("five", at)) for at in range(HOLD_RECORDS)]
    assert not any(out[:-1])
    assert len(out[-1]) == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from(["five", "yes", "5,", "call", "uh", "double", "4111 1111 1111 1111", ""]), max_size=30))
def test_records_without_long_numbers_come_out_as_they_went_in(texts: list[str]) -> None:
    records = [AgentSaid(f" {text}", 1 + at // 5, at * 80, at * 80 + 80) for at, text in enumerate(texts)]
    out = through(*records)
    assert [safe for safe in out if "[" not in safe.text] == [  # type: ignore[union-attr]
        record for record in records if record in out
    ]
    if not any("[" in safe.text for safe in out):  # type: ignore[union-attr]
        assert out == records


def test_every_kind_of_record_is_masked_wherever_it_holds_what_was_said() -> None:
    number = "202-555-0143"
    call = Call("0" * 16, "dental", "+12025550143", "+12025550100", "twilio", "CA0", "2026-01-31", "cascade")
    records: list[Record] = [
        call,
        CallerSaid(f"{number}, okay", 0, 1),
        AgentSaid(f" {number}, okay", 1, 0, 1),
        AgentUnheard(f" {number}", 1, 2, "gate"),
        VerdictRecord("phrase", "topic", "agent", "refuse", 3, f"call {number}", True, f"call {number}", number),
        DigitPressed("4", 4),
        AskedRecord("transfer", "key", 4),
        PersonRecord("completed", 4, 30),
        RecordingRecord("began", 5),
        Summary(f"The caller left {number}."),
        Problem("the recording ended early", 5),
        CarrierReport("completed", "2026-01-31", 12),
        Ended("idle", "silence", "2026-01-31", 1.0),
    ]
    assert {type(record) for record in records} == set(get_args(Record))
    out = through(*records)
    assert [type(record) for record in out] == [type(record) for record in records]
    for record in out:
        line = encode(record)
        assert b"0143" not in line
        assert record != DigitPressed("4", 4)
    assert msgspec.structs.replace(call, from_number="[number ending 43]") == out[0]
