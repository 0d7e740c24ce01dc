from __future__ import annotations

import copy
from typing import Any

from bridge.gate.rules import compile_rules
from bridge.gate.topic import Review, TopicGate, topic_gate
from bridge.persona.schema import AfterRefusals, BlockedTopic, Persona

REFUSAL = "Sorry, no comment."


def gate(*phrases: str, after: AfterRefusals | None = None) -> TopicGate:
    blocked = (BlockedTopic(topic="a topic", phrases=phrases),)
    return TopicGate(compile_rules(blocked), REFUSAL, after or AfterRefusals())


def test_text_without_a_blocked_phrase_passes_unchanged() -> None:
    review = gate("blue cross").review("  We are open until five. ", 100)
    assert (review.text, review.verdict, review.wish) == ("  We are open until five. ", None, None)


def test_a_hit_replaces_the_whole_piece_by_the_refusal_line_and_is_written_down() -> None:
    review = gate("blue cross").review("Well, Blue-Cross is fine.", 2400)
    assert review.text == REFUSAL
    assert review.verdict is not None
    assert (review.verdict.phrase, review.verdict.topic, review.verdict.at_ms) == ("blue cross", "a topic", 2400)
    assert (review.verdict.speaker, review.verdict.action) == ("agent", "refuse")
    assert review.verdict.withheld == "Well, Blue-Cross is fine."


def test_a_phrase_is_stopped_in_the_piece_that_completes_it() -> None:
    one = gate("blue cross blue shield")
    assert one.review("It is Blue ", 0).verdict is None
    assert one.review("cross, ", 80).verdict is None
    assert one.review("blue ", 160).verdict is None
    assert one.review("shield", 240).text == REFUSAL


def test_a_refusal_interrupts_a_phrase_that_was_begun() -> None:
    one = gate("blue cross", "politics")
    one.review("Blue", 0)
    assert one.review("politics", 0).text == REFUSAL
    assert one.review("cross", 0).verdict is None


def test_the_refusal_line_itself_is_never_refused() -> None:
    one = TopicGate(compile_rules((BlockedTopic(topic="t", words=("comment",)),)), REFUSAL, AfterRefusals(count=1))
    assert one.review(REFUSAL, 0).verdict is None
    assert one.refusals == 0


def test_what_the_bridge_says_of_its_own_can_begin_a_phrase_but_is_not_refused() -> None:
    one = gate("blue cross")
    one.spoke("Blue cross and blue")
    assert one.refusals == 0
    assert one.review("cross", 0).text == REFUSAL


def test_the_last_refusal_says_the_owners_line_and_wishes_for_a_transfer() -> None:
    one = gate("politics", after=AfterRefusals(count=2, action="transfer", say="I'll get someone."))
    first, second = one.review("politics", 0), one.review("politics", 1)
    assert (first.text, first.wish) == (REFUSAL, None)
    assert (second.text, second.wish) == (f"{REFUSAL} I'll get someone.", "transfer")
    assert second.verdict is not None
    assert second.verdict.action == "transfer"


def test_refusals_of_the_callers_questions_count_like_the_agents_own() -> None:
    one = gate("politics", after=AfterRefusals(count=2, action="hangup"))
    asked = "What about politics?"
    hit = compile_rules((BlockedTopic(topic="a topic", phrases=("politics",)),)).find(asked)[0]
    first = one.refuse_caller(hit, 500)
    assert first.verdict is not None
    assert (first.text, first.verdict.speaker, first.verdict.withheld) == (REFUSAL, "caller", "")
    assert one.review("Politics?", 900).wish == "hangup"


def test_a_persona_that_continues_never_wishes_for_an_end() -> None:
    one = gate("politics", after=AfterRefusals(count=1, say="Shall we talk about bins?"))
    for _ in range(5):
        review = one.review("politics", 0)
        assert (review.text, review.wish) == (f"{REFUSAL} Shall we talk about bins?", None)


def shop(*topics: BlockedTopic, **more: Any) -> TopicGate:
    persona = Persona(
        name="shop",
        business="A Shop",
        description="a shop",
        agent_name="Ada",
        greeting="Hello.",
        refusal=REFUSAL,
        transfer="+12025550143",
        transfer_say="I'm putting you through.",
        blocked=topics,
        **more,
    )
    return topic_gate(persona, compile_rules(topics))


def done(review: Review) -> tuple[str, str | None, str | None]:
    return review.text, review.verdict and review.verdict.action, review.wish


def test_a_topic_has_a_refusal_of_its_own() -> None:
    one = shop(
        BlockedTopic(topic="law", words=("lawsuit",), refusal="I'm no lawyer."),
        BlockedTopic(topic="politics", words=("election",)),
    )
    assert done(one.review("A lawsuit!", 0)) == ("I'm no lawyer.", "refuse", None)
    assert done(one.review("An election!", 0)) == (REFUSAL, "refuse", None)
    assert one.review("I'm no lawyer.", 0).verdict is None


def test_a_redirect_asks_its_question_behind_the_refusal() -> None:
    asked = "Shall we talk about bins?"
    one = shop(BlockedTopic(topic="law", words=("lawsuit",), action="redirect", question=asked))
    for _ in range(2):
        assert done(one.review("A lawsuit!", 0)) == (f"{REFUSAL} {asked}", "redirect", None)


def test_a_topic_ends_the_call_from_its_own_refusal_on_whatever_others_there_were() -> None:
    one = shop(
        BlockedTopic(topic="harm", words=("weapon",), action="hangup", count=2),
        BlockedTopic(topic="law", words=("lawsuit",), action="transfer"),
        BlockedTopic(topic="politics", words=("election",)),
    )
    assert done(one.review("An election!", 0)) == (REFUSAL, "refuse", None)
    assert done(one.review("A weapon!", 0)) == (REFUSAL, "refuse", None)
    assert done(one.review("A lawsuit!", 0)) == (f"{REFUSAL} I'm putting you through.", "transfer", "transfer")
    assert done(one.review("A weapon!", 0)) == (f"{REFUSAL} Thank you for calling. Goodbye.", "hangup", "hangup")


def test_a_call_with_too_many_refusals_ends_instead_of_asking_and_a_topics_own_end_comes_first() -> None:
    one = shop(
        BlockedTopic(topic="law", words=("lawsuit",), action="redirect", question="Bins?"),
        BlockedTopic(topic="harm", words=("weapon",), action="hangup"),
        after_refusals=AfterRefusals(count=2, action="transfer", say="A colleague will talk to you."),
    )
    assert done(one.review("A lawsuit!", 0)) == (f"{REFUSAL} Bins?", "redirect", None)
    assert done(one.review("A lawsuit!", 0)) == (f"{REFUSAL} A colleague will talk to you.", "transfer", "transfer")
    assert done(one.review("A weapon!", 0))[1:] == ("hangup", "hangup")


def test_a_refusal_thought_in_vain_counts_for_no_topic() -> None:
    one = shop(BlockedTopic(topic="harm", words=("weapon",), action="hangup", count=2))
    for _ in range(3):
        assert done(copy.copy(one).review("A weapon!", 0)) == (REFUSAL, "refuse", None)
