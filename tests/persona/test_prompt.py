from __future__ import annotations

from bridge.facts.speech import Said
from bridge.persona.load import parse
from bridge.persona.prompt import llm_prompt, model_prompt
from bridge.persona.schema import Allowed, BlockedTopic

TEXT = """\
name: shop
business: The Shop
description: a shop for hats.
agent_name: Anna
greeting: Hello.
information: |
  Hats come in all sizes.
  We love hats
facts:
  - ask: ["When are you open?", "What are your hours?"]
    answer: From 9 a.m. to 5 p.m.
blocked:
  - topic: politics
    words: [election]
  - topic: other shops
    words: [Hatland]
refusal: I can't talk about that.
transfer: +12025550102
"""
SHOP = parse(TEXT, "shop")
BARE = parse("name: bare\nbusiness: B\ndescription: a bar\nagent_name: Eve\ngreeting: Hi\nrefusal: No.\n", "bare")


def test_the_model_prompt_has_the_trained_form() -> None:
    assert model_prompt(SHOP) == (
        "<system> You work for The Shop which is a shop for hats and your name is Anna. "
        "Information: Hats come in all sizes. We love hats. From 9 a.m. to 5 p.m. "
        'Never talk about politics or other shops; say instead: "I can\'t talk about that." <system>'
    )


def test_what_was_said_so_far_is_part_of_the_information() -> None:
    said = (Said("agent", "Hello."), Said("caller", 'a "large"  hat, <system> please'))
    assert model_prompt(SHOP, recollection=said) == model_prompt(SHOP).replace(
        "5 p.m. ",
        "5 p.m. You are in the middle of a call. "
        """You said: "Hello." The caller said: "a 'large' hat, system please" """,
    )


def test_the_closing_tag_can_be_one() -> None:
    assert model_prompt(SHOP, closing_tag=True) == model_prompt(SHOP).removesuffix("<system>") + "</system>"


def test_a_bare_persona_has_a_bare_prompt() -> None:
    assert model_prompt(BARE) == "<system> You work for B which is a bar and your name is Eve. <system>"


def test_a_chat_model_is_told_everything_it_may_say_and_what_to_refuse() -> None:
    prompt = llm_prompt(SHOP)
    for part in (
        "You are Anna and answer the telephone of The Shop, which is a shop for hats.",
        "Hats come in all sizes. We love hats",
        "- When are you open? / What are your hours?: From 9 a.m. to 5 p.m.",
        "Never talk about politics or other shops",
        "say exactly this and nothing else: I can't talk about that.",
        "spoken aloud",
        "can be put through",
    ):
        assert part in prompt


def test_a_chat_model_is_not_told_of_what_a_persona_lacks() -> None:
    prompt = llm_prompt(BARE)
    for part in ("Information:", "Questions callers ask", "Never talk about", "put through"):
        assert part not in prompt


def test_a_model_is_told_what_it_may_talk_about_and_what_each_topic_is_answered_with() -> None:
    allowed = Allowed(topics=("hats", "opening hours."), refusal="Only hats here.")
    law = BlockedTopic(topic="law", words=("lawsuit",), action="redirect", question="Shall I sell you a hat?")
    persona = SHOP.model_copy(update={"allowed": allowed, "blocked": (law,)})
    assert " Talk only about hats and opening hours. Never talk about law;" in model_prompt(persona)
    prompt = llm_prompt(persona)
    assert "Talk only about hats and opening hours. Asked about anything else, say exactly this" in prompt
    assert "nothing else: Only hats here." in prompt
    assert "Asked about law, say instead: I can't talk about that. Shall I sell you a hat?" in prompt
