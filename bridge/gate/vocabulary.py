"""What each piece of a model's vocabulary does to a text that is being written, under the rules of one persona.

A text is followed by an automaton whose states are made when they are first reached: what has been read of the text
(`stream.Reading`), the patterns begun in it, and the pattern that it completes if its last word ends here. What a
piece does in a state is kept with the state, so that in a running call a candidate costs one look-up.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Final, NamedTuple

from bridge.gate.automaton import ROOT
from bridge.gate.letters import fold_character
from bridge.gate.rules import Pattern, Rules
from bridge.gate.stream import BEGINNING, Letter, Reading, advance, finish

Piece = str | bytes
"""The text of one token: a space before a new word, one byte of UTF-8, or "" for what is not text (padding)."""

_MOST_STATES: Final = 50_000
"""States kept at once, of about a kilobyte each; beyond them all are forgotten, and made again as they are reached."""


class _Key(NamedTuple):
    """All that a state is. `due` is the number of the pattern that an end of the word completes, or None."""

    bytes_: bytes
    reading: Reading
    begun: frozenset[int]
    due: int | None


class State:
    """A state of the automaton. `armed` is the pattern that the text contains if it ends here, if any."""

    __slots__ = ("_characters", "_key", "_pieces", "armed")

    def __init__(self, key: _Key, armed: Pattern | None) -> None:
        """Use `Vocabulary`."""
        self._key = key
        self._pieces: dict[int, State | Pattern] = {}
        self._characters: dict[str, State | Pattern] = {}
        self.armed = armed


class Vocabulary:
    """The pieces of one tokeniser under the rules of one persona. All calls of that persona share it.

    Calls may use it from one thread at a time.
    """

    def __init__(self, rules: Rules, pieces: Sequence[Piece]) -> None:
        """`pieces[token]` is the text of each token. Reads every piece once from the beginning of a text: 1 µs each."""
        self.rules = rules
        self._pieces = pieces
        self._folded = [_fold(piece) if isinstance(piece, str) else "" for piece in pieces]
        self._states: dict[_Key, State] = {}
        self.start = self._state(_Key(b"", BEGINNING, frozenset(), None))
        """Nothing has been written."""
        for token in range(len(pieces)):
            self.after(self.start, token)

    def is_text(self, token: int) -> bool:
        """Whether a token adds anything to the text."""
        return bool(self._pieces[token])

    def after(self, state: State, token: int) -> State | Pattern:
        """What one more token does to the text.

        A token behind which a phrase stands that an end of the text would complete may be followed only by one that
        undoes it ("ass", "istant"). Any other, padding included, completes the phrase.
        """
        outcome = state._pieces.get(token)
        if outcome is None:
            outcome = state._pieces[token] = self._after(state, token)
        return outcome

    def read(self, state: State, text: str) -> State:
        """The state after a text that stands by itself and is not judged: a line of the owner's own."""
        for character in _fold(f" {text} "):
            following = self._step(state, character)
            state = following if isinstance(following, State) else self.start
        return self._state(state._key._replace(due=None))

    def _after(self, state: State, token: int) -> State | Pattern:
        after = self._write(state, self._pieces[token], token)
        if isinstance(after, State) and state.armed and after.armed:
            return after.armed
        return after

    def _write(self, state: State, piece: Piece, token: int) -> State | Pattern:
        if not piece:
            return state
        if isinstance(piece, str) and not state._key.bytes_:
            return self._walk(state, self._folded[token])
        # Pieces of one byte make a character together; whatever cuts them short makes a sign of replacement.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        decoder.setstate((state._key.bytes_, 0))
        text = decoder.decode(piece) if isinstance(piece, bytes) else decoder.decode(b"", final=True) + piece
        rest = decoder.getstate()[0]
        after = self._walk(self._state(state._key._replace(bytes_=b"")), _fold(text))
        return self._state(after._key._replace(bytes_=rest)) if isinstance(after, State) else after

    def _walk(self, state: State, folded: str) -> State | Pattern:
        for character in folded:
            following = self._step(state, character)
            if not isinstance(following, State):
                return following
            state = following
        return state

    def _step(self, state: State, character: str) -> State | Pattern:
        after = state._characters.get(character)
        if after is None:
            reading, letters = advance(state._key.reading, character)
            after = state._characters[character] = self._follow(state._key, reading, letters)
        return after

    def _follow(self, key: _Key, reading: Reading, letters: list[Letter]) -> State | Pattern:
        begun, due = key.begun, key.due
        for letter in letters:
            found = self._feed(begun, due, letter)
            if isinstance(found, Pattern):
                return found
            begun, due = found
        return self._state(_Key(b"", reading, begun, due))

    def _feed(
        self, begun: frozenset[int], due: int | None, letter: Letter
    ) -> Pattern | tuple[frozenset[int], int | None]:
        """One settled letter: the pattern that is complete with it, or what is begun and due afterwards."""
        character, starts = letter
        patterns, automaton = self.rules.patterns, self.rules.automaton
        if starts and due is not None:
            return patterns[due]
        nodes = [automaton.deeper(node, character) for node in ((*begun, ROOT) if starts else begun)]
        further = [node for node in nodes if node is not None]
        ended = [number for node in further if (number := automaton.whole(node)) is not None]
        for number in ended:
            if patterns[number].open_ended:
                return patterns[number]
        longest = max(ended, key=lambda number: len(patterns[number].letters), default=None)
        return frozenset(further), longest

    def _state(self, key: _Key) -> State:
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= _MOST_STATES:
                self._states.clear()
            state = self._states[key] = State(key, self._armed(key))
        return state

    def _armed(self, key: _Key) -> Pattern | None:
        """The pattern that is complete if the text ends here."""
        begun, due = key.begun, key.due
        for letter in finish(key.reading):
            found = self._feed(begun, due, letter)
            if isinstance(found, Pattern):
                return found
            begun, due = found
        return None if due is None else self.rules.patterns[due]


def _fold(text: str) -> str:
    return "".join(map(fold_character, text))
