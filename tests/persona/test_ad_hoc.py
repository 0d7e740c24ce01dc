"""Personas of one call, and files with a prompt in their owner's words."""

import pytest

from bridge.facts.errors import PersonaError
from bridge.facts.speech import Said
from bridge.persona.ad_hoc import ad_hoc, in_voice
from bridge.persona.load import examine, parse
from bridge.persona.prompt import llm_prompt, model_prompt
from bridge.persona.schema import Persona

TEXT = "You enjoy having a\n good conversation."
FILE = "name: talk\nbusiness: B\ndescription: a bar\nagent_name: Eve\nprompt: Be kind.\ngreeting: ''\nrefusal: No.\n"


def test_a_prompt_of_ones_own_is_told_between_tags_and_greets_nobody():
    persona = ad_hoc(TEXT, "NATM1.pt")
    assert (persona.voice, persona.greeting, persona.blocked) == ("NATM1", "", ())
    assert model_prompt(persona) == "<system> You enjoy having a good conversation. <system>"
    assert model_prompt(persona, closing_tag=True).endswith(" </system>")
    assert ad_hoc(TEXT).voice == "NATF2"


def test_a_prompt_that_has_its_tags_already_gets_no_others():
    assert model_prompt(ad_hoc("<system> Be kind. <system>")) == "<system> Be kind. <system>"


def test_a_chat_model_is_told_the_same_without_tags_and_that_it_is_heard():
    prompt = llm_prompt(ad_hoc("<system> Be kind. <system>"))
    assert prompt.startswith("Be kind.\n\nWhat you write is spoken aloud.")
    assert "Use only what stands below" not in prompt


def test_what_was_said_belongs_to_the_prompt_of_a_call_that_goes_on():
    told = model_prompt(ad_hoc("Be kind."), recollection=(Said("caller", "Hello."),))
    assert told == '<system> Be kind. You are in the middle of a call. The caller said: "Hello." <system>'


@pytest.mark.parametrize(
    ("prompt", "voice", "words"),
    [
        (" \n", None, "the prompt is empty"),
        ("word " * 1000, None, "more than 4,000 characters"),
        ("Be kind.", "../../etc/passwd", "a voice's name is up to 64 letters"),
        ("Be kind.", "x" * 65, "a voice's name"),
    ],
)
def test_what_cannot_be_used_is_said_in_words_that_quote_nothing(prompt, voice, words):
    with pytest.raises(PersonaError, match=words) as caught:
        ad_hoc(prompt, voice)
    assert "passwd" not in str(caught.value)


def test_a_persona_in_another_voice_is_the_same_otherwise(shop):
    persona = parse(shop, "shop")
    other = in_voice(persona, "NATM2.pt")
    assert other == persona.model_copy(update={"voice": "NATM2"})
    with pytest.raises(PersonaError, match="voice's name"):
        in_voice(persona, "a b")


def test_a_file_may_have_a_prompt_and_with_it_alone_an_empty_greeting():
    assert not examine(FILE, "talk").problems
    [problem] = examine(FILE.replace("prompt: Be kind.\n", ""), "talk").problems
    assert str(problem) == "5:1: greeting: is empty (such as: Thank you for calling, how can I help you?)"


def test_an_ad_hoc_persona_survives_its_way_to_the_engine():
    persona = ad_hoc(TEXT)
    assert Persona.model_validate_json(persona.model_dump_json()) == persona


def test_a_long_prompt_is_warned_of_where_it_stands():
    warnings = examine(FILE.replace("Be kind.", "word " * 700), "talk").warnings
    assert any("5:1: prompt: the model prompt has 3,5" in str(warning) for warning in warnings)
