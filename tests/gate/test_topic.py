from __future__ import annotations

from bridge.gate.rules import compile_rules
from bridge.gate.topic import TopicGate
from bridge.persona.schema import AfterRefusals, BlockedTopic

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
