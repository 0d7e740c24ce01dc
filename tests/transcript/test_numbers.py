"""Digits in figures and in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.transcript.numbers import digits_of, luhn, open_ended, rows, tokens


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four one one", "411"),
        ("Double five, oh", "550"),
        ("triple nine", "999"),
        ("twenty-five twelve", "2512"),
        ("eight hundred", "800"),
        ("٤١١", "411"),
        ("someone stone often", ""),
    ],
)
def test_digits_are_found_in_figures_and_words(text: str, digits: str) -> None:
    assert digits_of(list(tokens(text))) == digits


def test_luhn_knows_the_worked_example_of_the_standard() -> None:
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{last}") for last in "012456789")


@settings(deadline=None)
@given(st.text("0123456789", min_size=12, max_size=18), st.data())
def test_luhn_notices_every_single_wrong_digit(number: str, data: st.DataObject) -> None:
    number += next(last for last in "0123456789" if luhn(number + last))
    at = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[at]]))
    assert not luhn(number[:at] + wrong + number[at + 1 :])


def test_lists_of_numbers_stay_apart_and_dictated_digits_stay_together() -> None:
    for text, count in (("10, 11, 12", 3), ("5, 5, 5", 1), ("five. five, uh, five", 1), ("020 7946-0958", 1)):
        assert len(list(rows(text, list(tokens(text)), loose=False))) == count, text


@pytest.mark.parametrize("text", ["it's four one one", "call 555,", "five uh", "double", "and then triple "])
def test_a_text_that_ends_within_digits_may_go_on(text: str) -> None:
    assert open_ended(text)


@pytest.mark.parametrize("text", ["", "four o'clock sharp", "five of them", "thanks.", "we doubled"])
def test_a_text_that_ends_with_words_is_complete(text: str) -> None:
    assert not open_ended(text)
