"""The gate on tokens: no tokenisation and no probabilities bring a blocked phrase to a caller's ear."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.gate.rules import Pattern
from bridge.gate.tokens import LATCH_FRAMES
from bridge.gate.vocabulary import State

from .pieces import PAD, PIECES, TEXT, Line, cuts, gate, text_of, vocabulary
from .test_reference import meets

token = st.sampled_from([*TEXT, PAD, 0])
words = [
    "can",
    "the",
    "be",
    "mor",
    "more",
    "a",
    "day",
    "our",
    "ice",
    "t",
    "i",
    "he",
    "ll",
    "he'll",
    "on",
    "m.o.r",
    "can't",
]
word = st.sampled_from(words)
phrase = st.lists(word, min_size=1, max_size=3).map(" ".join)
pattern = st.builds(str.__add__, phrase, st.sampled_from(["", "", "", "*"]))
phrases = st.lists(pattern, min_size=1, max_size=5)


@st.composite
def written(draw: st.DrawFn, text: str) -> list[int]:
    """A text in pieces, cut anywhere, with padding between them and other cases, spaces and signs."""
    tokens: list[int] = []
    rest = " " + text.replace("*", "")
    while rest:
        fitting = [one for one in TEXT if rest.lower().startswith(str(PIECES[one]).lower())]
        if not fitting:
            rest = rest[1:]
            continue
        one = draw(st.sampled_from(fitting))
        rest = rest[len(str(PIECES[one])) :]
        tokens += [one, *draw(st.lists(st.sampled_from([PAD, 0]), max_size=1))]
        tokens += draw(st.sampled_from([[], [], [], [PIECES.index(".")], [PIECES.index(" ")], [PIECES.index("'")]]))
    return tokens


@st.composite
def speech(draw: st.DrawFn, blocked: list[str]) -> list[int]:
    """Tokens of a model that says blocked phrases, and other things."""
    parts = draw(st.lists(st.sampled_from(blocked).flatmap(written) | st.lists(token, max_size=4), max_size=5))
    return [one for part in parts for one in part]


@given(phrases, st.data())
def test_pieces_are_judged_like_the_text_they_make(blocked: list[str], data: st.DataObject) -> None:
    known = vocabulary(*blocked)
    tokens = data.draw(speech(blocked))
    state: State = known.start
    for place, one in enumerate(tokens):
        text = text_of(tokens[: place + 1])
        outcome = known.after(state, one)
        if isinstance(outcome, Pattern):
            assert known.rules.find(text)
            return
        state = outcome
        assert bool(known.rules.find(text)) == (state.armed is not None)


@given(phrases, st.integers(0, 4), st.floats(0.05, 1), st.data())
def test_whatever_is_offered_nobody_hears_a_blocked_phrase(
    blocked: list[str], hold: int, insistence: float, data: st.DataObject
) -> None:
    line = Line(gate(vocabulary(*blocked), hold=hold, insistence=insistence), hold)
    for wanted in data.draw(speech(blocked)):
        others = data.draw(st.lists(token, max_size=3))
        offered = list(dict.fromkeys([wanted, *others]))
        line.offer(offered, data.draw(st.lists(st.floats(0, 1), min_size=len(offered), max_size=len(offered))))
    line.end(line.gate.drop)
    heard = [text_of(tokens) for tokens in line.heard]
    assert not [(p, text) for p, text in product(blocked, heard) if meets(p, text)]


@given(phrases, st.data())
def test_a_model_that_insists_is_stopped_and_not_led_astray(blocked: list[str], data: st.DataObject) -> None:
    line = Line(gate(vocabulary(*blocked)))
    for wanted in data.draw(speech(blocked)):
        line.offer([wanted, PAD, *TEXT[:20]], [0.9, *[0.1 / 21] * 21])
        assert line.chosen[-1] in (wanted, None)


@pytest.mark.parametrize("phrase", ["more", "can be", "the day", "morning", "on the day"])
def test_no_way_to_cut_a_phrase_gets_through(phrase: str) -> None:
    known = vocabulary(phrase)
    end = PIECES.index(" ")
    found = list(cuts(f" {phrase}"))
    assert len(found) > 2
    for tokens in found:
        for padded in (tokens, [one for each in tokens for one in (each, PAD)]):
            line = Line(gate(known))
            for one in (*padded, end, end, end):
                line.offer([one])
            assert None in line.chosen
            assert not [tokens for tokens in line.heard if meets(phrase, text_of(tokens))]


@given(phrases, st.data())
def test_a_call_is_the_same_alone_and_among_others(blocked: list[str], data: st.DataObject) -> None:
    known = vocabulary(*blocked)
    said = [data.draw(speech(blocked)) for _ in range(3)]
    alone = [Line(gate(vocabulary(*blocked))) for _ in said]
    together = [Line(gate(known)) for _ in said]
    for line, tokens in zip(alone, said, strict=True):
        for one in tokens:
            line.offer([one, PAD])
    for place in range(max(map(len, said))):
        for line, tokens in zip(together, said, strict=True):
            if place < len(tokens):
                line.offer([tokens[place], PAD])
    assert [line.chosen for line in together] == [line.chosen for line in alone]


def tokens_for(*pieces: str) -> list[int]:
    return [PIECES.index(piece) for piece in pieces]


def test_a_longer_word_may_grow_out_of_a_blocked_one_if_its_next_piece_comes_at_once() -> None:
    mor, ning = tokens_for(" mor", "ning")
    line = Line(gate(vocabulary("mor")))
    line.offer([mor])
    assert line.heard == [[]]  # its sound waits for what follows
    line.offer([ning])
    line.offer([PAD])
    assert text_of(line.heard[0]) == " morning"


@pytest.mark.parametrize("follows", [" ", ".", ",", "'", "", " the"])
def test_a_blocked_word_is_stopped_by_whatever_ends_it_and_has_not_been_heard(follows: str) -> None:
    line = Line(gate(vocabulary("mor")))
    for one in tokens_for(" the", " mor", follows):
        line.offer([one])
    assert line.chosen[-1] is None
    assert line.heard == [tokens_for(" the"), []]


def test_hold_keeps_so_many_more_tokens_from_being_heard() -> None:
    for hold in range(5):
        line = Line(gate(vocabulary("our account"), hold=hold), hold)
        for one in tokens_for(" a", "nd", " the", "n", " o", "ur", " account", "."):
            line.offer([one])
        assert line.heard == [tokens_for(" a", "nd", " the", "n", " o", "ur")[: 6 - hold], []]


def test_an_unlikely_blocked_token_is_replaced_by_the_next_and_a_likely_one_takes_the_call_over() -> None:
    the, re, ed = tokens_for(" the", "re", "ed")
    patient, impatient = gate(vocabulary("there*")), gate(vocabulary("there*"))
    for one in (patient, impatient):
        one.choose([the], [1.0])
    choice = patient.choose([re, ed], [0.4, 0.6])
    assert (choice.token, [pair[0] for pair in choice.forbidden]) == (ed, [re])
    choice = impatient.choose([re, ed], [0.6, 0.4])
    assert (choice.token, choice.stopped and choice.stopped.phrase) == (None, "there*")


def test_after_a_refusal_the_model_listens_until_the_caller_speaks_or_for_a_time() -> None:
    the, day = tokens_for(" the", " day")
    one, other = gate(vocabulary("the day*")), gate(vocabulary("the day*"))
    for each in (one, other):
        each.choose([the], [1.0])
        stopped = each.choose([day], [1.0]).stopped
        assert stopped is not None
        assert each.take_over(stopped, 80, " the").text == "No, sorry."
        assert each.choose([the], [1.0]) == each.choose([the], [1.0])
        assert each.choose([the], [1.0]).token == PAD
    assert one.choose([the], [1.0], caller_speaks=True).token == the
    said = [other.choose([the], [1.0]).token for _ in range(LATCH_FRAMES)]
    assert said.count(PAD) == LATCH_FRAMES - 4
    assert said[-1] == the


def test_a_line_of_the_owner_is_not_judged_but_may_begin_a_phrase() -> None:
    one = gate(vocabulary("the day"))
    one.spoke("The day is the")
    assert one.choose(tokens_for(" day"), [1.0]).token is not None  # its sound waits
    assert one.choose(tokens_for("."), [1.0]).token is None


def test_a_letter_of_several_byte_pieces_is_read_with_its_last_one() -> None:
    pieces = ["", " caf", b"\xc3", b"\xa9", " x", "e"]
    known = vocabulary("café*")
    byte = type(known)(known.rules, pieces)
    state = byte.start
    for one in (1, 2):
        after = byte.after(state, one)
        assert isinstance(after, State)
        state = after
    assert isinstance(byte.after(state, 3), Pattern)
    assert isinstance(byte.after(state, 4), State)
