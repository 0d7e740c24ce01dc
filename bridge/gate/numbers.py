"""Numbers in context: a price near a word. What counts is marked in the letters of a text, and the marks are counted.

A text is a row of marks: a word begins, a number, a currency, one of the words of a rule. Of each kind only the
latest matters, and how many words ago it was; so what must be remembered is a handful of small numbers, whatever the
text, and a number is stopped by the very letter that completes it.

* A number is any digit, and the English number words from two on. "One" and "half" are numbers only with a currency.
* An amount of money is a number with a currency, as a sign or a word, at most `_ADJOINING` words before or behind it.
* Words are counted as they begin, so that punctuation and the end of a sentence make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.gate.automaton import ROOT, Automaton
from bridge.gate.letters import Letters
from bridge.gate.patterns import Pattern, spellings
from bridge.persona.schema import BlockedTopic, Numbers

Events = tuple[int, ...]
"""Marks in the order of the text."""

Context = tuple[int, ...]
"""How many words ago the latest number, quantity, currency, amount was, and a word of each rule; `far` is long ago."""

WORD, NUMBER, QUANTITY, CURRENCY = range(4)
"""A word begins; a number; what is one only with a currency; a currency. Rule i's own words are mark `_RULES` + i."""

_RULES: Final = 4
_NUMBER, _QUANTITY, _CURRENCY, _AMOUNT, _NEAR = range(5)
"""Places in a context; rule i's is `_NEAR` + i."""

_ADJOINING: Final = 3
"""Words from a number to its currency, or back: "49 or so dollars", "49 Canadian dollars"."""

_NAMED: Final = 3
"""Words of a rule by which a verdict names it."""

_UNITS: Final = "two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
_TEENS: Final = [f"{stem}teen" for stem in ("thir", "four", "fif", "six", "seven", "eigh", "nine")]
_TENS: Final = "twenty thirty forty fourty fifty sixty seventy eighty ninety hundred thousand".split()  # noqa: SIM905
_LARGE: Final = "dozen million billion".split()  # noqa: SIM905

_QUANTITIES: Final = ("one", "half", "quarter")
_MULTIPLIED: Final = tuple(f"{few}{many}*" for few in ("one", *_UNITS, *_TEENS) for many in ("hundred", "thousand"))

_NUMBER_WORDS: Final = (*_UNITS, *_TEENS, *(f"{word}*" for word in _TENS), *_LARGE, *_MULTIPLIED)
"""As a model may write them: "forty nine", "forty-nine", "fortynine"."""

_CURRENCIES: Final = """
    dollar buck cent euro pound sterling quid pence penny pennies yen yuan renminbi franc rappen peso rupee krona
    kronor krone kroner zloty shekel usd eur gbp chf cad aud nzd jpy cny inr
""".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Marked:
    """What has been begun of the words that are marked, and the marks of those that end here if the word does."""

    begun: frozenset[int] = frozenset()
    due: Events = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """`what` is the place in a context that counts, `near` that of the rule's words, None for numbers anywhere."""

    what: int
    near: int | None
    within: int
    pattern: Pattern

    @property
    def marks(self) -> Events:
        """The marks that it is about."""
        number = (NUMBER, QUANTITY, CURRENCY) if self.what == _AMOUNT else (NUMBER,)
        return number if self.near is None else (*number, _RULES + self.near - _NEAR)


@dataclass(frozen=True, slots=True)
class _Entry:
    """The marks of a spelling: those that it makes at once, and those that it makes if the word ends with it."""

    at_once: Events
    at_end: Events


@dataclass(frozen=True, slots=True)
class Found:
    """A number that is not to be said: the letters from `first` to `last` of a piece of text."""

    pattern: Pattern
    first: int
    last: int


