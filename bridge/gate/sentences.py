"""Text into sentences, whole or as it streams in: the unit that is judged by the gate and spoken by the voice."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 300
"""Characters after which a sentence without an end is cut at a space: about 20 s of speech."""

_END: Final = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|\n+")
_TITLE: Final = re.compile(r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|vs|e\.g|i\.e|approx|[A-Z])\.$", re.IGNORECASE)
"""What ends with a full stop and yet never ends a sentence."""
_CLOCK: Final = re.compile(r"\b(?:[ap]\.m|etc|Inc|Ltd|Co)\.$", re.IGNORECASE)
"""What ends a sentence only if the next word begins with a capital."""

_NEXT: Final = re.compile(r"\S")
_LONGEST_SHORT: Final = 16
"""Letters of the longest of these words, and some more."""


def split(text: str) -> list[str]:
    """Cut a whole text into sentences, each stripped, none empty."""
    splitter = Splitter()
    return splitter.feed(text) + splitter.rest()


class Splitter:
    """Cuts text that arrives in pieces. A sentence comes out once the word after it has begun."""

    def __init__(self) -> None:
        """Begin with no text."""
        self._text = ""

    def feed(self, piece: str) -> list[str]:
        """Add text; give the sentences that are complete now."""
        self._text += piece
        sentences: list[str] = []
        while (cut := self._cut()) is not None:
            sentence, self._text = self._text[:cut].strip(), self._text[cut:]
            if sentence:
                sentences.append(sentence)
        return sentences

    def rest(self) -> list[str]:
        """What remains when no more text comes: one sentence or none."""
        sentence, self._text = self._text.strip(), ""
        return [sentence] if sentence else []

    def _cut(self) -> int | None:
        for end in _END.finditer(self._text):
            if self._ends(end):
                return end.end()
        if len(self._text) <= LONGEST:
            return None
        space = self._text.rfind(" ", LONGEST // 2, LONGEST)
        return space if space > 0 else LONGEST

    def _ends(self, end: re.Match[str]) -> bool:
        if end.group().startswith("\n"):
            return True
        after = _NEXT.search(self._text, end.end())
        # Only the last letters can tell; a long text without an end must not be read again at each full stop.
        near = max(0, end.end() - _LONGEST_SHORT)
        if after is None or _TITLE.search(self._text, near, end.end()):
            return False
        return not _CLOCK.search(self._text, near, end.end()) or after.group().isupper()
