"""What clients of the compatible addresses ask for, and how it is told that it cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.carrier.conversation import conversation_wish
from bridge.carrier.moshi import chat_wish
from bridge.carrier.wish import UNUSABLE, Wish
from bridge.facts.errors import CarrierError
from bridge.persona.schema import Sampling

WEB_CLIENT = {
    "text_temperature": "0.7",
    "text_topk": "25",
    "audio_temperature": "0.8",
    "audio_topk": "250",
    "pad_mult": "0",
    "text_seed": "123456",
    "audio_seed": "654321",
    "repetition_penalty_context": "64",
    "repetition_penalty": "1",
    "text_prompt": "You enjoy having a good conversation.",
    "voice_prompt": "NATF0.pt",
}
"""The query of the public web client, in its order, with its defaults."""


def test_the_public_web_clients_query_is_understood():
    wish = chat_wish(WEB_CLIENT)
    assert (wish.voice, wish.text_prompt, wish.seed) == ("NATF0.pt", WEB_CLIENT["text_prompt"], None)
    assert Sampling(**wish.sampling) == Sampling()


def test_the_public_command_line_client_sends_no_query_and_wishes_nothing():
    assert chat_wish({}) == Wish()


@pytest.mark.parametrize(("given", "seed"), [("", None), ("-1", None), ("42", 42), (str(2**64), 2**64)])
def test_any_seed_is_taken(given, seed):
    assert chat_wish({"seed": given}).seed == seed


@pytest.mark.parametrize(
    "query",
    [
        {"seed": "4.2"},
        {"seed": "9" * 5000},
        {"audio_temperature": "hot"},
        {"text_topk": "nan"},
    ],
)
def test_what_cannot_be_understood_is_told_with_a_close_code_of_its_own(query):
    with pytest.raises(CarrierError) as refusal:
        chat_wish(query)
    assert refusal.value.close_code == UNUSABLE


def test_sampling_beyond_what_the_model_takes_is_brought_into_bounds():
    """The sliders of the public web client go to 500."""
    wish = chat_wish({"text_topk": "500", "audio_topk": "0", "text_temperature": "1e999", "audio_temperature": "-3"})
    chosen = Sampling(**wish.sampling)
    assert (chosen.text_top_k, chosen.audio_top_k, chosen.text_temperature, chosen.audio_temperature) == (256, 1, 2, 0)


@given(st.dictionaries(st.sampled_from([*WEB_CLIENT, "seed", "persona"]), st.text(max_size=40), max_size=6))
def test_whatever_stands_in_a_query_it_is_a_wish_or_a_refusal_in_words(query):
    try:
        wish = chat_wish(query)
    except CarrierError as refusal:
        assert refusal.close_code == UNUSABLE
        assert str(refusal)
    else:
        Sampling(**wish.sampling)


def test_the_first_message_of_a_conversation_says_the_same_as_json():
    wish = conversation_wish('{"voice": "NATM1", "text_prompt": "Be kind.", "seed": 7, "format": "of tomorrow"}')
    assert wish == Wish(voice="NATM1", text_prompt="Be kind.", seed=7)
    assert conversation_wish('{"persona": "dental"}') == Wish(persona="dental")


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_whatever_the_first_message_is_it_is_a_wish_or_a_refusal_in_words(message):
    try:
        conversation_wish(message)
    except CarrierError as refusal:
        assert refusal.close_code == UNUSABLE
        assert str(refusal)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"\0\0", "sound came before the first message"),
        ("hello", "not JSON"),
        ("[]", "not an object"),
        ('{"voice": 7}', "voice has the wrong type"),
        ('{"seed": "x"}', "seed has the wrong type"),
        ('{"text_prompt": "\\ud800"}', "JSON"),
        (f'{{"x": "{"y" * 40_000}"}}', "more than 32768 characters"),
    ],
)
def test_a_wrong_first_message_is_told_what_is_wrong_with_it(message, words):
    with pytest.raises(CarrierError, match=words) as refusal:
        conversation_wish(message)
    assert refusal.value.close_code == UNUSABLE
