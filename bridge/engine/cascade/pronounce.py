"""Written text into text that the Pico voice reads well. The transcript keeps the written one.

Only what it was heard to misread is changed. Pico reads times (9 a.m., 5:30 pm), dollars, euros, percentages, dates,
units and 555-0143 correctly by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _digits(match: re.Match[str]) -> str:
    """A phone number in groups of single digits, with a comma's pause between the groups."""
    groups = re.findall(r"\d+", match.group())
    if len(groups) == 1 and len(groups[0]) > 7:
        number = groups[0]
        groups = [number[:-10], number[-10:-7], number[-7:-4], number[-4:]]
    return ", ".join(" ".join(group) for group in groups if group)


_EVERYWHERE: Final[tuple[Rule, ...]] = (
    (re.compile(r"\+\d[\d ().-]{6,}\d|\(\d{3}\)\s*\d{3}[-. ]\d{4}|\b(?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}\b"), _digits),
    # Angle brackets are commands to Pico; these and the other marks would be read out by their names.
    (re.compile(r"[\x00-\x1f<>*_#`~|\\{}\[\]]"), " "),
    # Runs of marks say nothing more than one, and fill Pico's buffers.
    (re.compile(r"([^\w\s])(?:\s*\1)+"), r"\1"),
)

_LONGEST_WORD: Final = 25
_LONGEST_PORTION: Final = 200

_DAYS: Final = {
    "mon": "Monday",
    "tue": "Tuesday",
    "tues": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "thur": "Thursday",
    "thurs": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
_DAY: Final = "|".join(sorted(_DAYS, key=len, reverse=True))
_HOUR: Final = r"\d{1,2}(?::\d\d)?(?:\s?[ap]\.m\.|\s?[ap]m\b)?"

_ENGLISH: Final[tuple[Rule, ...]] = (
    (re.compile(r"£\s?(\d[\d,]*(?:\.\d+)?)"), r"\1 pounds"),
    (re.compile(r"\b24/7\b"), "twenty four seven"),
    (
        re.compile(rf"\b({_DAY})\.?\s?[-–]\s?({_DAY})\b\.?", re.IGNORECASE),
        lambda match: f"{_DAYS[match[1].lower()]} to {_DAYS[match[2].lower()]}",
    ),
    (re.compile(rf"\b({_HOUR})\s?[-–]\s?({_HOUR})(?![-\d])"), r"\1 to \2"),
    (re.compile(r"\s&\s"), " and "),
    (re.compile(r"[–—]"), ", "),
)


def spoken_form(text: str, language: str) -> str:
    """`text` as it should be handed to the voice of `language` (`en`, `en-GB`, `de`, …)."""
    rules = _EVERYWHERE + (_ENGLISH if language.startswith("en") else ())
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def portions(text: str) -> list[str]:
    """Cut text into portions that the voice survives, at spaces, and words that are none at 25 letters.

    On portions of 300 letters in words of 25 Pico now and then never returns, and keeps Python's lock meanwhile.
    """
    words = [
        word[begin : begin + _LONGEST_WORD] for word in text.split() for begin in range(0, len(word), _LONGEST_WORD)
    ]
    found: list[str] = []
    for word in words:
        if found and len(found[-1]) + len(word) < _LONGEST_PORTION:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found
