from __future__ import annotations

from bridge.engine.personaplex.words import WordGate
from bridge.gate.rules import compile_rules
from bridge.gate.topic import TopicGate
from bridge.persona.schema import AfterRefusals, BlockedTopic

BLOCKED = (BlockedTopic(topic="medicine", words=("ibuprofen", "ill"), phrases=("class action",)),)
REFUSAL = "I can't talk about that."


def gate(after: AfterRefusals | None = None) -> WordGate:
    return WordGate(TopicGate(compile_rules(BLOCKED), REFUSAL, after or AfterRefusals()))


def stopped(one: WordGate, *pieces: str) -> list[str]:
    return [piece for piece in pieces if one.review(piece, 0).verdict is not None]


def test_word_in_pieces_is_stopped_at_its_last_piece() -> None:
    assert stopped(gate(), " take", " i", "b", "up", "ro", "", "", "f", "en") == ["en"]


def test_phrase_is_stopped_at_the_piece_that_completes_it() -> None:
    assert stopped(gate(), " a", " cl", "ass", "", "", " ac", "tion") == ["tion"]


def test_piece_inside_a_longer_word_is_no_word() -> None:
    assert stopped(gate(), " hosp", "it", "al", " w", "ill", " f", "ulf", "ill") == []


def test_word_that_is_blocked_is_stopped_although_more_might_follow() -> None:
    assert stopped(gate(), " ill") == [" ill"]


def test_space_of_its_own_begins_a_word() -> None:
    assert stopped(gate(), "w", " ", "i", "l", "l") == ["l"]


def test_what_was_stopped_counts_as_not_said() -> None:
    one = gate()
    assert stopped(one, " class", " action") == [" action"]
    assert stopped(one, " action", " class") == []


def test_line_of_the_owners_own_is_not_reviewed_but_remembered() -> None:
    one = gate()
    one.spoke("We once had a class")
    assert stopped(one, " action") == [" action"]


def test_refusals_are_counted() -> None:
    one = gate(AfterRefusals(count=2, action="hangup", say="Goodbye."))
    first, second = one.review(" ill", 80), one.review(" ill", 160)
    assert (first.text, first.wish) == (REFUSAL, None)
    assert (second.text, second.wish) == (f"{REFUSAL} Goodbye.", "hangup")
    assert second.verdict is not None
    assert (second.verdict.phrase, second.verdict.topic, second.verdict.at_ms) == ("ill", "medicine", 160)


def test_endless_word_is_read_in_linear_time_and_still_gated() -> None:
    one = gate()
    assert stopped(one, *["xyz"] * 1000, " ill") == [" ill"]
    assert len(one._word) < 100
