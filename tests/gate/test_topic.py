from __future__ import annotations

import importlib.util
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridge.gate.rules import Hit, Trail, compile_rules
from bridge.gate.topic import TopicGate
from bridge.persona.schema import AfterRefusals, BlockedTopic

_spec = importlib.util.spec_from_file_location("gate_reference", Path(__file__).with_name("reference.py"))
assert _spec is not None and _spec.loader is not None
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

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
    one = gate(*phrases)
    texts = data.draw(st.lists(decorated(st.sampled_from(phrases) | phrase), max_size=8))
    pieces = [piece for text in texts for piece in [*text.split(" "), "and"]]
    reviews = [one.review(piece, 0) for piece in pieces]
    # the refusal line is the owner's, so only what stands between two of them is the agent's
    spoken = " ".join("\n#\n" if review.verdict else review.text for review in reviews).split("#")
    assert not [(p, s) for p in phrases for s in spoken if reference.meets(p, s)]


@given(st.lists(pattern, min_size=1, max_size=6), st.text("abelst1.,'’- \u0301\u00ad\u200bÉßi'dlw", max_size=40))
def test_the_gate_finds_a_phrase_exactly_where_the_slow_reference_does(phrases: list[str], text: str) -> None:
    fast = {hit.phrase for p in phrases for hit in compile_rules((BlockedTopic(topic="t", phrases=(p,)),)).find(text)}
    assert fast == {p for p in phrases if reference.meets(p, text)}


@given(st.lists(pattern, min_size=1, max_size=4), st.lists(decorated(phrase), max_size=6))
def test_it_makes_no_difference_how_a_text_is_cut_at_white_space(phrases: list[str], texts: list[str]) -> None:
    compiled = compile_rules((BlockedTopic(topic="t", phrases=tuple(phrases)),))
    whole = {hit.phrase for hit in compiled.find(" ".join(texts))}
    hits: list[Hit] = []
    trail = Trail()
    for text in texts:
        more, trail = compiled.follow(trail, text)
        hits += more
    assert {hit.phrase for hit in hits} == whole


@given(st.lists(pattern, min_size=1, max_size=4), st.text(max_size=60))
def test_any_text_at_all_can_be_read_and_a_hit_lies_within_it(phrases: list[str], text: str) -> None:
    for hit in compile_rules((BlockedTopic(topic="t", phrases=tuple(phrases)),)).find(text):
        assert 0 <= hit.start < hit.end <= len(text)
