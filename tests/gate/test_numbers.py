"""Numbers in context: a price is not told, however it is written and wherever its pieces are cut."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.gate.numbers import CURRENCY, NUMBER, WORD
from bridge.gate.patterns import Pattern
from bridge.gate.rules import Rules, Trail, compile_rules
from bridge.gate.tokens import TokenGate
from bridge.gate.topic import TopicGate
from bridge.gate.trial import joined
from bridge.gate.vocabulary import Piece, Vocabulary
from bridge.persona.schema import AfterRefusals, BlockedTopic, Numbers

from .pieces import PAD, PIECES, REFUSAL, Line
from .test_reference import prepare

PRICE = Numbers(near=("implant*", "price", "root canal"))
ANY = Numbers(near=("price",), kind="any", within=3)


def rules(*numbers: Numbers) -> Rules:
    return compile_rules(tuple(BlockedTopic(topic=f"t{at}", numbers=each) for at, each in enumerate(numbers)))


def found(text: str, numbers: Numbers) -> list[str]:
    return [text[hit.start : hit.end] for hit in rules(numbers).find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An implant is $49.99.", "implant is $49.99"),
        ("Implants cost about forty-nine dollars each", "Implants cost about forty-nine dollars"),
        ("It is 2,000 US dollars for an implant", "2,000 US dollars for an implant"),
        ("the price: € 300", "price: € 300"),
        ("the price is three hundred and twenty euros", "price is three hundred and twenty euros"),
        ("one dollar is the price", "one dollar is the price"),
        ("PRICE? Fourty bucks!", "PRICE? Fourty bucks"),
        ("the p-r-i-c-e is 5 d.o.l.l.a.r.s", "p-r-i-c-e is 5 d.o.l.l.a.r.s"),
        ("fortynine dollars for a root-canal", "fortynine dollars for a root-canal"),
        ("prices from onehundred pounds", "prices from onehundred pounds"),
        ("prices from １２ dollars", "prices from １２ dollars"),
        ("20 or so dollars, the price", "20 or so dollars, the price"),
        ("Ask for the price. It is half a dollar.", "price. It is half a dollar"),
    ],
)
def test_a_price_near_a_word_is_found_however_it_is_written(text: str, expected: str) -> None:
    assert found(text, PRICE) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "An implant takes 3 hours.",
        "The price depends on the tooth.",
        "We have one price for all dollars of the realm",
        "A cleaning is 120 dollars.",
        "We do implants. By the way, as you asked for it before, a cleaning is 120 dollars.",
        "The implant screw stays in place for twenty years or more, and dollars do not matter",
        "Priceless, and 40 dollars for it",
        "the price of sixth sense, dollars apart",
    ],
)
def test_other_numbers_and_other_prices_pass(text: str) -> None:
    assert found(text, PRICE) == []


@pytest.mark.parametrize(
    ("text", "stopped"),
    [
        ("the price is 49", True),
        ("the price is just now forty", False),
        ("price one", False),
        ("price one ninety", True),
        ("nine is the price", True),
        ("on the 4th the price", True),
        ("price on request, call us at nine", False),
        ("two prices", True),
    ],
)
def test_any_number_counts_within_so_many_words(text: str, stopped: bool) -> None:
    assert bool(found(text, ANY)) is stopped


def test_without_a_word_all_money_is_meant() -> None:
    assert found("It takes 3 days and costs 5 cents, or £2", Numbers()) == ["5 cents", "2"]


def test_a_caller_may_name_a_price() -> None:
    compiled = rules(PRICE)
    assert compiled.find("I was told an implant is 2000 dollars")
    assert compiled.asked("I was told an implant is 2000 dollars") == []


def test_a_number_in_a_later_sentence_is_stopped_there() -> None:
    gate = TopicGate(rules(PRICE), REFUSAL, AfterRefusals())
    assert gate.review("You asked for the price.", 0).verdict is None
    review = gate.review("It is 900 dollars.", 0)
    assert review.verdict is not None
    assert (review.text, review.verdict.phrase) == (REFUSAL, "an amount of money near implant*, price, root canal")
    assert gate.review("Dollars", 0).verdict is None


def test_what_must_be_remembered_of_a_text_has_an_end() -> None:
    numbers = rules(PRICE, ANY).numbers
    assert numbers.count(numbers.start, (WORD,) * 1000) == numbers.start
    context = numbers.count(numbers.start, (WORD, NUMBER, CURRENCY))
    assert isinstance(context, tuple) and context != numbers.start
    assert numbers.count(context, (WORD,) * 1000) == numbers.start


# -- a second, slow account of the same

NUMBERS = {
    *("two", "three", "six", "seven", "nine", "ten", "twelve", "fourteen", "sixty", "forty"),
    *("hundred", "thousand", "million"),
}
CURRENCIES = {"dollar", "dollars", "cents", "euro", "$", "€"}
NEAR = {"implant", "implants", "price", "prices"}
OTHERS = ["a", "is", "one", "half", "of", "the", "sixth", "tension", "priceless", "forti", "pric", "euros"]
WORDS = [*sorted(NUMBERS | CURRENCIES | NEAR), "4", "49", "4.50", "1,000", *OTHERS]
WITHIN = 4


def tells(text: str, kind: str) -> bool:
    """Whether a number of a kind stands near one of the words, as text without spelled or torn words has it."""
    place, numbers, quantities, currencies, near = 0, [], [], [], []
    for word in re.findall(r"[0-9]+|[a-z]+|[$€]", prepare(text)):
        place += word not in "$€"
        if word.isdigit() or word in NUMBERS:
            numbers.append(place)
        if word.isdigit() or word in NUMBERS or word in ("one", "half"):
            quantities.append(place)
        if word in CURRENCIES or word == "euros":
            currencies.append(place)
        if word in NEAR:
            near.append(place)
    amounts = [max(one, other) for one in quantities for other in currencies if abs(one - other) <= 3]
    return any(abs(one - other) <= WITHIN for one in (amounts if kind == "money" else numbers) for other in near)


kinds = st.sampled_from(["money", "any"])
texts = st.lists(st.sampled_from(WORDS), max_size=14)


def compiled(kind: str) -> Rules:
    return rules(Numbers(near=("implant*", "price"), within=WITHIN, kind="any" if kind == "any" else "money"))


COMPILED = {kind: compiled(kind) for kind in ("money", "any")}


@given(kinds, texts, st.lists(st.sampled_from([" ", " ", ", ", ". ", "\n", " - "]), min_size=14, max_size=14))
def test_numbers_are_found_exactly_where_a_slow_reference_does(kind: str, words: list[str], gaps: list[str]) -> None:
    text = "".join(part for pair in zip(words, gaps, strict=False) for part in pair)
    assert bool(COMPILED[kind].find(text)) == tells(text, kind), text


@given(kinds, texts)
def test_numbers_are_found_however_a_text_is_cut_at_its_words(kind: str, words: list[str]) -> None:
    trail, hits = Trail(), 0
    for word in words:
        more, trail = COMPILED[kind].follow(trail, word)
        hits += len(more)
    assert bool(hits) == bool(COMPILED[kind].find(" ".join(words)))


@given(kinds, st.text("$€4 .,-odlarspice9ntyf", max_size=40))
def test_any_text_can_be_read_and_a_number_lies_within_it(kind: str, text: str) -> None:
    for hit in COMPILED[kind].find(text):
        assert 0 <= hit.start < hit.end <= len(text)


# -- on tokens

NUMERIC: list[Piece] = [
    *PIECES,
    *("0", "4", "9", " 4", "1", "5", "$", " $", "€", "-", " forty", " doll", "ars"),
    *(" six", "ty", "th", " im", "plant", " price"),
    *(letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"),
    *(letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in PIECES),
    *(bytes([value]) for value in "€é".encode()),
]  # fmt: skip
VOCABULARIES = {kind: Vocabulary(COMPILED[kind], NUMERIC) for kind in COMPILED}
TEXT = [token for token, piece in enumerate(NUMERIC) if isinstance(piece, str) and piece]


def line(kind: str, hold: int = 0, insistence: float = 0.5) -> Line:
    topic = TopicGate(COMPILED[kind], REFUSAL, AfterRefusals())
    return Line(TokenGate(VOCABULARIES[kind], topic, PAD, hold=hold, insistence=insistence), hold)


def text_of(tokens: Sequence[int]) -> str:
    return joined([NUMERIC[token] for token in tokens])


@st.composite
def cut(draw: st.DrawFn, words: list[str]) -> list[int]:
    """A text in pieces, cut anywhere, in any case, with padding between them."""
    tokens: list[int] = []
    rest = "".join(f" {word}" for word in words)
    while rest:
        fitting = [one for one in TEXT if rest.lower().startswith(str(NUMERIC[one]).lower())]
        one = draw(st.sampled_from(fitting))
        rest = rest[len(str(NUMERIC[one])) :]
        tokens += [one, *draw(st.lists(st.sampled_from([PAD, 0]), max_size=1))]
    return tokens


@given(kinds, texts.flatmap(cut))
def test_pieces_of_numbers_are_judged_like_the_text_they_make(kind: str, tokens: list[int]) -> None:
    known = VOCABULARIES[kind]
    state = known.start
    for place, one in enumerate(tokens):
        text = text_of(tokens[: place + 1])
        outcome = known.after(state, one)
        if isinstance(outcome, Pattern):
            assert known.rules.find(text)
            return
        state = outcome
        assert bool(known.rules.find(text)) == (state.armed is not None)


@given(kinds, texts.flatmap(cut), st.integers(0, 4), st.floats(0.05, 1), st.data())
def test_whatever_is_offered_nobody_hears_a_blocked_number(
    kind: str, tokens: list[int], hold: int, insistence: float, data: st.DataObject
) -> None:
    heard = line(kind, hold, insistence)
    for wanted in tokens:
        others = data.draw(st.lists(st.integers(0, len(NUMERIC) - 1), max_size=2))
        offered = list(dict.fromkeys([wanted, *others]))
        heard.offer(offered, data.draw(st.lists(st.floats(0, 1), min_size=len(offered), max_size=len(offered))))
    heard.end(heard.gate.drop)
    assert not [text for part in heard.heard if tells(text := text_of(part), kind)]


@pytest.mark.parametrize(
    ("kind", "before", "last"),
    [
        ("any", [" price", " "], "4"),
        ("any", [" price", " "], "9"),
        ("money", [" price", " $"], "4"),
        ("money", ["4", "9", " price", " "], "$"),
        ("any", [" price", " fo", "r", "t"], "y"),
    ],
)
def test_the_piece_that_completes_a_number_is_never_said(kind: str, before: list[str], last: str) -> None:
    one = line(kind)
    pieces: list[Piece] = [*NUMERIC]
    for piece in before:
        for each in [piece] if piece in pieces else list(piece):
            one.offer([pieces.index(each)])
    one.offer([pieces.index(last), PAD], [0.4, 0.6])
    assert one.chosen[-1] == PAD
    one.offer([pieces.index(last)], [1.0])
    assert one.chosen[-1] is None


def test_a_number_word_may_become_another_word_if_its_next_piece_comes_at_once() -> None:
    pieces: list[Piece] = [*NUMERIC]
    for last, stopped in (("th", False), ("ty", True), (" ", True), ("", True)):
        one = line("any")
        for piece in (" price", " six", last):
            one.offer([pieces.index(piece)])
        assert (one.chosen[-1] is None) is stopped
        assert text_of(one.heard[0]) == (" price" if stopped else " price six")


def test_a_line_of_the_owner_brings_its_words_into_the_context_and_is_not_judged() -> None:
    pieces: list[Piece] = [*NUMERIC]
    one = line("any")
    one.gate.spoke("The price is 4, you asked for the price.")
    one.offer([pieces.index(" $")])
    assert one.chosen[-1] is not None
    one.offer([pieces.index(" 4")])
    assert one.chosen[-1] is None


def test_states_are_forgotten_when_there_are_too_many_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.gate.vocabulary._MOST_STATES", 20)
    known = Vocabulary(COMPILED["any"], NUMERIC)
    topic = TopicGate(COMPILED["any"], REFUSAL, AfterRefusals())
    one, other = Line(TokenGate(known, topic, PAD)), line("any")
    pieces: list[Piece] = [*NUMERIC]
    for piece in (" the", " im", "plant", " six", "ty", " a", " day", " price", " is", " ", "4", " price", " six", " "):
        for each in [piece] if piece in pieces else list(piece):
            one.offer([pieces.index(each)])
            other.offer([pieces.index(each)])
    assert one.chosen == other.chosen
    assert None in one.chosen
