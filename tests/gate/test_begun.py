from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.gate.begun import TAIL, begun, tail
from bridge.gate.rules import compile_rules
from bridge.gate.topic import TopicGate
from bridge.persona.schema import AfterRefusals, BlockedTopic


def rules(*phrases: str):  # type: ignore[no-untyped-def]
    return compile_rules((BlockedTopic(topic="t", phrases=phrases),))


@pytest.mark.parametrize(
    ("told", "rest", "expected"),
    [
        (" Take two ibu", "profen", "ibu"),
        (" Take two", " ibuprofen", ""),
        ("", "ibuprofen", ""),
        (" I-B-", "U profen.", "I-B-"),
        (" Ibuprofen? No, ibu", "pro fen", "ibu"),
        (" nothing of", " the kind", ""),
    ],
)
def test_what_has_been_begun_is_the_end_of_the_text_that_belongs_to_the_phrase(
    told: str, rest: str, expected: str
) -> None:
    assert begun(rules("ibuprofen", "aspirin"), "ibuprofen", told, rest) == expected


@given(st.text("ab -", max_size=20), st.text("ab -", max_size=20), st.text("ab -", max_size=8))
def test_it_is_an_end_of_the_text_and_makes_the_phrase_with_what_follows(told: str, left: str, right: str) -> None:
    compiled = rules("aabb")
    found = begun(compiled, "aabb", told + left, right)
    assert (told + left).endswith(found)
    if found:
        assert compiled.find(found + right)


def test_only_the_end_of_a_long_text_is_remembered() -> None:
    assert tail("a" * TAIL, "bc") == "a" * (TAIL - 2) + "bc"


def test_a_sentence_that_completes_a_phrase_tells_what_of_it_was_said_before() -> None:
    gate = TopicGate(rules("blue cross"), "No comment.", AfterRefusals())
    gate.review("We take Blue", 0)
    verdict = gate.review("cross, of course.", 800).verdict
    assert verdict is not None
    assert (verdict.begun, verdict.withheld) == ("Blue", "cross, of course.")
    verdict = gate.review("The Blue Cross.", 1600).verdict
    assert verdict is not None and verdict.begun == ""
