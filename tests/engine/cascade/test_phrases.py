import pytest

from bridge.engine.cascade.phrases import INTENTS, is_backchannel, match_words


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Yes, please.", "yes"),
        ("Yeah.", "yes"),
        ("No, thanks.", "no"),
        ("Know.", "no"),
        ("Operator!", "person"),
        ("I would like to speak with a human being, please.", "person"),
        ("Could you put me through to someone?", "person"),
        ("Good-bye.", "goodbye"),
        ("OK, that's everything, thank you.", "goodbye"),
        ("Great, thanks a lot.", "thanks"),
        ("Sorry, could you say that again please?", "repeat"),
        ("Just a moment.", "wait"),
        ("Hello there!", "hello"),
        ("Are you a robot?", "machine"),
    ],
)
def test_short_answers_are_known_by_their_words(text, intent):
    assert match_words(text) == intent


@pytest.mark.parametrize(
    "text",
    [
        "What time does the staff meeting begin?",
        "Are you open on Saturday?",
        "Do you have someone who repairs dishwashers?",
        "No one told me when you close.",
        "",
    ],
)
def test_a_question_is_not_taken_for_small_talk(text):
    assert match_words(text) is None


def test_every_intent_has_examples():
    assert all(intent.examples for intent in INTENTS.values())


@pytest.mark.parametrize(("text", "is_one"), [("Mm-hmm.", True), ("Uh-huh. Okay.", True), ("Okay, but when?", False)])
def test_a_backchannel_is_told_from_a_turn(text, is_one):
    assert is_backchannel(text) is is_one
