"""What a persona blocks, compiled: phrases in, hits out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bridge.gate.automaton import ROOT, Automaton
from bridge.gate.letters import Letters, read
from bridge.gate.numbers import Context, Found, NumberRules
from bridge.gate.patterns import Pattern, spellings
from bridge.persona.schema import BlockedTopic

__all__ = ["Hit", "Pattern", "Rules", "Trail", "compile_rules"]


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
    """What must be remembered between two pieces of one text.

    A state, where words began just before its end, and what stands behind that concerns numbers; without a `context`
    the text begins.
    """

    state: int = ROOT
    starts: tuple[bool, ...] = ()
    begun: frozenset[int] = frozenset()
    context: Context | None = None


class Rules:
    """The compiled rules of one persona. Read only, so that all its calls share them."""

    def __init__(self, patterns: Sequence[Pattern], numbers: NumberRules) -> None:
        """Use `compile_rules`. `automaton` knows the `patterns` by their place."""
        self.patterns = tuple(patterns)
        self.numbers = numbers
        self.automaton = Automaton([pattern.letters for pattern in self.patterns])
        self._longest = max((len(pattern.letters) for pattern in self.patterns), default=0)

    def find(self, text: str) -> list[Hit]:
        """Everything blocked in a text, in order of where it starts, the longer first."""
        return self.follow(Trail(), text)[0]

    def asked(self, text: str) -> list[Hit]:
        """The blocked phrases in a caller's words. A number in their mouth tells nothing that they do not know."""
        return self._phrases(Trail(), read(text))[0]

    def follow(self, trail: Trail, piece: str) -> tuple[list[Hit], Trail]:
        """Read one more piece of a text: the hits that this piece completes, and the trail for the next one.

        The edges of a piece are edges of words. Linear in the length of the piece.
        """
        letters = read(piece)
        hits, after = self._phrases(trail, letters)
        if self.numbers:
            found, begun, context = self.numbers.follow(trail.begun, trail.context or self.numbers.start, letters)
            hits += [_hit(number, letters) for number in found]
            after = replace(after, begun=begun, context=context)
        return sorted(hits, key=lambda hit: (hit.start, -hit.end)), after

    def _phrases(self, trail: Trail, letters: Letters) -> tuple[list[Hit], Trail]:
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
        return list(hits.values()), Trail(state, starts[-self._longest :] if self._longest else ())

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
            for pattern in spellings(phrase, topic.topic):
                other = patterns.get(pattern.letters)
                if other is None or (pattern.open_ended and not other.open_ended):
                    patterns[pattern.letters] = pattern
    return Rules(list(patterns.values()), NumberRules(blocked))


def _hit(number: Found, letters: Letters) -> Hit:
    """The words of a number that was found; it may have been found by the first of its digits."""
    if not letters.row:
        return Hit(number.pattern.phrase, number.pattern.topic, 0, 1)  # a currency sign, behind another piece's number
    last = min(number.last, len(letters.row) - 1)
    while not letters.ends_word(last):
        last += 1
    return Hit(
        number.pattern.phrase, number.pattern.topic, letters.index[min(number.first, last)], letters.index[last] + 1
    )
