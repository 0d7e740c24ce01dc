from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.personaplex.config import EPAD, PAD
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.script import Script, Word, words_of

LINE = (Word(" Hello,", (10, 11)), Word(" this", (12,)), Word(" is", (13,)), Word(" Ada.", (14, 15, 16)))


def recite(script: Script, offers: list[int]) -> list[tuple[int, str]]:
    said = []
    for offer in offers:
        said.append(script.next(offer))
        if script.done:
            return said
    raise AssertionError("the line did not end")


def test_every_token_of_a_line_is_said_once_and_in_order() -> None:
    said = recite(Script(LINE), [99] * 200)
    assert [token for token, _ in said if token not in (PAD, EPAD)] == [10, 11, 12, 13, 14, 15, 16]
    assert "".join(text for _, text in said) == " Hello, this is Ada."


def test_tokens_of_one_word_follow_each_other_and_epad_announces_it() -> None:
    said = [token for token, _ in recite(Script(LINE), [PAD] * 200)]
    for first, *rest in (word.ids for word in LINE):
        at = said.index(first)
        assert said[at - 1] == EPAD
        assert said[at : at + 1 + len(rest)] == [first, *rest]


def test_a_word_is_reported_with_the_token_that_begins_it() -> None:
    assert {token: text for token, text in recite(Script(LINE), [99] * 200) if text} == {
        10: " Hello,", 12: " this", 13: " is", 14: " Ada.",
    }  # fmt: skip


def test_the_next_word_begins_when_the_model_is_ready_for_it() -> None:
    eager, reluctant = recite(Script(LINE), [EPAD] * 200), recite(Script(LINE), [PAD] * 200)
    assert len(eager) < len(reluctant)
    patient = Script(LINE)
    said = [patient.next(PAD)[0] for _ in range(6)]
    assert 12 not in said
    assert [patient.next(offer)[0] for offer in (EPAD, 99)] == [EPAD, 12]


def test_the_model_can_neither_rush_a_line_nor_let_it_hang() -> None:
    letters = sum(word.letters for word in LINE)
    fastest, slowest = len(recite(Script(LINE), [99] * 200)), len(recite(Script(LINE), [PAD] * 200))
    assert fastest >= 0.5 * letters
    assert slowest <= 1.2 * letters + 8 * len(LINE)


def test_a_line_is_done_only_when_its_last_word_has_had_time_to_sound() -> None:
    said = recite(Script(LINE), [99] * 200)
    last = [token for token, _ in said].index(14)
    assert len(said) - last > 1.2 * LINE[-1].letters


def test_digits_take_the_time_of_the_words_they_are_said_as() -> None:
    assert Word(" 42", (1,)).letters > Word(" ab", (1,)).letters


def test_a_line_without_words_is_over_at_once() -> None:
    assert recite(Script(()), [99]) == [(PAD, "")]


def test_words_keep_their_text_where_the_tokeniser_lacks_a_piece(model: Model) -> None:
    assert model.tokeniser is not None
    words = words_of(model.tokeniser, "  it's ☃ Hello.\n")
    assert [word.text for word in words] == [" it's", " ☃", " Hello."]
    assert all(word.ids for word in words)
    assert not any(token in (EPAD, 1, 2) for word in words for token in word.ids)


@given(st.integers(0, 2**32))
def test_a_line_is_said_whole_whatever_the_model_wants(seed: int) -> None:
    said = recite(Script(LINE), random.Random(seed).choices((PAD, EPAD, 99), k=200))
    assert [token for token, _ in said if token not in (PAD, EPAD)] == [10, 11, 12, 13, 14, 15, 16]
