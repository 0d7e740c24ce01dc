"""The topic gate on text that comes in pieces of words, one per frame. No torch.

`bridge.gate` reads whole words: the edges of what it is given are edges of words. So the word that is being written is
read again with each of its pieces, from where the gate stood at the word's beginning.
"""

from __future__ import annotations

import copy
from typing import Final

from bridge.gate.topic import Review, TopicGate

_LONGEST_WORD: Final = 64
"""Characters after which a word without a space is taken for several."""


class WordGate:
    """One call's gate. A piece that would complete a blocked phrase is stopped before it is said.

    A piece that completes a blocked word is stopped although a further one might have made a longer, harmless word of
    it: once its sound is out, it cannot be taken back.
    """

    def __init__(self, gate: TopicGate) -> None:
        """`gate` is shared by nobody else."""
        self._before = gate  # as it stands before the word that is being written
        self._after = gate  # and after it, as far as it has been written
        self._word = ""

    def review(self, piece: str, at_ms: int) -> Review:
        """Decide on the next piece, "" where a frame has none. Without a verdict it counts as said."""
        if not piece:
            return Review("")
        begins = piece[0].isspace() or len(self._word) > _LONGEST_WORD
        before, word = (self._after, piece) if begins else (self._before, self._word + piece)
        after = copy.copy(before)
        review = after.review(word, at_ms)
        if review.verdict is None:
            self._before, self._after, self._word = before, after, word
        else:
            self._start_anew(after)
        return review

    def spoke(self, line: str) -> None:
        """Take note of a line of the owner's own, which is not reviewed."""
        after = copy.copy(self._after)
        after.spoke(line)
        self._start_anew(after)

    def _start_anew(self, gate: TopicGate) -> None:
        self._before = self._after = gate
        self._word = ""
