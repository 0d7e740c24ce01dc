"""Records become a conversation."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.transcript.records import AgentSaid, AgentUnheard, CallerSaid, Record, VerdictRecord
from bridge.transcript.turns import PAUSE_MS, GateEvent, Turn, gate, turns


def said(text: str, turn: int, start: int, length: int = 80) -> AgentSaid:
    return AgentSaid(text, turn, start, start + length)


def test_pieces_of_one_utterance_become_one_turn() -> None:
    assert turns([said(" Good", 1, 0), said(" morn", 1, 80), said("ing.", 1, 160)]) == [
        Turn("agent", "Good morning.", 0, 240)
    ]


def test_two_utterances_are_never_run_together() -> None:
    assert [turn.text for turn in turns([said(" Yes.", 1, 0), said(" Yes.", 2, 80)])] == ["Yes.", "Yes."]


def test_both_speakers_are_ordered_by_time_and_not_by_when_a_line_was_written() -> None:
    found = turns([said(" Hello.", 1, 0), said(" Nine to five.", 2, 3000), CallerSaid("Your hours?", 1000, 2500)])
    assert [turn.speaker for turn in found] == ["agent", "caller", "agent"]


def test_an_utterance_goes_on_while_the_caller_talks_over_it() -> None:
    found = turns([said(" We are", 1, 0), CallerSaid("uh huh", 100, 300), said(" open.", 1, 400)])
    assert [turn.text for turn in found] == ["We are open.", "uh huh"]


def test_uncounted_utterances_are_parted_by_a_pause() -> None:
    found = turns([said(" One", 0, 0), said(" two.", 0, 80 + PAUSE_MS), said(" Three.", 0, 161 + 2 * PAUSE_MS)])
    assert [turn.text for turn in found] == ["One two.", "Three."]


def test_uncounted_utterances_are_parted_by_what_the_caller_says_between_them() -> None:
    found = turns([said(" Hello.", 0, 0), CallerSaid("Hi", 200, 500), said(" How can I help?", 0, 700)])
    assert [turn.text for turn in found] == ["Hello.", "Hi", "How can I help?"]


def test_uncounted_utterances_survive_a_caller_who_talks_over_them() -> None:
    found = turns([said(" Hel", 0, 0, 200), CallerSaid("Hi", 100, 500), said("lo.", 0, 200, 400)])
    assert [turn.text for turn in found] == ["Hello.", "Hi"]


def test_what_was_not_heard_stands_apart_with_its_reason() -> None:
    found = turns(
        [
            said(" We open", 3, 0),
            AgentUnheard(" at", 3, 90, "caller_spoke"),
            AgentUnheard(" nine.", 3, 90, "caller_spoke"),
            AgentUnheard(" Bye.", 4, 500, "call_ended"),
        ]
    )
    assert [(turn.text, turn.heard, turn.reason) for turn in found] == [
        ("We open", True, ""),
        ("at nine.", False, "caller_spoke"),
        ("Bye.", False, "call_ended"),
    ]


def test_a_turn_is_proven_only_if_all_of_it_is() -> None:
    pieces = [said(" We", 1, 0), AgentSaid(" open", 1, 80, 160, proven=False)]
    assert [turn.proven for turn in turns(pieces)] == [False]


def test_pieces_without_words_make_no_turn() -> None:
    assert turns([said(" ", 1, 0), CallerSaid("", 5, 9)]) == []


def test_the_gate_list_names_phrase_action_and_time() -> None:
    verdict = VerdictRecord("free drone", "Prices", "agent", "refuse", 1200, "We give a free drone")
    assert gate([said("x", 1, 0), verdict]) == [GateEvent("free drone", "Prices", "refuse", 1200, "agent")]


letters = st.text("abc", min_size=1, max_size=3)
pieces = st.builds(
    lambda text, turn, start, length: AgentSaid(f" {text}", turn, start, start + length),
    letters,
    st.integers(0, 3),
    st.integers(0, 9000),
    st.integers(1, 400),
)
utterances = st.builds(
    lambda text, start, length: CallerSaid(text, start, start + length),
    letters,
    st.integers(0, 9000),
    st.integers(1, 900),
)


@settings(deadline=None)
@given(st.lists(pieces | utterances, max_size=20))
def test_no_word_is_lost_or_doubled_and_turns_are_in_order(records: list[Record]) -> None:
    found = turns(records)
    words = sorted(word for turn in found for word in turn.text.split())
    assert words == sorted(record.text.strip() for record in records)  # type: ignore[union-attr]
    assert [turn.start_ms for turn in found] == sorted(turn.start_ms for turn in found)
    assert all(turn.start_ms <= turn.end_ms for turn in found)
