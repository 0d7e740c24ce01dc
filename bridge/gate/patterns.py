"""Phrases as a persona writes them, in the spellings that are looked for in a row of `letters`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.gate.letters import read

PREFIX_MARK = "*"
"""Behind a phrase it lifts the rule that a hit ends with a word: `antibiotic*` meets "antibiotics"."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One spelling of a phrase: its folded letters, and whether any ending may follow.

    What a rule on numbers forbids is a pattern without letters.
    """

    letters: str
    open_ended: bool
    phrase: str
    topic: str


def spellings(phrase: str, topic: str) -> Iterator[Pattern]:
    """The phrase itself, without a kept apostrophe, and in the plural.

    ValueError if it has no letters or a `*` before its end.
    """
    stem = phrase.strip()
    open_ended = stem.endswith(PREFIX_MARK)
    stem = stem.removesuffix(PREFIX_MARK)
    if PREFIX_MARK in stem:
        raise ValueError(f"{phrase!r}: a * may stand only at the very end")
    letters = read(stem).row
    if not any(letter.isalnum() for letter in letters):
        raise ValueError(f"{phrase!r} has no letters or digits that could be matched")
    for spelling in dict.fromkeys([letters, "".join(letter for letter in letters if letter.isalnum())]):
        yield Pattern(spelling, open_ended, phrase, topic)
        plural = _plural(spelling)
        if plural and not open_ended:
            yield Pattern(plural, False, phrase, topic)


def _plural(letters: str) -> str | None:
    """The plain English plural: es after a hissing sound, else s. None where it would be another word.

    Words of one or two letters have none (a, it, do, to: as, its, does, toes), nor have numbers.
    """
    if len(letters) < 3 or not ("a" <= letters[-1] <= "z"):
        return None
    return letters + ("es" if letters.endswith(("s", "x", "z", "ch", "sh")) else "s")
