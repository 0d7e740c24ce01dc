from __future__ import annotations

import pytest

from bridge.gate.rules import compile_rules
from bridge.gate.trial import Trial, joined, try_pieces
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