class NumberRules:
    """The compiled rules on numbers of one persona. Read only."""

    def __init__(self, topics: Sequence[BlockedTopic]) -> None:
        """ValueError if one of the words has no letters or a `*` before its end."""
        given = [(topic.topic, topic.numbers) for topic in topics if topic.numbers is not None]
        self._rules = tuple(
            _Rule(
                _AMOUNT if numbers.kind == "money" else _NUMBER,
                _NEAR + number if numbers.near else None,
                numbers.within,
                Pattern("", False, describe(numbers), topic),
            )
            for number, (topic, numbers) in enumerate(given)
        )
        self._far = max((_ADJOINING, *(rule.within for rule in self._rules))) + 1
        marks = _marks(numbers for _, numbers in given)
        self._entries = list(marks.values())
        self._automaton = Automaton(list(marks))
        self.start: Context = (self._far,) * (_NEAR + len(self._rules))
        """The context at the beginning of a text."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._rules)

    def feed(self, marked: Marked, letter: str, *, starts: bool) -> tuple[Marked, Events]:
        """Read one more letter: `starts` where a word begins with it, and the one before has ended."""
        events = (*marked.due, WORD) if starts else ()
        if letter.isdigit():
            events = (*events, NUMBER)
        at_end: set[int] = set()
        further: set[int] = set()
        for node in (*marked.begun, ROOT) if starts else marked.begun:
            after = self._automaton.deeper(node, letter)
            if after is None:
                continue
            further.add(after)
            if (number := self._automaton.whole(after)) is not None:
                events = (*events, *self._entries[number].at_once)
                at_end.update(self._entries[number].at_end)
        return Marked(frozenset(further), tuple(sorted(at_end))), events

    def sign(self, marked: Marked) -> tuple[Marked, Events]:
        """Read a currency sign. It ends a word, and is none."""
        return Marked(marked.begun), (*marked.due, CURRENCY)

    def count(self, context: Context, events: Events) -> Context | Pattern:
        """The context after these marks, or what one of them completes."""
        if not events:
            return context
        counts = list(context)
        for event in events:
            if event == WORD:
                counts = [min(count + 1, self._far) for count in counts]
                continue
            _note(counts, event)
            for rule in self._rules:
                if counts[rule.what] <= rule.within and (rule.near is None or counts[rule.near] <= rule.within):
                    return rule.pattern
        return tuple(counts)

    def follow(
        self, begun: frozenset[int], context: Context, letters: Letters
    ) -> tuple[list[Found], frozenset[int], Context]:
        """Read one more piece of a text, whose edges are edges of words: what it completes, and what to go on with."""
        reader = _Reader(self, Marked(begun), context)
        for at, letter in enumerate(letters.row):
            if at in letters.signs:
                reader.read(self.sign(reader.marked), at)
            reader.read(self.feed(reader.marked, letter, starts=letters.starts[at]), at, letter=True)
        end = len(letters.row)
        if end in letters.signs:
            reader.read(self.sign(reader.marked), end)
        reader.read((Marked(reader.marked.begun), reader.marked.due), end)
        return reader.found, reader.marked.begun, reader.context

    def marks_of(self, pattern: Pattern) -> Events:
        """The marks that the rule of this pattern is about."""
        return next(rule.marks for rule in self._rules if rule.pattern is pattern)


class _Reader:
    """What has been read of a text and found in it, and in which word each kind of mark stood last."""

    def __init__(self, rules: NumberRules, marked: Marked, context: Context) -> None:
        self.found: list[Found] = []
        self.marked = marked
        self.context = context
        self._rules = rules
        self._word = 0
        self._places: dict[int, int] = {}

    def read(self, step: tuple[Marked, Events], at: int, *, letter: bool = False) -> None:
        """Take one step of the rules, made by the letter at `at`, or by what stands before it."""
        self.marked, events = step
        last = at if letter and WORD not in events else at - 1
        for event in events:
            if event == WORD:
                self._word = last = at
            else:
                self._places[event] = at if event == CURRENCY and not letter else self._word
            after = self._rules.count(self.context, (event,))
            if isinstance(after, Pattern):
                first = min(self._places[mark] for mark in self._rules.marks_of(after) if mark in self._places)
                self.found.append(Found(after, first, max(first, last)))
                after = self._rules.start
            self.context = after


def describe(numbers: Numbers) -> str:
    """A rule in words, for verdicts: `an amount of money near crown, implant, …`."""
    what = "an amount of money" if numbers.kind == "money" else "a number"
    named = ", ".join(numbers.near[:_NAMED]) + (", …" if len(numbers.near) > _NAMED else "")
    return f"{what} near {named}" if numbers.near else what


def _note(counts: list[int], event: int) -> None:
    """Take down that a number, a currency or a rule's word stands here."""
    if event >= _RULES:
        counts[_NEAR + event - _RULES] = 0
        return
    if event == CURRENCY:
        counts[_CURRENCY] = 0
    else:
        counts[_QUANTITY] = 0
        if event == NUMBER:
            counts[_NUMBER] = 0
    if counts[_CURRENCY] <= _ADJOINING and counts[_QUANTITY] <= _ADJOINING:
        counts[_AMOUNT] = 0


def _marks(given: Iterable[Numbers]) -> dict[str, _Entry]:
    """Each spelling of a word that is marked, with its marks."""
    at_once: dict[str, set[int]] = {}
    at_end: dict[str, set[int]] = {}
    for phrase, mark in _words(given):
        for pattern in spellings(phrase, ""):
            for marks in (at_once, at_end):
                marks.setdefault(pattern.letters, set())
            (at_once if pattern.open_ended else at_end)[pattern.letters].add(mark)
    return {letters: _Entry(tuple(sorted(at_once[letters])), tuple(sorted(at_end[letters]))) for letters in at_once}


def _words(given: Iterable[Numbers]) -> Iterator[tuple[str, int]]:
    yield from ((word, NUMBER) for word in _NUMBER_WORDS)
    yield from ((word, QUANTITY) for word in _QUANTITIES)
    yield from ((word, CURRENCY) for word in _CURRENCIES)
    for number, numbers in enumerate(given):
        yield from ((word, _RULES + number) for word in numbers.near)
