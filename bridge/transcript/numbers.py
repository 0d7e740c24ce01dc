"""Numbers in what people say and engines write: digits in figures, digits in English words, and rows of both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

_DIGIT = {word: str(value) for value, word in enumerate(_ONES)} | {"oh": "0", "o": "0", "nought": "0"}
_LARGER = (
    {word: str(value) for value, word in enumerate(_TEENS, 10)}
    | {word: str(value) for value, word in zip(range(20, 100, 10), _TENS, strict=True)}
    | {"hundred": "00", "thousand": "000"}
)
_TIMES = {"double": 2, "triple": 3, "treble": 3}

_TOKEN = re.compile(
    r"(?P<figures>\d+)"
    rf"|\b(?:(?P<times>{'|'.join(_TIMES)})[\s-]+)?(?P<digit>{'|'.join(_DIGIT)})\b"
    rf"|\b(?P<tens>{'|'.join(_TENS)})(?:[\s-]+(?P<unit>{'|'.join(_ONES[1:])}))?\b"
    rf"|\b(?P<larger>{'|'.join(_LARGER)})\b",
    re.IGNORECASE,
)

_PAUSE = re.compile(r"(?:[\s,.;()\-‐‑–—]|\b(?:u+h+|u+m+|er+m?)\b)*", re.IGNORECASE)
"""What may lie between digits that are said one by one: punctuation of any kind, and hesitation."""

_ANNOUNCED = re.compile(rf"\b(?:{'|'.join(_TIMES)})[\s-]*$", re.IGNORECASE)
"""The word "double" at the end: a digit follows."""

_GROUPING = re.compile(r"\)?(?: ?[-‐‑–] ?|[./]| {0,2})\(?")
"""What may lie between groups of one written number: 020 7946 0958, (202) 555-0143, 202.555.0143."""

Kind = Literal["figures", "digit", "larger"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text that stands for `digits`; `start` and `end` are its place there."""

    start: int
    end: int
    digits: str
    kind: Kind

    @property
    def single(self) -> bool:
        """Said digit by digit: one figure, a digit's word, or "double five"."""
        return self.kind == "digit" or len(self.digits) == 1


Row = Sequence[Token]


def tokens(text: str) -> Iterator[Token]:
    """Everything that stands for digits, in order."""
    for match in _TOKEN.finditer(text):
        digits, kind = _value(match)
        yield Token(match.start(), match.end(), digits, kind)


def rows(text: str, found: Sequence[Token], *, loose: bool) -> Iterator[Row]:
    """Tokens that follow each other closely enough to be one number.

    Pauses and punctuation join digits that are said one by one, and with `loose` any others too. Without it those
    are joined by nothing but what groups a written number, so that "10, 11, 12" stay three.
    """
    row: list[Token] = []
    for token in found:
        if row and not _joined(text, row[-1], token, loose=loose):
            yield row
            row = []
        row.append(token)
    if row:
        yield row


def digits_of(row: Row) -> str:
    """All digits of a row."""
    return "".join(token.digits for token in row)


def luhn(digits: str) -> bool:
    """The check of ISO/IEC 7812-1, annex B, that every payment card number passes."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def open_ended(text: str) -> bool:
    """Whether the text ends within what may be a number, so that what is said next may continue it."""
    end = 0
    for match in _TOKEN.finditer(text):
        end = match.end()
    return bool((end and _PAUSE.fullmatch(text, end)) or _ANNOUNCED.search(text, end))


def _value(match: re.Match[str]) -> tuple[str, Kind]:
    if figures := match["figures"]:
        return "".join(str(int(figure)) for figure in figures), "figures"
    if digit := match["digit"]:
        return _DIGIT[digit.lower()] * _TIMES.get((match["times"] or "").lower(), 1), "digit"
    if tens := match["tens"]:
        value = _LARGER[tens.lower()]
        return (value[0] + _DIGIT[match["unit"].lower()] if match["unit"] else value), "larger"
    return _LARGER[match["larger"].lower()], "larger"


def _joined(text: str, one: Token, other: Token, *, loose: bool) -> bool:
    between = text[one.end : other.start]
    spoken = "figures" not in (one.kind, other.kind) or (one.single and other.single)
    return bool((_PAUSE if loose or spoken else _GROUPING).fullmatch(between))
