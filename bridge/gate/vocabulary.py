"""What each piece of a model's vocabulary does to a text that is being written, under the rules of one persona.

A text is followed by an automaton whose states are made when they are first reached: what has been read of the text
(`stream.Reading`), the patterns begun in it, and the pattern that it completes if its last word ends here. Beside it
the words are counted since the latest numbers and what stood near them (`numbers.Context`). What a piece does in a
state is kept with the state, so that in a running call a candidate costs one look-up.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Final, NamedTuple

from bridge.gate.automaton import ROOT
from bridge.gate.letters import SIGNS, fold_character
from bridge.gate.numbers import Context, Events, Marked
from bridge.gate.rules import Pattern, Rules
from bridge.gate.stream import BEGINNING, Letter, Reading, advance, finish

Piece = str | bytes
"""The text of one token: a space before a new word, one byte of UTF-8, or "" for what is not text (padding)."""

_MOST_STATES: Final = 50_000
"""States kept at once, of about a kilobyte each; beyond them all are forgotten, and made again as they are reached."""


class _Key(NamedTuple):
    """All that is known of a text but its numbers. `due` is the pattern that an end of the word completes, or None."""

    bytes_: bytes
    reading: Reading
    begun: frozenset[int]
    due: int | None
    marked: Marked


class _Text:
    """A text as far as its letters go. `armed` is the pattern that it contains if it ends here, `pending` the marks.

    A character completes a pattern or makes another text of it; in a `_Marking` the marks stand with that.
    """

    __slots__ = ("armed", "characters", "key", "pending", "states")

    def __init__(self, key: _Key, armed: Pattern | None, pending: Events) -> None:
        self.key = key
        self.armed = armed
        self.pending = pending
        self.characters: dict[str, _Text | _Marking | Pattern] = {}
        self.states: dict[Context, State] = {}


class _Marking(NamedTuple):
    """What something does to a text whose numbers it concerns: the text that it makes, and the marks, at least one."""

    text: _Text
    events: Events


class State:
    """A state of the automaton. `armed` is the pattern that the text contains if it ends here, if any."""

    __slots__ = ("_context", "_pieces", "_text", "armed")

    def __init__(self, text: _Text, context: Context, armed: Pattern | None) -> None:
        """Use `Vocabulary`."""
        self._text = text
        self._context = context
        self._pieces: dict[int, State | Pattern] = {}
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
        self._texts: dict[_Key, _Text] = {}
        self._states = 0  # of all texts
        self._counts: dict[tuple[Context, Events], Context | Pattern] = {}
        beginning = self._text(_Key(b"", BEGINNING, frozenset(), None, Marked()))
        self.start = self._state(beginning, rules.numbers.start)
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
            move = self._step(state._text, character)
            following = move if isinstance(move, Pattern) else self._count(state, move)
            state = following if isinstance(following, State) else self.start
        # The line ends here: what it contains is past, and is not completed by what comes.
        numbers, key = self.rules.numbers, state._text.key
        context = numbers.count(state._context, state._text.pending)
        ended = self._text(key._replace(due=None, marked=Marked(key.marked.begun)))
        return self._state(ended, numbers.start if isinstance(context, Pattern) else context)

    def _after(self, state: State, token: int) -> State | Pattern:
        move = self._write(state._text, self._pieces[token], token)
        if isinstance(move, Pattern):
            return move
        after = self._count(state, move)
        if state.armed and isinstance(after, State) and after.armed:
            return after.armed
        return after

    def _count(self, state: State, move: _Text | _Marking) -> State | Pattern:
        if isinstance(move, _Text):
            return move.states.get(state._context) or self._state(move, state._context)
        text, events = move
        counted = self._counts.get((state._context, events))
        if counted is None:
            counted = self._counts[state._context, events] = self.rules.numbers.count(state._context, events)
        if isinstance(counted, Pattern):
            return counted
        return text.states.get(counted) or self._state(text, counted)

    def _write(self, text: _Text, piece: Piece, token: int) -> _Text | _Marking | Pattern:
        if not piece:
            return text
        if isinstance(piece, str) and not text.key.bytes_:
            return self._walk(text, self._folded[token])
        # Pieces of one byte make a character together; whatever cuts them short makes a sign of replacement.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        decoder.setstate((text.key.bytes_, 0))
        written = decoder.decode(piece) if isinstance(piece, bytes) else decoder.decode(b"", final=True) + piece
        rest = decoder.getstate()[0]
        move = self._walk(self._text(text.key._replace(bytes_=b"")), _fold(written))
        if isinstance(move, Pattern):
            return move
        after, events = move if isinstance(move, _Marking) else (move, ())
        return _marking(self._text(after.key._replace(bytes_=rest)), events)

    def _walk(self, text: _Text, folded: str) -> _Text | _Marking | Pattern:
        events: Events = ()
        for character in folded:
            move = self._step(text, character)
            if isinstance(move, _Text):
                text = move
            elif isinstance(move, Pattern):
                return move
            else:
                text = move.text
                events += move.events
        return _marking(text, events)

    def _step(self, text: _Text, character: str) -> _Text | _Marking | Pattern:
        move = text.characters.get(character)
        if move is None:
            reading, letters = advance(text.key.reading, character)
            move = text.characters[character] = self._follow(text.key, reading, letters, signed=character in SIGNS)
        return move

    def _follow(
        self, key: _Key, reading: Reading, letters: list[Letter], *, signed: bool
    ) -> _Text | _Marking | Pattern:
        begun, due = key.begun, key.due
        for letter in letters:
            found = self._feed(begun, due, letter)
            if isinstance(found, Pattern):
                return found
            begun, due = found
        marked, events = self._mark(key.marked, letters, signed=signed)
        return _marking(self._text(_Key(b"", reading, begun, due, marked)), events)

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

    def _mark(self, marked: Marked, letters: list[Letter], *, signed: bool) -> tuple[Marked, Events]:
        """The marks of settled letters, and of the currency sign that settled them."""
        numbers = self.rules.numbers
        events: Events = ()
        if not numbers:
            return marked, events
        for letter, starts in letters:
            marked, more = numbers.feed(marked, letter, starts=starts)
            events += more
        if signed:
            marked, more = numbers.sign(marked)
            events += more
        return marked, events

    def _text(self, key: _Key) -> _Text:
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= _MOST_STATES:
                self._forget()
            letters = finish(key.reading)
            marked, events = self._mark(key.marked, letters, signed=False)
            text = self._texts[key] = _Text(key, self._armed(key, letters), events + marked.due)
        return text

    def _armed(self, key: _Key, letters: list[Letter]) -> Pattern | None:
        """The pattern that is complete if the text ends here."""
        begun, due = key.begun, key.due
        for letter in letters:
            found = self._feed(begun, due, letter)
            if isinstance(found, Pattern):
                return found
            begun, due = found
        return None if due is None else self.rules.patterns[due]

    def _state(self, text: _Text, context: Context) -> State:
        state = text.states.get(context)
        if state is None:
            self._states += 1
            if self._states > _MOST_STATES:
                self._forget()
            ended = self.rules.numbers.count(context, text.pending)
            armed = text.armed or (ended if isinstance(ended, Pattern) else None)
            state = text.states[context] = State(text, context, armed)
        return state

    def _forget(self) -> None:
        """Forget all states but those that calls are in; what these lead to is made again."""
        self._texts.clear()
        self._counts.clear()
        self._states = 0


def _marking(text: _Text, events: Events) -> _Text | _Marking:
    return _Marking(text, events) if events else text


def _fold(text: str) -> str:
    return "".join(map(fold_character, text))
