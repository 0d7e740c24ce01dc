"""The Aho-Corasick automaton: finds every one of many patterns in one pass over a text.

A. Aho and M. Corasick, "Efficient string matching: an aid to bibliographic search", CACM 18(6), 1975. A state is the
longest beginning of any pattern that the text read so far ends with; it is one small number, so a call keeps it
between two pieces of text, and a vocabulary piece can be followed from any state without reading the past again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

ROOT = 0
"""The state in which nothing has been begun."""


class Automaton:
    """Built once from patterns, then read only. Patterns are non-empty strings, named by their place in the list."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Build the automaton; time and memory are linear in the length of all patterns together."""
        self._next: list[dict[str, int]] = [{}]
        self._pattern: list[int | None] = [None]
        for number, pattern in enumerate(patterns):
            self._add(number, pattern)
        self._fallback = [ROOT] * len(self._next)
        self._shorter = [ROOT] * len(self._next)
        self._link()

    def step(self, state: int, letter: str) -> int:
        """The state after one more letter. Constant time on average over a text."""
        while True:
            following = self._next[state].get(letter)
            if following is not None:
                return following
            if state == ROOT:
                return ROOT
            state = self._fallback[state]

    def completed(self, state: int) -> Iterator[int]:
        """Numbers of the patterns that end in this state, the longest first."""
        while state != ROOT:
            pattern = self._pattern[state]
            if pattern is not None:
                yield pattern
            state = self._shorter[state]

    def deeper(self, state: int, letter: str) -> int | None:
        """The state one letter further in the same beginning of a pattern; None if no pattern goes on like this."""
        return self._next[state].get(letter)

    def whole(self, state: int) -> int | None:
        """Number of the pattern that this state is all of, not only the end of."""
        return self._pattern[state]

    def _add(self, number: int, pattern: str) -> None:
        state = ROOT
        for letter in pattern:
            if letter not in self._next[state]:
                self._next[state][letter] = len(self._next)
                self._next.append({})
                self._pattern.append(None)
            state = self._next[state][letter]
        if state != ROOT and self._pattern[state] is None:
            self._pattern[state] = number

    def _link(self) -> None:
        """Breadth first: a state falls back to the longest shorter state that its text also ends with."""
        waiting = deque(self._next[ROOT].values())
        while waiting:
            state = waiting.popleft()
            fallback = self._fallback[state]
            self._shorter[state] = fallback if self._pattern[fallback] is not None else self._shorter[fallback]
            for letter, following in self._next[state].items():
                self._fallback[following] = self.step(fallback, letter)
                waiting.append(following)
