"""Innocent text must pass: look-alikes of rude and of blocked words, and what the personas' agents say all day."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from bridge.gate.rules import compile_rules
from bridge.persona.load import parse
from bridge.persona.schema import BlockedTopic, Persona

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
]

DAYS = ["Monday", "Tuesday", "Thursday", "Saturday", "the first Sunday of the month", "public holidays"]
TIMES = ["7:30 a.m.", "9 a.m.", "noon", "2 p.m.", "5:45 p.m."]
THINGS = [
    "your appointment", "the delivery", "a table for four", "the rental", "your recycling", "the repair visit",
    "the invoice", "a new filter", "the deposit", "our selection of wines", "the second-hand fridge", "a check-up",
]  # fmt: skip
PRICES = ["45 dollars", "$119.99", "three hundred and twenty dollars", "15 percent less"]
NAMES = ["Mrs. Hancock", "Mr. O'Brien", "Doctor Lee", "our technician", "the front desk"]


def service_sentences() -> list[str]:
    """What an agent of any of the businesses may say, put together from the parts of such sentences."""
    said = [
        f"We're open on {day} from {begin} to {end}." for day, begin, end in product(DAYS, TIMES, TIMES) if begin != end
    ]
    said += [f"I can move {thing} to {day}, if that suits you." for thing, day in product(THINGS, DAYS)]
    said += [
        f"For {thing} we charge {price}, and {name} will tell you the rest."
        for thing, price, name in product(THINGS, PRICES, NAMES)
    ]
    said += [
        f"{name[0].upper()}{name[1:]} is free on {day} at {time}." for name, day, time in product(NAMES, DAYS, TIMES)
    ]
    said += [f"You don't need to pay for {thing} before {day}." for thing, day in product(THINGS, DAYS)]
    return said


@pytest.mark.parametrize("word", LOOK_ALIKES)
def test_a_word_that_only_contains_a_rude_one_passes(word: str) -> None:
    assert compile_rules((BlockedTopic(topic="rude", words=RUDE),)).find(f"Well, {word.upper()}, {word}; {word}") == []


@pytest.mark.parametrize("name", PERSONAS)
def test_no_shipped_persona_stops_look_alikes_or_ordinary_sentences(name: str) -> None:
    rules = compile_rules(PERSONAS[name].blocked)
    sentences = service_sentences()
    assert len(sentences) > 500
    assert [text for text in [*sentences, *BORDERS, *LOOK_ALIKES] if rules.find(text)] == []


def test_rude_words_are_not_met_across_the_borders_of_ordinary_words() -> None:
    rules = compile_rules((BlockedTopic(topic="rude", words=RUDE),))
    assert [text for text in BORDERS if rules.find(text)] == []


@pytest.mark.parametrize(("first", "second"), [(a, b) for a, b in product(PERSONAS, PERSONAS) if a != b])
def test_no_persona_stops_what_another_one_says(first: str, second: str) -> None:
    rules = compile_rules(PERSONAS[first].blocked)
    other: Persona = PERSONAS[second]
    said = [fact.answer for fact in other.facts] + [question for fact in other.facts for question in fact.ask]
    assert [text for text in said if rules.find(text)] == []
