"""A persona of one call: a voice and a prompt in somebody's own words, and nothing else."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from bridge.facts.errors import PersonaError
from bridge.persona.schema import Persona

NAME: Final = "ad-hoc"
"""What such a persona is called in the records of calls."""

DEFAULT_VOICE: Final = "NATF2"


def ad_hoc(prompt: str, voice: str | None = None) -> Persona:
    """The persona. It greets nobody, knows what the prompt says, and no topic is blocked. `voice` may end in `.pt`.

    Raises `PersonaError` for a prompt without words or of more than 4,000 characters, and for what is no voice's name.
    """
    if not prompt.strip():
        raise PersonaError("the prompt is empty: say who the agent is, and what it is to talk about")
    try:
        return Persona(
            name=NAME,
            business="Ad hoc",
            description="a conversation with a prompt of its own",
            agent_name="the agent",
            voice=_stem(voice or DEFAULT_VOICE),
            prompt=prompt,
            greeting="",
            refusal="I'm sorry, I can't talk about that.",
        )
    except ValidationError as error:
        raise PersonaError(_words(error)) from None


def in_voice(persona: Persona, voice: str) -> Persona:
    """The same persona with another voice. Raises `PersonaError` for what is no voice's name."""
    try:
        return Persona.model_validate(persona.model_dump() | {"voice": _stem(voice)})
    except ValidationError as error:
        raise PersonaError(_words(error)) from None


def _stem(voice: str) -> str:
    return voice.removesuffix(".pt").removesuffix(".safetensors")


def _words(error: ValidationError) -> str:
    """What is wrong, without the value."""
    wrong = {str(problem["loc"][0]) for problem in error.errors(include_url=False, include_input=False)}
    if "prompt" in wrong:
        return "the prompt has more than 4,000 characters, and would crowd out the conversation; shorten it"
    return "a voice's name is up to 64 letters, digits, '-' and '_', such as NATF2"
