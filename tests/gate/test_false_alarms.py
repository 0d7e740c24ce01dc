"""Innocent text must pass: look-alikes of rude and of blocked words, and what is said on service lines all day."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from bridge.gate.rules import compile_rules
from bridge.persona.load import parse
from bridge.persona.schema import BlockedTopic, Persona

from .ordinary import patterns, sentences

PERSONAS = {
    path.stem: parse(path.read_text("utf-8"), path.stem)
    for path in sorted((Path(__file__).parents[2] / "personas").glob("*.yaml"))
}

RUDE = (
    "ass",
    "arse",
    "cock",
    "cunt",
    "cum",
    "dick",
    "fag",
    "hell",
    "ill",
    "penis",
    "rape",
    "sex",
    "shit",
    "tit",
    "wank",
)

_LOOK_ALIKES = """
    Scunthorpe Penistone Essex Sussex Middlesex Clitheroe Cockermouth Lightwater Arsenal Hancock Dickens Dickinson
    Cockburn Shiitake Matsushita assistant associate assess assume passage passport password class classic glass grass
    brass embassy Massachusetts compass bass cassette cocktail peacock cockpit cockroach document cucumber accumulate
    circumference circumstance cumulative scum documentary hello shell shelf seashell Michelle Mitchell othello grapes
    drape therapist scrape trapeze skyscraper parapet title titan appetite constitution institute competition petition
    sextant sextet asexual Wankel swank shitake dictionary predict Dickson vindicate addict villa illness still skill
    bill pill grill fill chilly Illinois parse sparse coarse arsenic draper snafu analysis canal
    banal cleverness expenses pensive
    selection electioneer predilection collection reelect aspiring aspiration inspiring mercurial windjammer jammed
    attorneyship biopolitics apolitical cosmopolitan metropolitan voltage explodes
    exploit investment refrigerate refrigerator capacity capacitance magnet magnetic electric electrician democracy
    magnesium multimedia grenadine munition lawyerly
    Shitterton Penicuik Assisi Dakar Phuket Hassall Titmuss Hiscock Babcock Alcock Cockcroft Woodcock Hitchcock
    shuttlecock ballcock stopcock weathercock cockade cockatoo Analise analogue bassoon cassock casserole cassava crass
    harass embarrass morass trespass carcass sassafras molasses Arsene coarsely hoarse Dickie Benedick dickybird cuckoo
    cumin cummerbund succumb encumber sextuplet sexton Sextus unisex bisextile Uranus heinous Titanic titration stitch
    institution partition altitude gratitude title-holder drapery grapevine scraper trapezium
    shellac nutshell Hellespont Rachelle Shelley hellebore illuminate illustrate pillow willow Lilliput silly
    fagotto Fagin wankle swankier pshaw shitzu peninsula Peniston pension
    ibis Ibiza acetone acetate acetic aspire aspic asparagus antibody antique antic biotin probiotic symbiotic
    penitent pencil penknife opine dose dossier massage message mileage millipede millimeter million
    diagonal diagram dialogue diaphragm diamond malpractical lawn lawful suitcase pantsuit attorn attuned polite
    polish metropolis acropolis republish demography demolition
    asbest merchant mercantile Mercedes explore explorer explain expo ammonia munificent radio radiology interactive
    weave renegade fireman firefly firm armchair firewood geography geometry
    jailer bailiff jasmine jam remote spyglass bit coin crypt cryptic script invest investor
    anaconda anagram epic epidermis penalty contaminate migration emigrate
    capable captain actor magnate rewind rewrite wire multiply meter refrigerated electric elect elector
    electrolyte cute liability damage fire
"""
LOOK_ALIKES = _LOOK_ALIKES.split()

BORDERS = [
    "He'll be with you in a moment, and she'll call you back.",
    "I'll look into it, and we'll let you know.",
    "We'd be glad to, and I'd say so if we couldn't.",
    "It's a class act: the bass, the grass and the glass.",
    "As soon as she hits the brakes, it stops.",
    "Is that Mr. Hancock or Ms. Dickinson from Essex?",
    "It's spelled D-I-C-K-E-N-S.",
    "That's S-U-S-S-E-X, as in the county.",
    "The bill is still to be paid.",
    "I ran that by our manager, and not a bill was open.",
    "Pick from a wide selection of aspiring local makers.",
    "The refrigerator has a capacity of 500 liters.",
    "It's crispy on the outside, and she is raspy on the telephone.",
    "A bit of change, a coin or two; the crypt is closed.",
    "The lawn suits the house, and the law is clear.",
    "They diagonally cross the lot, then fly without a stop.",
    "We share the price with you, and good invoices are an art.",
    "Sue from the city hall called; the dentist's office did not.",
    "Is it cheaper? Then us it is. Burn the candle yourself.",
    "Turn off the remote, I'd say, and disable the alarm.",
    "The demo crates arrive on Friday, and the crate for the demo on Monday.",
    "She was safe; for your allergies ask the nurse.",
    "The gas is off, the valve is new, and the fuse is by the pass.",
]


def test_a_word_that_only_contains_a_rude_one_passes() -> None:
    rules = compile_rules((BlockedTopic(topic="rude", words=RUDE),))
    assert [word for word in LOOK_ALIKES if rules.find(f"Well, {word.upper()}, {word}; {word}")] == []


def test_ten_thousand_ordinary_sentences_and_all_look_alikes_pass_every_shipped_persona() -> None:
    said = sentences()
    assert len(patterns()) >= 300
    assert len(said) == len(set(said)) >= 10_000
    everything = compile_rules(tuple(topic for persona in PERSONAS.values() for topic in persona.blocked))
    assert [(text, hits) for text in [*said, *BORDERS, *LOOK_ALIKES] if (hits := everything.find(text))] == []


def test_ordinary_sentences_are_plain_text_of_one_line() -> None:
    assert [text for text in sentences() if not re.fullmatch(r"[A-Z0-9$][^{}|=#\n]{15,200}[.?!]", text)] == []


def test_rude_words_are_not_met_across_the_borders_of_ordinary_words() -> None:
    rules = compile_rules((BlockedTopic(topic="rude", words=RUDE),))
    assert [text for text in BORDERS if rules.find(text)] == []


@pytest.mark.parametrize(("first", "second"), [(a, b) for a, b in product(PERSONAS, PERSONAS) if a != b])
def test_no_persona_stops_what_another_one_says(first: str, second: str) -> None:
    rules = compile_rules(PERSONAS[first].blocked)
    other: Persona = PERSONAS[second]
    said = [fact.answer for fact in other.facts] + [question for fact in other.facts for question in fact.ask]
    assert [text for text in said if rules.find(text)] == []
