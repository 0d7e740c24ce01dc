"""The gate against a reference: what it promises, written a second time, slowly, by regular expressions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bridge.gate.rules import Hit, Rules, Trail, compile_rules
from bridge.gate.topic import TopicGate
from bridge.persona.schema import AfterRefusals, BlockedTopic

KEPT = [
    "i'll", "he'll", "she'll", "we'll", "i'd", "he'd", "she'd",
    "we'd", "we're", "it's", "let's", "can't", "won't", "don't",
]  # fmt: skip


def plain(text: str) -> str:
    for apostrophe in "’‘`´":
        text = text.replace(apostrophe, "'")
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(
        c for c in text if unicodedata.category(c)[0] != "M" and (c == "\u200b" or c not in "\u00ad\u200d\u2060")
    )


def prepare(text: str) -> str:
    """Lower case text in which every word that counts stands between characters other than a-z, 0-9."""
    text = plain(text)
    for contraction in KEPT:
        mask = "¤" * len(contraction)  # a letter of no phrase
        text = re.sub(rf"(?<![a-z0-9'¤]){re.escape(contraction)}(?![a-z0-9'])", mask, text)
    text = re.sub(r"(?<=\d)[.,](?=\d)", "", text)
    spelled = r"(?<![a-z0-9¤])[a-z](?:[-.–]+[a-z](?![a-z0-9¤]))+"
    text = re.sub(spelled, lambda found: re.sub(r"[^a-z]", "", found[0]), text)
    return re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", text)


def meets(phrase: str, text: str) -> bool:
    """Whether the text contains the phrase, as words."""
    anything = r"[^a-z0-9¤]*"
    letters = re.sub(r"[^a-z0-9]", "", plain(phrase))
    ending = "(?![a-z0-9¤])"
    if phrase.endswith("*"):
        ending = ""
    elif len(letters) > 2 and letters[-1].isalpha():
        hissing = re.search(r"(s|x|z|ch|sh)$", letters)
        ending = rf"({anything}e{anything}s|)" + ending if hissing else rf"({anything}s|)" + ending
    pattern = "(?<![a-z0-9¤])" + anything.join(letters) + ending
    return re.search(pattern, prepare(text)) is not None


def rules(phrases: Sequence[str]) -> Rules:
    return compile_rules((BlockedTopic(topic="t", phrases=tuple(phrases)),))


word = st.text("abelst", min_size=1, max_size=5)
phrase = st.lists(word, min_size=1, max_size=3).map(" ".join)
pattern = st.builds(str.__add__, phrase, st.sampled_from(["", "", "", "*"]))
separator = st.sampled_from(
    ["", "", "", " ", "  ", "-", ".", " - ", "_", "'", "’", "\u00ad", "\u200b", "🙂", ", ", "/"]
)


@st.composite
def decorated(draw: st.DrawFn, written: st.SearchStrategy[str]) -> str:
    """The same words in another case, with accents, and with anything that is no letter in between."""
    pieces = []
    for letter in draw(written).removesuffix("*"):
        if letter == " ":
            pieces.append(draw(separator))
            continue
        letter = draw(st.sampled_from([letter, letter.upper(), chr(ord(letter) + 0xFEE0)]))
        pieces.append(letter + draw(st.sampled_from(["", "", "", "\u0301", "\u0308\u0327"])) + draw(separator))
    return "".join(pieces)


@given(st.lists(pattern, min_size=1, max_size=6), st.data())
def test_whatever_is_spoken_contains_no_blocked_phrase(phrases: list[str], data: st.DataObject) -> None:
    one = TopicGate(rules(phrases), "Sorry, no comment.", AfterRefusals())
    texts = data.draw(st.lists(decorated(st.sampled_from(phrases) | phrase), max_size=8))
    pieces = [piece for text in texts for piece in [*text.split(" "), "and"]]
    reviews = [one.review(piece, 0) for piece in pieces]
    # the refusal line is the owner's, so only what stands between two of them is the agent's
    spoken = " ".join("\n#\n" if review.verdict else review.text for review in reviews).split("#")
    assert not [(p, s) for p in phrases for s in spoken if meets(p, s)]


@given(st.lists(pattern, min_size=1, max_size=6), st.text("abelst1.,'’- \u0301\u00ad\u200bÉßi'dlw", max_size=40))
def test_the_gate_finds_a_phrase_exactly_where_the_slow_reference_does(phrases: list[str], text: str) -> None:
    fast = {hit.phrase for p in phrases for hit in rules([p]).find(text)}
    assert fast == {p for p in phrases if meets(p, text)}


@given(st.lists(pattern, min_size=1, max_size=4), st.lists(decorated(phrase), max_size=6))
def test_it_makes_no_difference_how_a_text_is_cut_at_white_space(phrases: list[str], texts: list[str]) -> None:
    compiled = rules(phrases)
    whole = {hit.phrase for hit in compiled.find(" ".join(texts))}
    hits: list[Hit] = []
    trail = Trail()
    for text in texts:
        more, trail = compiled.follow(trail, text)
        hits += more
    assert {hit.phrase for hit in hits} == whole


@given(st.lists(pattern, min_size=1, max_size=4), st.text(max_size=60))
def test_any_text_at_all_can_be_read_and_a_hit_lies_within_it(phrases: list[str], text: str) -> None:
    for hit in rules(phrases).find(text):
        assert 0 <= hit.start < hit.end <= len(text)
