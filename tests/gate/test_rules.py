from __future__ import annotations

import pytest

from bridge.gate.rules import Rules, Trail, compile_rules
from bridge.persona.schema import BlockedTopic


def rules(*phrases: str) -> Rules:
    return compile_rules((BlockedTopic(topic="a topic", phrases=phrases),))


def found(text: str, *phrases: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in rules(*phrases).find(text)]


@pytest.mark.parametrize(
    "text",
    [
        "blue cross",
        "bluecross",
        "Blue - Cross",
        "b l u e  c r o s s",
        "B.L.U.E. C.R.O.S.S.",
        "b_l_u_e🙂cross",
        "BLUE\n\tCROSS",
        "blüé cröss",
        "blu\u0308e\u0301 cro\u0308ss",
        "blue\u200bcr\u00adoss",
        "b\u2060l\u200due cross",
        "ｂｌｕｅ ⓒⓡⓞⓢⓢ",
        "blue c\u3164ross",
        "blˈueˌ cross",
        "“blue” (cross)!",
        "the bluecross's offer",
        "blue crosses",
        "blue'cross",
        "a5blue cross7",
    ],
)
def test_a_phrase_is_found_however_it_is_written(text: str) -> None:
    assert len(found(text, "blue cross")) == 1


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("a first class assistant assesses the glass", "ass"),
        ("Scunthorpe", "cunt"),
        ("Essex, Sussex and Middlesex", "sex"),
        ("an overdose of paperwork", "dose"),
        ("He'll be with you shortly", "hell"),
        ("I’ll look, and we'll call", "ill"),
        ("we'll and we'd and we're", "well"),
        ("I don't think so", "don"),
        ("it's spelled C-L-A-S-S", "ass"),
        ("that is 21.99", "1.99"),
        ("that is 1.995", "1.99"),
        ("in 2010", "10"),
        ("princess", "princes"),
        ("it does so", "do"),
        ("true blue crossing", "blue cross"),
    ],
)
def test_a_phrase_inside_another_word_is_no_hit(text: str, phrase: str) -> None:
    assert found(text, phrase) == []


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("Smith's shop", "smith", "Smith"),
        ("two Smiths", "smith", "Smiths"),
        ("three doses", "dose", "doses"),
        ("two branches", "branch", "branches"),
        ("antibiotics help", "antibiotic*", "antibiotic"),
        ("antibiotic help", "antibiotic*", "antibiotic"),
        ("500mg of it", "mg", "mg"),
        ("covid19", "covid", "covid"),
        ("it is 1.99 today", "1.99", "1.99"),
        ("call 9-1-1 now", "911", "9-1-1"),
        ("dont vote", "don't vote", "dont vote"),
        ("Don’t vote", "don't vote", "Don’t vote"),
        ("l'aspirine", "aspirine", "aspirine"),
        ("the m-R-I scan", "MRI", "m-R-I"),
        ("Straße", "strasse", "Straße"),
    ],
)
def test_plurals_possessives_prefixes_and_numbers_count(text: str, phrase: str, expected: str) -> None:
    assert found(text, phrase) == [expected]


def test_a_hit_names_phrase_and_topic_as_the_persona_writes_them() -> None:
    blocked = (
        BlockedTopic(topic="Medicines", words=("Ibuprofen",)),
        BlockedTopic(topic="Rivals", phrases=("Bright Smile", "bright")),
    )
    hits = compile_rules(blocked).find("Take ibuprofens at BRIGHT-smile.")
    assert [(hit.phrase, hit.topic) for hit in hits] == [
        ("Ibuprofen", "Medicines"),
        ("Bright Smile", "Rivals"),
        ("bright", "Rivals"),
    ]


@pytest.mark.parametrize("phrase", ["...", "*", "🙂", "\u200b"])
def test_a_phrase_without_letters_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="no letters or digits"):
        rules(phrase)


def test_a_star_before_the_end_of_a_phrase_is_refused() -> None:
    with pytest.raises(ValueError, match="only at the very end"):
        rules("anti*biotic")


def test_nothing_blocked_finds_nothing() -> None:
    assert compile_rules(()).find("anything at all") == []


def test_what_is_remembered_between_pieces_never_grows_beyond_the_longest_phrase() -> None:
    compiled, trail = rules("blue cross", "politics"), Trail()
    for _ in range(50):
        _, trail = compiled.follow(trail, "nothing of any interest, blue, " * 20)
        assert len(trail.starts) <= len("bluecrosses")
