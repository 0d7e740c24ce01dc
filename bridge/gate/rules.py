"""What a persona blocks, compiled: phrases in, hits out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bridge.gate.automaton import ROOT, Automaton
from bridge.gate.letters import Letters, read
from bridge.persona.schema import BlockedTopic

PREFIX_MARK = "*"
"""Behind a phrase it lifts the rule that a hit ends with a word: `antibiotic*` meets "antibiotics"."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A blocked phrase in a text: `phrase` and `topic` as the persona writes them, `text[start:end]` where it stands.

    `start` is 0 where the phrase began in an earlier piece of the text.
    """

    phrase: str
    topic: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Trail:
    """What must be remembered between two pieces of one text: a state, and where words began just before its end."""

    state: int = ROOT
    starts: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """One spelling of a phrase: its folded letters, and whether any ending may follow."""

    letters: str
    open_ended: bool
    phrase: str
    topic: str


class Rules:
    """The compiled rules of one persona. Read only, so that all its calls share them."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        """Use `compile_rules`. `automaton` knows the `patterns` by their place."""
        self.patterns = tuple(patterns)
        self.automaton = Automaton([pattern.letters for pattern in self.patterns])
        self._longest = max((len(pattern.letters) for pattern in self.patterns), default=0)

    def find(self, text: str) -> list[Hit]:
        """Every blocked phrase in a text, in order of where it starts, the longer first."""
        return self.follow(Trail(), text)[0]

    def follow(self, trail: Trail, piece: str) -> tuple[list[Hit], Trail]:
        """Read one more piece of a text: the hits that this piece completes, and the trail for the next one.

        The edges of a piece are edges of words. Linear in the length of the piece.
        """
        letters = read(piece)
        starts = trail.starts + letters.starts
        known = len(trail.starts)
        hits: dict[tuple[str, int], Hit] = {}
        state = trail.state
        for at, letter in enumerate(letters.row):
            state = self.automaton.step(state, letter)
            for pattern in self._completed(state, letters, at):
                first = known + at + 1 - len(pattern.letters)
                if starts[first]:
                    begin = letters.index[first - known] if first >= known else 0
                    hit = Hit(pattern.phrase, pattern.topic, begin, letters.index[at] + 1)
                    hits.setdefault((hit.phrase, hit.start), hit)
        ordered = sorted(hits.values(), key=lambda hit: (hit.start, -hit.end))
        return ordered, Trail(state, starts[-self._longest :] if self._longest else ())

    def _completed(self, state: int, letters: Letters, at: int) -> Iterator[Pattern]:
        """The patterns that are complete with letter `at` as far as their end is concerned."""
        for number in self.automaton.completed(state):
            pattern = self.patterns[number]
            if pattern.open_ended or letters.ends_word(at):
                yield pattern


@lru_cache(maxsize=64)
def compile_rules(blocked: tuple[BlockedTopic, ...]) -> Rules:
    """Compile the blocked topics of a persona. ValueError if a phrase has no letters or a `*` before its end."""
    patterns: dict[str, Pattern] = {}
    for topic in blocked:
        for phrase in topic.words + topic.phrases:
            for pattern in _spellings(phrase, topic.topic):
                other = patterns.get(pattern.letters)
                if other is None or (pattern.open_ended and not other.open_ended):
                    patterns[pattern.letters] = pattern
    return Rules(list(patterns.values()))


def _spellings(phrase: str, topic: str) -> Iterator[Pattern]:
    """The phrase itself, without a kept apostrophe, and in the plural."""
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
