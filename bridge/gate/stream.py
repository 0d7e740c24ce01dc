"""The reading of `letters`, one character at a time, for text that is still being written.

What a letter means may depend on what follows it: a single letter after a hyphen may be spelled out or begin a word
("c-l-a-s-s", "x-ray"), and "he'l" may become "he'll". Such letters wait, and come out with the character that settles
them. A `Reading` is a small hashable value, so that an automaton can be built over it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bridge.gate.letters import CONTRACTIONS, KEPT_APOSTROPHE, SPELLING_MARKS

Letter = tuple[str, bool]
"""A folded letter or digit, and whether a word may begin with it."""

_BEGINNINGS: Final = frozenset(word[:end] for word in CONTRACTIONS for end in range(1, len(word) + 1))

_NONE, _DOT, _COMMA, _SPELLING, _OTHER = range(5)
"""What stands between the latest letter and the next: nothing, `.`, `,`, other spelling marks, anything else."""

_NO_LETTER, _ALPHABETIC, _DIGIT, _OTHER_LETTER = range(4)


class Reading(NamedTuple):
    """What must be known of the characters read so far to read on.

    `held` is the beginning of a contraction that has not been read yet, `free` whether one may begin next. `gap` is
    what has been read since the latest letter, `run` how many letters stood before it without a gap (2 for more), and
    `last` of which kind the latest was. `single` is a letter behind a spelling mark, of which it is not known yet
    whether it stands alone.
    """

    held: str = ""
    free: bool = True
    gap: int = _OTHER
    run: int = 0
    last: int = _NO_LETTER
    single: str = ""


BEGINNING: Final = Reading()
"""Nothing has been read."""


def advance(reading: Reading, character: str) -> tuple[Reading, list[Letter]]:
    """Read one folded character (see `letters.fold_character`) → the letters that are settled by it."""
    settled: list[Letter] = []
    if (reading.held or reading.free) and reading.held + character in _BEGINNINGS:
        return reading._replace(held=reading.held + character, free=False), settled
    reading = _release(reading, settled, at_end=not _glued(character))
    reading = _read(reading, character, settled)
    return reading._replace(free=not _glued(character)), settled


def finish(reading: Reading) -> list[Letter]:
    """The letters that are settled by the end of the text."""
    settled: list[Letter] = []
    reading = _release(reading, settled, at_end=True)
    if reading.single:
        settled.append((reading.single, False))
    return settled


def _glued(character: str) -> bool:
    """Whether this character, before or behind a contraction, makes another word of it."""
    return character.isalnum() or character == "'"


def _release(reading: Reading, settled: list[Letter], *, at_end: bool) -> Reading:
    """Read what was held: as a contraction if it is one and ends here, else its apostrophe parts words."""
    held = reading.held
    if not held:
        return reading
    if at_end and held in CONTRACTIONS:
        held = held.replace("'", KEPT_APOSTROPHE)
    reading = reading._replace(held="")
    for character in held:
        reading = _read(reading, character, settled)
    return reading


def _read(reading: Reading, character: str, settled: list[Letter]) -> Reading:
    if character.isalnum() or character == KEPT_APOSTROPHE:
        return _read_letter(reading, character, settled)
    if reading.single:
        settled.append((reading.single, False))
        return reading._replace(single="", run=1, last=_ALPHABETIC, gap=_wider(_NONE, character))
    return reading._replace(gap=_wider(reading.gap, character))


def _read_letter(reading: Reading, letter: str, settled: list[Letter]) -> Reading:
    kind = _kind(letter)
    if reading.single:
        settled += [(reading.single, True), (letter, kind == _DIGIT)]
        return reading._replace(single="", run=2, last=kind, gap=_NONE)
    if reading.gap == _NONE:
        settled.append((letter, (kind == _DIGIT) != (reading.last == _DIGIT)))
        return reading._replace(run=2, last=kind)
    alone = reading.run == 1 and reading.last == kind == _ALPHABETIC
    if alone and reading.gap in (_DOT, _SPELLING):
        return reading._replace(single=letter)
    number_goes_on = reading.gap in (_DOT, _COMMA) and reading.last == kind == _DIGIT
    settled.append((letter, not number_goes_on))
    return reading._replace(run=1, last=kind, gap=_NONE)


def _wider(gap: int, character: str) -> int:
    """The gap with one more separator."""
    if gap == _NONE:
        return {".": _DOT, ",": _COMMA}.get(character, _SPELLING if character in SPELLING_MARKS else _OTHER)
    return _SPELLING if gap in (_DOT, _SPELLING) and character in SPELLING_MARKS else _OTHER


def _kind(letter: str) -> int:
    if letter.isdigit():
        return _DIGIT
    return _ALPHABETIC if letter.isalpha() else _OTHER_LETTER
