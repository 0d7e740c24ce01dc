"""The promise of the gate on tokens, for random phrases in random dress, cut at random, under random probabilities."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.gate.rules import compile_rules
from bridge.gate.tokens import TokenGate
from bridge.gate.topic import TopicGate
from bridge.gate.trial import joined
from bridge.gate.vocabulary import Piece, Vocabulary
from bridge.persona.schema import AfterRefusals, BlockedTopic

from .pieces import PAD, PIECES, REFUSAL, Line
from .test_reference import meets, separator

LETTERS = sorted({piece for piece in PIECES if isinstance(piece, str) and len(piece) == 1 and piece.islower()})

# The tiny tokeniser's pieces, then what the published one has besides them: capitals, signs, and every single byte.
EXTENDED: list[Piece] = [
    *PIECES,
    *(letter.upper() for letter in LETTERS),
    *("-", "_", "/", "...", " - ", "?!", "é", "\u0301", "\u00ad", "\u200b", "’"),
    *(bytes([value]) for value in range(256)),
]
BY_START: dict[int, list[int]] = {}
"""Tokens by the first byte of their text."""
for _token, _piece in enumerate(EXTENDED):
    if _piece:
        BY_START.setdefault((_piece.encode() if isinstance(_piece, str) else _piece)[0], []).append(_token)

word = st.text(LETTERS, min_size=1, max_size=7)
phrase = st.lists(word, min_size=1, max_size=3).map(" ".join)
phrases = st.lists(st.builds(str.__add__, phrase, st.sampled_from(["", "", "*"])), min_size=1, max_size=6)


@st.composite
def dressed(draw: st.DrawFn, text: str) -> str:
    """The same words in another case, in full width, with accents, and with signs and spaces between the letters."""
    out = [draw(st.sampled_from([" ", ". ", "  ", ""]))]
    plainly = draw(st.booleans())
    for letter in text.removesuffix("*"):
        if letter == " " or plainly:
            out.append(letter)
            continue
        letter = draw(st.sampled_from([letter, letter, letter.upper(), chr(ord(letter) + 0xFEE0)]))
        out.append(letter + draw(st.sampled_from(["", "", "", "\u0301", "\u0308\u0327"])) + draw(separator))
    return "".join(out)


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[int]:
    """The text in pieces: each of its cuts may come out, down to single bytes, with padding anywhere between them."""
    tokens: list[int] = []
    rest = text.encode()
    while rest:
        fitting = [token for token in BY_START[rest[0]] if rest.startswith(_bytes(EXTENDED[token]))]
        token = draw(st.sampled_from(fitting))
        tokens += [token, *draw(st.lists(st.sampled_from([PAD, 0]), max_size=2))]
        rest = rest[len(_bytes(EXTENDED[token])) :]
    return tokens


def _bytes(piece: Piece) -> bytes:
    return piece if isinstance(piece, bytes) else piece.encode()


def said(tokens: list[int]) -> str:
    return joined([EXTENDED[token] for token in tokens])


@st.composite
def speech(draw: st.DrawFn, blocked: list[str]) -> list[int]:
    """What the model wants to say: blocked phrases and others, one after the other."""
    texts = draw(st.lists((st.sampled_from(blocked) | phrase).flatmap(dressed), min_size=1, max_size=4))
    return [token for text in texts for token in draw(cut(text))]


@given(phrases, st.data())
def test_every_cut_of_a_text_makes_the_text(blocked: list[str], data: st.DataObject) -> None:
    text = data.draw(dressed(blocked[0]))
    assert said(data.draw(cut(text))) == text


@settings(max_examples=40, deadline=None)
@given(phrases, st.integers(0, 4), st.floats(0.01, 1), st.booleans(), st.data())
def test_nothing_that_is_heard_contains_a_blocked_phrase_whatever_the_model_wants_and_however_much(
    blocked: list[str], hold: int, insistence: float, stubborn: bool, data: st.DataObject
) -> None:
    rules = compile_rules((BlockedTopic(topic="t", phrases=tuple(blocked)),))
    topic = TopicGate(rules, REFUSAL, AfterRefusals())
    line = Line(TokenGate(Vocabulary(rules, EXTENDED), topic, PAD, hold=hold, insistence=insistence), hold)
    random = Random(data.draw(st.integers(0, 2**32)))
    for wanted in data.draw(speech(blocked)):
        others = [] if stubborn else random.sample(range(len(EXTENDED)), random.randrange(24))
        offered = list(dict.fromkeys([wanted, *others]))
        if not stubborn:
            random.shuffle(offered)
        line.offer(offered, [random.expovariate(1) for _ in offered])
    line.end(line.gate.drop)
    heard = [said(tokens) for tokens in line.heard]
    assert not [(one, text) for one, text in product(blocked, heard) if meets(one, text)]
