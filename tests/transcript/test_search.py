"""Words that were said, whatever their case and accents."""

import pytest

from bridge.transcript.records import AgentSaid, AgentUnheard, CallerSaid
from bridge.transcript.search import fold, holds, said, words_of

CALL = [
    AgentSaid(" Tooth", 1, 0, 400),
    AgentSaid("brush, anyone?", 1, 400, 900),
    CallerSaid("¿Abren el SÁBADO?", 1000, 1900),
    AgentSaid(" A", 2, 2000, 2100),
    AgentUnheard(" secret", 2, 2200, "gate"),
]


@pytest.mark.parametrize("query", ["toothbrush", "sabado abren", "SÁBADO", "¿abren", "anyone sábado", "brush", ""])
def test_each_word_is_found_on_either_side(query: str) -> None:
    assert holds(said(CALL), words_of(query))


@pytest.mark.parametrize("query", ["secret", "anyoneabren", "brush nobody", "sábados"])
def test_what_was_not_heard_is_not_found(query: str) -> None:
    assert not holds(said(CALL), words_of(query))


def test_folded_text_is_folded_for_good() -> None:
    for text in ("Straße", "ÀÉ", "ﬁn", "İ", "plain TEXT"):
        assert fold(fold(text)) == fold(text)
    assert fold("STRASSE") == fold("Straße")
