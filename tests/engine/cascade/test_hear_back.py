"""With the real voice and the real recogniser: what is spelled otherwise and sounds alike."""

from __future__ import annotations

import pytest

from bridge.engine.cascade.hear_back import HearBack, understands
from bridge.engine.cascade.thought import Tools
from bridge.gate.rules import Rules, compile_rules
from bridge.persona.schema import BlockedTopic


@pytest.fixture
def rules() -> Rules:
    return compile_rules((BlockedTopic(topic="t", words=("lawsuit", "mercury"), phrases=("good morning",)),))


@pytest.mark.parametrize(
    ("sentence", "phrase"),
    [
        ("The word is law sute.", "lawsuit"),
        ("I would call that merkury, yes.", "mercury"),
        ("We are open until five o'clock on Saturday.", None),
        ("I can book you in for Tuesday at ten.", None),
    ],
)
def test_a_sentence_that_sounds_like_a_blocked_phrase_is_heard_to(
    tools: Tools, rules: Rules, sentence: str, phrase: str | None
) -> None:
    assert rules.find(sentence) == []
    hit = HearBack(tools.recogniser, rules).blocked(tools.voice.speak(sentence, "en"))
    assert (hit and hit.phrase) == phrase


def test_a_phrase_across_two_sentences_is_heard_with_the_second(tools: Tools, rules: Rules) -> None:
    ear = HearBack(tools.recogniser, rules)
    assert ear.blocked(tools.voice.speak("That is good.", "en")) is None
    hit = ear.blocked(tools.voice.speak("Morning is at eight.", "en"))
    assert hit is not None and hit.phrase == "good morning"
    assert ear.blocked(tools.voice.speak("See you then.", "en")) is None


def test_only_what_the_recogniser_understands_is_listened_to() -> None:
    assert understands("en") and understands("en-GB")
    assert not understands("de")
