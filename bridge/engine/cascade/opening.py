"""Everything about a persona that can be done before its telephone rings."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bridge.engine.cascade.answer import Memory, learn
from bridge.engine.cascade.mouth import Utterance
from bridge.engine.cascade.phrases import IntentName
from bridge.engine.cascade.retrieval import Index
from bridge.engine.cascade.thought import Sentence, Thinker, Thought, Tools, cut
from bridge.engine.cascade.voice import voice_for
from bridge.facts.errors import EngineError
from bridge.gate.rules import compile_rules
from bridge.gate.scope import compile_scope
from bridge.gate.sentences import split
from bridge.gate.topic import TopicGate, topic_gate
from bridge.persona.schema import Persona

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """What is ready before a call of a persona comes: how it thinks, its first words, its last resort, its gate."""

    thinker: Thinker
    notice: tuple[Utterance, ...]
    greeting: tuple[Utterance, ...]
    resumption: tuple[Utterance, ...]
    apology: tuple[Utterance, ...]
    gate: TopicGate


def make_opening(tools: Tools, intents: Index[IntentName], persona: Persona) -> Opening:
    """Embed what the persona knows and speak its fixed lines: 4 ms a question, 10 ms a line.

    The notices precede the greeting, and a caller who speaks does not stop them. Raises EngineError if the
    blocked topics cannot be compiled.
    """
    _warn_of_language(persona)
    try:
        rules = compile_rules(persona.blocked)
    except ValueError as error:
        raise EngineError(f"Persona {persona.name}, blocked: {error}. Change it in the persona's file.") from None
    scope = compile_scope(persona, tools.embedder.embed)
    thinker = Thinker(tools, learn(tools.embedder, persona, intents), rules, scope)
    for line in _fixed_lines(persona):
        for sentence in split(line):
            tools.voice.speak(sentence, persona.language)
    gate = topic_gate(persona, rules, scope)
    notice = cut(persona.recording.notice if persona.recording else "", wish="record", protected=True)
    consent = cut(persona.consent or "", protected=True)
    greeting = cut(persona.greeting, memory=Memory(last=(persona.greeting,)))
    return Opening(
        thinker,
        notice=_recite(thinker, notice, gate),
        greeting=_recite(thinker, (*consent, *greeting), gate),
        resumption=_recite(thinker, cut(persona.resume_say), gate),
        apology=_recite(thinker, cut(persona.unknown.give_up), gate),
        gate=gate,
    )


def _recite(thinker: Thinker, sentences: tuple[Sentence, ...], gate: TopicGate) -> tuple[Utterance, ...]:
    thought = Thought()
    thinker.recite(thought, sentences, gate)
    return tuple(thought.utterances)


def _fixed_lines(persona: Persona) -> tuple[str, ...]:
    """What will surely be said in some call."""
    unknown, limits = persona.unknown, persona.limits
    return (
        persona.refusal,
        *(line for each in persona.restrictions for line in (each.refusal, each.question) if line),
        persona.after_refusals.say or "",
        persona.transfer_say,
        unknown.ask_again,
        unknown.offer_transfer,
        unknown.give_up,
        limits.idle_question,
        limits.goodbye,
        persona.recording.opted_out if persona.recording else "",
    )


def _warn_of_language(persona: Persona) -> None:
    if not persona.language.startswith("en"):
        log.warning("persona %s: the cascade engine understands English, not %s", persona.name, persona.language)
    if voice_for(persona.language) is None:
        log.warning("persona %s: there is no voice for %s; the English one speaks", persona.name, persona.language)
