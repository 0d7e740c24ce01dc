"""A line that the model is made to say: the greeting, a refusal, a goodbye. No torch.

Its text is forced, token by token; the sound of it, the voice and the rhythm stay the model's own. The model also
decides when it is ready for the next word, as it does when it speaks freely: it writes PAD for as long as a word
sounds, and EPAD where the next one is about to begin. Only bounds are set to that, so that a line is neither
rushed nor left hanging.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.engine.personaplex.config import EPAD, PAD
from bridge.engine.personaplex.tokeniser import CONTROL, Tokeniser
from bridge.facts.speech import Wish

_FASTEST: Final = 0.5
"""Frames per letter below which no word is said: 25 letters a second; people speak about 15."""

_SLOWEST: Final = 1.2
"""Frames per letter that any word is said in: 10 letters a second."""

_PAUSE: Final = 5
"""Frames of silence after a word, 0.4 s, after which the next one begins without the model's consent."""

_LETTERS_OF_A_DIGIT: Final = 4
"""A digit is said as a word of about so many letters."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, with its leading space, and its ids."""

    text: str
    ids: tuple[int, ...]

    @property
    def letters(self) -> int:
        """The length of its sound, in letters."""
        return sum(_LETTERS_OF_A_DIGIT if sign.isdigit() else sign.isalpha() for sign in self.text)


def words_of(tokeniser: Tokeniser, line: str) -> tuple[Word, ...]:
    """A line as words. What the tokeniser has no piece for is left out; PAD stands for a word of nothing else."""
    return tuple(
        Word(f" {word}", tuple(token for token in tokeniser.encode(word) if token not in CONTROL) or (PAD,))
        for word in line.split()
    )


class Script:
    """One line on its way, one token per frame. `wish` belongs to its last frame."""

    def __init__(self, words: Sequence[Word], wish: Wish | None = None) -> None:
        """Begin with the next token."""
        self.wish = wish
        self._words = deque(words)
        self._ids: deque[int] = deque()
        self._announced = False
        self._since = 0  # frames since the latest word began
        self._word: Word | None = None

    @property
    def done(self) -> bool:
        """The line has been said, its sound included."""
        return not self._words and not self._ids and self._since >= self._longest

    def next(self, offered: int) -> tuple[int, str]:
        """The token to say, and the word that begins with it. `offered` is the one the model would choose."""
        self._since += 1
        if self._ids:
            return self._ids.popleft(), ""
        if not self._words or not self._may_begin(offered):
            return PAD, ""
        if not self._announced:
            self._announced = True
            return EPAD, ""
        return self._begin(self._words.popleft())

    def _begin(self, word: Word) -> tuple[int, str]:
        self._word, self._since, self._announced = word, 0, False
        self._ids.extend(word.ids[1:])
        return word.ids[0], word.text

    def _may_begin(self, offered: int) -> bool:
        """Whether the next word may begin: its sound is over for certain, or may be over and the model is ready."""
        if self._word is None or self._announced or self._since >= self._longest:
            return True
        return self._since >= math.ceil(_FASTEST * self._word.letters) and offered != PAD

    @property
    def _longest(self) -> int:
        """Frames after which the sound of the latest word is over for certain."""
        return math.ceil(_SLOWEST * self._word.letters) + _PAUSE if self._word else 0
