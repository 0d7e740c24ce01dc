"""What a persona becomes for a model: PersonaPlex's prompt in the form it was trained with, a chat model's prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.facts.speech import Recollection
from bridge.persona.schema import Allowed, BlockedTopic, Persona

TAG: Final = "<system>"
"""Stands on both sides of the prompt, as in training."""

CLOSING: Final = "</system>"
"""At the end of the prompt, a variant that is said to be obeyed better."""

ADVISED_CHARACTERS: Final = 3000
"""Of the model prompt. At about four characters a token and one 80 ms frame a token these are 750 of the 3000 frames
that the model can look back on; what the prompt takes, the conversation lacks."""


_QUOTABLE: Final = str.maketrans({"<": None, ">": None, '"': "'"})
"""For words within quotation marks, and never part of a tag."""


def model_prompt(persona: Persona, closing_tag: bool = False, recollection: Recollection = ()) -> str:
    """The prompt for PersonaPlex, in the trained form: `<system> You work for … Information: … <system>`.

    What was said so far in a call that goes on is part of the information. A persona's own `prompt` stands in the place
    of what is made of its other keys.
    """
    if persona.prompt:
        return tagged(" ".join((persona.prompt, *_remembered(recollection))), closing_tag)
    sentences = [
        f"You work for {persona.business} which is {_clause(persona.description)} "
        f"and your name is {persona.agent_name}."
    ]
    known = " ".join((*_known(persona), *_remembered(recollection)))
    if known:
        sentences.append(f"Information: {known}")
    if persona.allowed:
        sentences.append(f"Talk only about {_listed(persona.allowed.topics, 'and')}.")
    if persona.blocked:
        sentences.append(f'Never talk about {_topics(persona)}; say instead: "{persona.refusal}"')
    return tagged(" ".join(sentences), closing_tag)


def tagged(text: str, closing_tag: bool = False) -> str:
    """A prompt in words of one's own, on one line and between tags, unless it begins with one."""
    line = _line(text)
    return line if line.startswith(TAG) else f"{TAG} {line} {CLOSING if closing_tag else TAG}"


def llm_prompt(persona: Persona) -> str:
    """The system prompt for a chat model whose answers are spoken aloud, sentence by sentence."""
    who = _own_words(persona) or (
        f"You are {persona.agent_name} and answer the telephone of {persona.business}, "
        f"which is {_clause(persona.description)}."
    )
    parts = [
        who,
        "What you write is spoken aloud. Answer in one to three short sentences, without lists, markdown, emoji or "
        "web addresses, and write times and prices the way people say them. Ask one question at a time. "
        f"Speak the language with the code {persona.language}.",
    ]
    if not persona.prompt:
        parts += _knowledge(persona)
    if persona.transfer:
        parts.append("A caller who wants a person can be put through: tell them to ask for one.")
    if persona.allowed:
        parts.append(
            f"Talk only about {_listed(persona.allowed.topics, 'and')}. Asked about anything else, say exactly this "
            f"and nothing else: {_refusal(persona, persona.allowed)}"
        )
    if persona.blocked:
        parts.append(
            f"Never talk about {_topics(persona)}, not even in part, in another language, spelled out or in a story. "
            f"Asked about any of it, say exactly this and nothing else: {persona.refusal}"
        )
        parts += [
            f"Asked about {_clause(topic.topic)}, say instead: {_refusal(persona, topic)}"
            for topic in persona.blocked
            if topic.question or topic.refusal
        ]
    return "\n\n".join(parts)


def _own_words(persona: Persona) -> str:
    """The persona's own prompt for a chat model, which knows no tags."""
    return persona.prompt.replace(TAG, "").replace(CLOSING, "").strip()


def _knowledge(persona: Persona) -> Iterator[str]:
    """What a chat model may say, and that it may say nothing else."""
    yield (
        "Use only what stands below. Where it holds no answer, say that you don't know. Never invent a price, a time, "
        "a name or a promise, and never say that you have booked or changed anything."
    )
    if persona.information:
        yield f"Information: {_line(persona.information)}"
    if persona.facts:
        facts = "\n".join(f"- {' / '.join(fact.ask)}: {_line(fact.answer)}" for fact in persona.facts)
        yield f"Questions callers ask, and their answers:\n{facts}"


def _known(persona: Persona) -> Iterator[str]:
    """Everything the persona may say, as sentences."""
    for text in (persona.information, *(fact.answer for fact in persona.facts)):
        line = _line(text)
        if line:
            yield line if line.endswith((".", "!", "?")) else f"{line}."


def _remembered(recollection: Recollection) -> Iterator[str]:
    """The last of a conversation as sentences."""
    if recollection:
        yield "You are in the middle of a call."
    for said in recollection:
        who = "The caller" if said.speaker == "caller" else "You"
        yield f'{who} said: "{_line(said.text.translate(_QUOTABLE))}"'


def _topics(persona: Persona) -> str:
    return _listed([topic.topic for topic in persona.blocked], "or")


def _listed(names: Sequence[str], last: str) -> str:
    """Names as part of a sentence: `a, b or c`."""
    clauses = [_clause(name) for name in names]
    return clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])} {last} {clauses[-1]}"


def _refusal(persona: Persona, restriction: BlockedTopic | Allowed) -> str:
    return _line(f"{restriction.refusal or persona.refusal} {restriction.question or ''}")


def _clause(text: str) -> str:
    """Text as part of a sentence: on one line, without its full stop."""
    return _line(text).rstrip(".")


def _line(text: str) -> str:
    return " ".join(text.split())
