"""Allowed topics: a judgement by meaning, with the real embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.embedding import load_embedder
from bridge.gate.calibrate import Calibration, calibrate
from bridge.gate.rules import compile_rules
from bridge.gate.scope import Scope, Vectors, Watch, asks, compile_scope, texts_allowed
from bridge.gate.topic import topic_gate
from bridge.gate.trial import try_pieces
from bridge.persona.load import parse
from bridge.persona.schema import Allowed, BlockedTopic, Persona

from .dental_talk import ASKED, ASKED_ELSEWHERE, TOLD, TOLD_ELSEWHERE

DENTAL = parse((Path(__file__).parents[2] / "personas" / "dental.yaml").read_text("utf-8"), "dental")
SHOP = Persona(
    name="shop",
    business="The Hat Shop",
    description="a shop for hats",
    agent_name="Ada",
    greeting="Hat shop, hello.",
    refusal="I can't talk about that.",
    blocked=(BlockedTopic(topic="law", words=("lawsuit",)),),
    allowed=Allowed(
        topics=("hats and caps", "the opening hours of the shop"),
        examples=("Do you have straw hats?", "A felt hat costs sixty dollars.", "We open at nine in the morning."),
        refusal="I only know about hats.",
    ),
)


class Remembering:
    """The embedder, each text embedded once in this file."""

    def __init__(self) -> None:
        self._embedder = load_embedder()
        self._known: dict[str, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


@pytest.fixture(scope="module")
def embedder() -> Remembering:
    return Remembering()


@pytest.fixture(scope="module")
def dental(embedder: Remembering) -> Scope:
    scope = compile_scope(DENTAL, embedder.embed)
    assert scope is not None
    return scope


@pytest.fixture(scope="module")
def shop(embedder: Remembering) -> Scope:
    scope = compile_scope(SHOP, embedder.embed)
    assert scope is not None
    return scope


def test_a_persona_that_says_nothing_of_topics_has_no_scope(embedder: Remembering) -> None:
    assert compile_scope(SHOP.model_copy(update={"allowed": None}), embedder.embed) is None


def test_sentences_that_stand_nowhere_in_the_persona_are_told_apart(dental: Scope) -> None:
    refused = [text for text in (*ASKED, *TOLD) if dental.stray(text)]
    passed = [text for text in (*ASKED_ELSEWHERE, *TOLD_ELSEWHERE) if not dental.stray(text)]
    assert len(refused) <= 2 and len(passed) <= 6, (refused, passed)


def test_nothing_that_the_persona_itself_says_strays(shop: Scope) -> None:
    assert [text for text in texts_allowed(SHOP) if shop.stray(text)] == []


def test_a_few_words_have_no_topic(shop: Scope) -> None:
    assert shop.stray("Paris is lovely.") is None
    stray = shop.stray("Paris is lovely in spring.")
    assert stray is not None
    assert stray.reason == f"nothing allowed is near ({stray.score:.2f} < 0.25)"


@pytest.mark.parametrize(
    ("text", "strays"),
    [
        ("What is the capital of France?", True),
        ("Hello there. What is the capital of France, please?", True),
        ("Do you have hats in my size? What is the capital of France?", False),
        ("My brother went to see the football match yesterday.", False),
        ("Tell me who won the football match yesterday.", True),
        ("And why?", False),
        ("", False),
    ],
)
def test_a_caller_strays_who_asks_for_nothing_that_is_allowed(shop: Scope, text: str, strays: bool) -> None:
    assert (shop.stray_question(text) is not None) is strays


@pytest.mark.parametrize("text", ["Can't you sing", "what's that", "Really?", "Write me a poem."])
def test_questions_and_requests_ask(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["I see.", "", "...", "No thanks"])
def test_statements_do_not(text: str) -> None:
    assert not asks(text)


def test_the_gate_refuses_a_sentence_that_strays_with_the_line_of_that_policy(shop: Scope) -> None:
    gate = topic_gate(SHOP, compile_rules(SHOP.blocked), shop)
    assert gate.review("A felt hat costs sixty dollars.", 0).verdict is None
    review = gate.review("The football team lost its match on Sunday.", 400)
    assert review.text == "I only know about hats."
    assert review.verdict is not None
    assert (review.verdict.topic, review.verdict.action, review.verdict.at_ms) == ("off topic", "refuse", 400)
    assert review.verdict.phrase.startswith("nothing allowed is near")
    assert review.verdict.withheld == "The football team lost its match on Sunday."


def test_what_is_blocked_is_refused_for_that_and_own_lines_are_not_asked_for_their_topic(shop: Scope) -> None:
    gate = topic_gate(SHOP, compile_rules(SHOP.blocked), shop)
    review = gate.review("The football team lost its lawsuit.", 0)
    assert review.verdict is not None and review.verdict.topic == "law"
    assert gate.review("The football team lost its match on Sunday.", 0, own=True).verdict is None
    assert gate.review("The lawsuit.", 0, own=True).verdict is not None


def test_pieces_that_stray_are_stopped_once_there_are_enough_of_them(shop: Scope) -> None:
    pieces = [" The", " foot", " ball", " team", " lost", " its", " match", " on", " Sunday", " by", " two", " goals"]
    rules = compile_rules(SHOP.blocked)
    trial = try_pieces(SHOP, rules, pieces, scope=shop)
    assert [judged.action for judged in trial.pieces] == ["pass"] * 6 + ["refuse"]
    assert (trial.heard, trial.refusal) == (6, "I only know about hats.")
    held = try_pieces(SHOP, rules, pieces, hold=2, scope=shop)
    assert [judged.action for judged in held.pieces] == ["pass"] * 4 + ["forbid"] * 2 + ["refuse"]
    assert try_pieces(SHOP, rules, [" A", " felt", " hat", " costs", " sixty", " dollars", "."], scope=shop).heard == 7


# -- when the agent's words are judged


def due(*pieces: str) -> list[str | None]:
    watch = Watch()
    return [watch.feed(piece) for piece in pieces]


def test_a_sentence_is_judged_at_its_end_and_a_long_one_on_its_way() -> None:
    assert due(" We", " are", " op", "en", " now", ".") == [None] * 5 + ["We are open now."]
    words = [f" w{number}" for number in range(14)]
    judged = due(*words, ".", " Next")
    assert [(at, text.count("w")) for at, text in enumerate(judged) if text] == [(6, 6), (10, 10), (14, 14)]


def test_short_sentences_and_padding_are_not_judged() -> None:
    assert due(" Yes", ".", "", " Of", " course", "!", "", "") == [None] * 8


@given(st.lists(st.sampled_from([" we", " are", " open", "ed", ".", "?", "", ",", " Dr", " a"]), max_size=40))
def test_what_is_judged_is_the_end_of_what_was_said(pieces: list[str]) -> None:
    watch, told = Watch(), ""
    for piece in pieces:
        told += piece
        judged = watch.feed(piece)
        if judged is not None:
            assert len(judged.split()) >= 4
            assert told.rstrip().endswith(judged) or told.rpartition(" ")[0].rstrip().endswith(judged)


# -- the threshold


def test_a_threshold_lies_between_what_is_allowed_and_what_is_not(embedder: Remembering) -> None:
    found = calibrate(SHOP, embedder.embed)
    assert found.at(found.threshold).passed_everyday <= 5
    assert found.at(-1).refused == 0 and found.at(1.1).refused == len(found.allowed)
    assert found.shortages == (
        "examples: 3, and 15 are needed",
        "off_topic_examples: 0, and 15 are needed",
    )


def test_an_example_is_not_near_itself(embedder: Remembering, shop: Scope) -> None:
    found = calibrate(SHOP, embedder.embed)
    for one in found.allowed:
        assert one.score < shop.score(one.text) - 0.05


def test_the_shipped_threshold_is_the_calibrated_one(embedder: Remembering) -> None:
    found: Calibration = calibrate(DENTAL, embedder.embed)
    assert DENTAL.allowed is not None
    assert found.threshold == pytest.approx(DENTAL.allowed.threshold, abs=0.03)
    assert found.shortages == ()
    confusion = found.at(DENTAL.allowed.threshold)
    assert confusion.refused <= 0.02 * len(found.allowed)
    assert confusion.passed + confusion.passed_everyday <= 10
