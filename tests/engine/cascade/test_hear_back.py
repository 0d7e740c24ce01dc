"""With the real voice and the real recogniser: what is spelled otherwise and sounds alike."""

from __future__ import annotations

import pytest

from bridge.engine.cascade.hear_back import HearBack, understands
from bridge.engine.cascade.thought import Tools
from bridge.gate.rules import Rules, compile_rules
from bridge.persona.schema import BlockedTopic


@pytest.fixture
def rules() -> Rules:
    return compile_rules((BlockedTopic(topic="t", words=("lawsuit", "mercury", "election"), phrases=("blue cross",)),))


@pytest.mark.parametrize(
    ("sentence", "phrase"),
    [
        ("The word is law sute.", "lawsuit"),
        ("I would call that merkury, yes.", "mercury"),
        ("Our selection of second-hand freezers starts at $29.99.", None),  # sounds like "hours election"
        ("We are open until five o'clock on Saturday.", None),
        ("I can book you in for Tuesday at ten.", None),
    ],
)
def test_a_sentence_that_sounds_like_a_blocked_phrase_is_heard_to(
    tools: Tools, rules: Rules, sentence: str, phrase: str | None
) -> None:
    assert rules.find(sentence) == []
    heard = HearBack(tools.recogniser, rules, tools.embedder.is_word).blocked(tools.voice.speak(sentence, "en"))
    assert (heard and (heard[0].phrase, heard[1])) == (phrase and (phrase, ""))


def test_an_ordinary_word_that_contains_a_blocked_one_is_known(tools: Tools) -> None:
    words = ["selection", "aelection", "passage", "xpassage"]
    assert [tools.embedder.is_word(word) for word in words] == [True, False, True, False]


def test_a_phrase_across_two_sentences_is_heard_with_the_second(tools: Tools, rules: Rules) -> None:
    ear = HearBack(tools.recogniser, rules, tools.embedder.is_word)
    assert ear.blocked(tools.voice.speak("I like the color blue.", "en")) is None
    heard = ear.blocked(tools.voice.speak("Cross my heart.", "en"))
    assert heard is not None
    assert (heard[0].phrase, heard[1]) == ("blue cross", "I like the color blue.")
    assert ear.blocked(tools.voice.speak("See you then.", "en")) is None


def test_only_what_the_recogniser_understands_is_listened_to() -> None:
    assert understands("en") and understands("en-GB")
    assert not understands("de")
