"""What the gate sees of a text: its letters and digits, folded, and which of them begin a word.

Case, accents, punctuation and spacing are ways to write a word, not part of it. So a text is reduced to a row of
letters (NFKD, combining marks removed, case folded, UAX #15 and Unicode section 3.13), and where a word may begin is
kept beside the row. The rules for that are few:

* any separator begins a new word, and so does the step between a letter and a digit ("500mg");
* hyphens or dots between single letters spell one word ("c-l-a-s-s"), white space between them does not;
* a point or comma inside a number belongs to the number ("1.99");
* marks and characters without width belong to the word in which they stand ("ibu<soft hyphen>profen");
* a contraction that without its apostrophe would be another word keeps the apostrophe as a letter ("he'll").
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_APOSTROPHES = frozenset("'`´‘’‛′ʹʻʼ＇")
"""All are written for the apostrophe; some of them count as letters in Unicode, some decompose to a space."""

_HANGUL_FILLERS = frozenset("\u115f\u1160")
"""Letters in Unicode, without a glyph and without a sound."""

_UNSPOKEN = frozenset(("Mn", "Mc", "Me", "Cf", "Lm"))
"""Unicode categories of what has no sound of its own: marks, format characters, modifier letters."""

_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Latin letters whose stroke or ligature NFKD leaves alone."""

CONTRACTIONS = frozenset(
    "i'll he'll she'll we'll i'd he'd she'd we'd we're it's let's can't won't don't".split()  # noqa: SIM905
)
"""Without the apostrophe they are ill, hell, shell, well, id, shed, wed, were, its, lets, cant, wont, and don (t)."""

KEPT_APOSTROPHE = "\N{BULLET}"
"""The letter that stands in a row for the apostrophe of one of `CONTRACTIONS`."""

SPELLING_MARKS = "-.‐‑–—·"
"""Between single letters they spell one word."""

SIGNS = frozenset("$¢£¤¥") | frozenset(map(chr, range(0x20A0, 0x20D0)))
"""Currency signs, folded: the Unicode block Currency Symbols, and those of Latin-1. They are no letters."""

_CONTRACTION = re.compile(rf"(?<![^\W_])(?<!')(?:{'|'.join(sorted(CONTRACTIONS))})(?![^\W_])(?!')")

_RUN = re.compile(rf"[^\W_](?:[^\W_]|{KEPT_APOSTROPHE})*")
"""Letters and digits without a separator."""

_SPELLING = re.compile(f"[{SPELLING_MARKS}]+")
_DECIMAL = re.compile(r"[.,]")


@dataclass(frozen=True, slots=True)
class Letters:
    """A text as the gate sees it.

    `row` holds its folded letters and digits, `starts[i]` says whether a word may begin at `row[i]`, `index[i]` is
    the place in the original text which `row[i]` comes from. Before each `row[i]` of `signs`, and behind the last
    letter where that is one of them, stands a currency sign.
    """

    row: str
    starts: tuple[bool, ...]
    index: tuple[int, ...]
    signs: frozenset[int] = frozenset()

    def ends_word(self, i: int) -> bool:
        """Whether a word may end with `row[i]`. The end of the text is an end of a word."""
        return i + 1 == len(self.row) or self.starts[i + 1]


def read(text: str) -> Letters:
    """Reduce a text to its letters. Linear in its length."""
    stream, index = _fold(text)
    stream = _CONTRACTION.sub(lambda found: found[0].replace("'", KEPT_APOSTROPHE), stream)
    row: list[str] = []
    starts: list[bool] = []
    places: list[int] = []
    signs: set[int] = set()
    before: re.Match[str] | None = None
    for run in _RUN.finditer(stream):
        if _signed(stream, before, run.start()):
            signs.add(len(row))
        row.extend(run[0])
        places.extend(index[run.start() : run.end()])
        starts.append(_parts(stream, before, run))
        starts.extend(one.isdigit() != other.isdigit() for one, other in pairwise(run[0]))
        before = run
    if _signed(stream, before, len(stream)):
        signs.add(len(row))
    return Letters("".join(row), tuple(starts), tuple(places), frozenset(signs))


def _signed(stream: str, before: re.Match[str] | None, until: int) -> bool:
    """Whether a currency sign stands among the separators behind a run."""
    return not SIGNS.isdisjoint(stream[before.end() if before else 0 : until])


def _parts(stream: str, before: re.Match[str] | None, run: re.Match[str]) -> bool:
    """Whether the separators between two runs part two words."""
    if before is None:
        return True
    gap = stream[before.end() : run.start()]
    if _SPELLING.fullmatch(gap) and len(before[0]) == len(run[0]) == 1 and (before[0] + run[0]).isalpha():
        return False
    return not (_DECIMAL.fullmatch(gap) and before[0][-1].isdigit() and run[0][0].isdigit())


def _fold(text: str) -> tuple[str, list[int]]:
    """The folded characters of a text, separators included, and where each comes from."""
    characters: list[str] = []
    index: list[int] = []
    for at, character in enumerate(text):
        for folded in fold_character(character):
            characters.append(folded)
            index.append(at)
    return "".join(characters), index


@lru_cache(maxsize=4096)
def fold_character(character: str) -> str:
    """One character folded: none, one or more letters or separators. Folding needs no context once marks are gone."""
    if character in _APOSTROPHES:
        return "'"
    if character == KEPT_APOSTROPHE:
        return " "
    bare = _without_marks(unicodedata.normalize("NFKD", character))
    return _without_marks(unicodedata.normalize("NFKD", bare.casefold())).translate(_PLAIN_LETTERS)


def _without_marks(text: str) -> str:
    """Remove what has no sound. The zero width space stays: it is a format character that parts words."""
    return "".join(c for c in text if c == "\N{ZERO WIDTH SPACE}" or not _silent(c))


def _silent(character: str) -> bool:
    return character in _HANGUL_FILLERS or unicodedata.category(character) in _UNSPOKEN
