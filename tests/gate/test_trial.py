from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.gate.rules import compile_rules
from bridge.gate.tokens import Choice, TokenGate
from bridge.gate.trial import Trial, joined, try_pieces, try_question, try_sentences
from bridge.persona.schema import BlockedTopic, Persona

PERSONA = Persona(
    name="shop",
    business="A Shop",
    description="a shop",
    agent_name="Ada",
    greeting="Hello.",
    blocked=(BlockedTopic(topic="medicine", words=("ibuprofen", "diagnos*", "ass")),),
    refusal="I can't talk about that.",
)


def tried(*pieces: str | bytes, hold: int = 0) -> Trial:
    return try_pieces(PERSONA, compile_rules(PERSONA.blocked), pieces, hold)


def actions(trial: Trial) -> list[str]:
    return [judged.action for judged in trial.pieces]


def test_text_that_passes_is_heard_whole() -> None:
    trial = tried(" an", " ass", "ist", "ant")
    assert (actions(trial), trial.heard, trial.phrase, trial.refusal) == (["pass"] * 4, 4, None, "")


def test_the_piece_that_completes_a_prefix_is_refused_and_what_was_not_heard_yet_is_dropped() -> None:
    trial = tried(" my", " di", "ag", "nos", "is", " is")
    assert actions(trial) == ["pass", "pass", "forbid", "refuse"]
    assert (trial.heard, trial.phrase, trial.refusal) == (2, "diagnos*", "I can't talk about that.")


@pytest.mark.parametrize(("pieces", "heard"), [((" take", " ibu", "profen"), 2), ((" take", " ibu", "profen", "."), 2)])
def test_a_word_is_dropped_once_it_is_known_to_end(pieces: tuple[str, ...], heard: int) -> None:
    trial = tried(*pieces)
    assert actions(trial)[:2] == ["pass", "pass"]
    assert actions(trial)[-1] == "refuse"
    assert (trial.heard, trial.phrase) == (heard, "ibuprofen")


def test_hold_keeps_the_first_pieces_of_a_phrase_from_being_heard() -> None:
    assert tried(" take", " ibu", "profen", ".", hold=1).heard == 1


def test_bytes_are_letters_once_they_are_complete() -> None:
    assert tried(" ib", b"\xc3", b"\xbc", "profen").phrase == "ibuprofen"
    assert joined([" ib", b"\xc3", b"\xbc"]) == " ibü"


def test_whole_sentences_are_heard_and_the_one_that_is_stopped_is_left_out() -> None:
    tried = try_sentences(PERSONA, compile_rules(PERSONA.blocked), "We are open. Take an ibuprofen now. Bye.")
    assert [judged.action for judged in tried.pieces] == [*["pass"] * 5, "forbid", "refuse"]
    assert (tried.count, tried.heard, tried.phrase) == (3, "We are open.", "ibuprofen")
    assert tried.spoken == "We are open. I can't talk about that."
    assert tried.verdict is not None
    assert (tried.verdict.topic, tried.verdict.action) == ("medicine", "refuse")


@pytest.mark.parametrize("text", ["", "   ", "Hello.", "Hello. How are you?"])
def test_sentences_that_pass_are_heard_whole(text: str) -> None:
    tried = try_sentences(PERSONA, compile_rules(PERSONA.blocked), text)
    assert (tried.count, tried.spoken, tried.verdict) == (len(text.split()), text.strip(), None)


def test_of_a_caller_s_question_the_words_that_meet_a_phrase_are_shown() -> None:
    rules = compile_rules(PERSONA.blocked)
    tried = try_question(PERSONA, rules, "May I take ibu profen, please?")
    assert [judged.piece for judged in tried.pieces if judged.action == "refuse"] == [" ibu", " profen,"]
    assert (tried.count, tried.heard, tried.refusal) == (6, "", "I can't talk about that.")
    assert try_question(PERSONA, rules, "What's the assistant's name?").verdict is None


def test_each_word_is_judged_once_however_many_sentences_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = 0

    class Counting(TokenGate):
        def choose(self, tokens: Sequence[int], weights: Sequence[float], *, caller_speaks: bool = False) -> Choice:
            nonlocal judged
            judged += 1
            return super().choose(tokens, weights, caller_speaks=caller_speaks)

    monkeypatch.setattr("bridge.gate.trial.TokenGate", Counting)
    assert try_sentences(PERSONA, compile_rules(PERSONA.blocked), "Yes. Fine. " * 500).verdict is None
    assert judged == 2 * 1000 + 1  # the words, the padding behind each sentence, and that behind the text
