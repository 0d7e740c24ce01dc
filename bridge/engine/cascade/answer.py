"""What to say to a caller's words, from a persona's facts: a decision, without sound, threads or a clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from bridge.engine.cascade.phrases import INTENT_THRESHOLD, INTENTS, IntentName, match_words
from bridge.engine.cascade.retrieval import Index, Key, build_index
from bridge.engine.embedding import Embedder
from bridge.facts.speech import Recollection, Wish
from bridge.gate.sentences import split
from bridge.persona.lines import Lines, lines_for
from bridge.persona.schema import Persona

_MOST_PARTS: Final = 5
"""Sentences of one turn that are looked at, from its end: what a caller wants, they say last."""

_MOST_ANSWERS: Final = 2
"""Questions of one turn that are answered; nobody keeps three answers in mind."""

_ANSWER_WEIGHT: Final = 1.2
"""A fact is found by its answer too, whose words are further from a question's than another question's are.

With each question of the five shipped personas left out in turn, this finds 240 of 418 instead of 172 and takes 118
instead of 146 for another. It takes as many questions on foreign subjects for a fact as before: 11 of 125.
"""

_INFORMATION_MARGIN: Final = 0.10
"""By this much nearer than a fact must a sentence of free information be: it was not written as an answer."""

_BLOCKED_MARGIN: Final = 0.03
"""A blocked example wins a near tie with a fact: a refusal too many is the smaller mistake."""


Role = Literal["user", "assistant"]
Asked = Literal["", "transfer", "more", "redirect"]


@dataclass(frozen=True, slots=True)
class Memory:
    """What one call remembers from turn to turn. A value: an answer that is thrown away leaves no trace.

    `misses` counts turns in a row that were not understood, `asked` is the yes-or-no question the agent asked last
    (that of a `redirect` ends `last`), `last` its last words; `history` holds what both said, (role, text), for a
    language model, and `keys` those that the caller has pressed since they spoke last.
    """

    misses: int = 0
    asked: Asked = ""
    last: tuple[str, ...] = ()
    history: tuple[tuple[Role, str], ...] = ()
    keys: str = ""


def recall(recollection: Recollection) -> Memory:
    """The memory of a call that was going on before this engine had it."""
    said = [spoken.text for spoken in recollection if spoken.speaker == "agent"]
    roles: dict[str, Role] = {"caller": "user", "agent": "assistant"}
    return Memory(last=tuple(said[-1:]), history=tuple((roles[spoken.speaker], spoken.text) for spoken in recollection))


@dataclass(frozen=True, slots=True)
class Example:
    """A question on a blocked topic, as the persona writes it."""

    text: str
    topic: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Texts to say in order, what is to happen after them, and the memory once they are said.

    `blocked` says which blocked topic the caller's question is on: then `texts` are empty, and the gate refuses.
    `known` is false where nothing was found to say to it.
    """

    texts: tuple[str, ...]
    memory: Memory
    wish: Wish | None = None
    blocked: Example | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class _Match:
    """What one sentence of the caller was taken for; `score` is the cosine, 1 where a word pattern matched."""

    kind: Literal["fact", "information", "blocked", "intent"]
    score: float
    text: str = ""
    intent: IntentName | None = None
    example: Example | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A persona in the form in which it can be searched."""

    persona: Persona
    lines: Lines
    facts: Index[str]
    information: Index[str]
    blocked: Index[Example]
    intents: Index[IntentName]


def learn_intents(embedder: Embedder) -> Index[IntentName]:
    """Embed the examples of all intents, once for all personas."""
    return build_index(
        embedder, [Key(example, name) for name, intent in INTENTS.items() for example in intent.examples]
    )


def learn(embedder: Embedder, persona: Persona, intents: Index[IntentName]) -> Knowledge:
    """Embed everything a persona knows: 4 ms for each question, example and sentence of information."""
    facts = [Key(ask, fact.answer) for fact in persona.facts for ask in fact.ask]
    facts += [Key(fact.answer, fact.answer, _ANSWER_WEIGHT) for fact in persona.facts]
    blocked = [
        Key(text, Example(text, topic.topic)) for topic in persona.blocked for text in (topic.topic, *topic.examples)
    ]
    return Knowledge(
        persona,
        lines_for(persona.language),
        build_index(embedder, facts),
        build_index(embedder, [Key(sentence, sentence) for sentence in split(persona.information)]),
        build_index(embedder, blocked),
        intents,
    )


def answer(knowledge: Knowledge, embedder: Embedder, text: str, memory: Memory) -> Answer:
    """Decide what to say to `text`. 4 ms for each of its sentences."""
    matches = _understand(knowledge, embedder, text)
    blocked = next((match.example for match in matches if match.example), None)
    if blocked is not None:
        return Answer((), replace(memory, misses=0, asked=""), blocked=blocked)
    told = tuple(dict.fromkeys(match.text for match in matches if match.kind in ("fact", "information")))
    if told:
        return _said(memory, told[:_MOST_ANSWERS])
    intent = _foremost(matches)
    if intent == "yes" and memory.asked == "redirect":
        return _taken_up(knowledge, embedder, memory)
    if intent is not None:
        return reply_to(knowledge, intent, memory)
    return _not_understood(knowledge.persona, memory)


def _taken_up(knowledge: Knowledge, embedder: Embedder, memory: Memory) -> Answer:
    """Answer what the agent itself asked the caller whether to answer; a person is what it may have offered."""
    offered = _understand(knowledge, embedder, memory.last[-1])
    told = tuple(match.text for match in offered if match.kind == "fact")
    if told:
        return _said(memory, told[:1])
    return reply_to(knowledge, "person" if _foremost(offered) == "person" else "yes", memory)


def blocked_example(knowledge: Knowledge, embedder: Embedder, text: str) -> Example | None:
    """The blocked example that one of the sentences is nearest to; None where a fact is nearer, or nothing is near."""
    return next((match.example for match in _understand(knowledge, embedder, text) if match.example), None)


def directive(text: str) -> Literal["person", "goodbye"] | None:
    """What a caller asks of the bridge itself, told by its wording alone: a person, or the end of the call."""
    named = [match_words(part) for part in split(text)]
    return next((name for name in ("person", "goodbye") if name in named), None)


def _understand(knowledge: Knowledge, embedder: Embedder, text: str) -> list[_Match]:
    """What each sentence was taken for; where no sentence is a question by itself, the whole is tried as one."""
    parts = split(text)[-_MOST_PARTS:]
    vectors = embedder.embed(parts)
    matches = [match for part, vector in zip(parts, vectors, strict=True) if (match := _match(knowledge, part, vector))]
    if len(parts) > 1 and all(match.kind == "intent" for match in matches):
        whole = _match(knowledge, text, embedder.embed([text])[0])
        if whole is not None and whole.kind != "intent":
            matches.append(whole)
    return matches


def _match(knowledge: Knowledge, text: str, vector: npt.NDArray[np.float32]) -> _Match | None:
    threshold = knowledge.persona.unknown.threshold
    found: list[_Match] = []
    if (near := knowledge.facts.nearest(vector)) and near[0] >= threshold:
        found.append(_Match("fact", near[0], text=near[1]))
    if (hit := knowledge.blocked.nearest(vector)) and hit[0] >= threshold:
        found.append(_Match("blocked", hit[0] + _BLOCKED_MARGIN, example=hit[1]))
    if not found and (near := knowledge.information.nearest(vector)) and near[0] >= threshold + _INFORMATION_MARGIN:
        found.append(_Match("information", near[0], text=near[1]))
    if (worded := match_words(text)) is not None:
        found.append(_Match("intent", 1.0, intent=worded))
    elif (said := knowledge.intents.nearest(vector)) and said[0] >= INTENT_THRESHOLD:
        found.append(_Match("intent", said[0], intent=said[1]))
    return max(found, key=lambda match: match.score, default=None)


def _foremost(matches: list[_Match]) -> IntentName | None:
    """Of several intents, the one that stands first in the table: a goodbye outweighs a thank-you."""
    named = {match.intent for match in matches}
    return next((name for name in INTENTS if name in named), None)


def _said(memory: Memory, texts: tuple[str, ...], asked: Asked = "") -> Answer:
    return Answer(texts, replace(memory, misses=0, asked=asked, last=texts))


def reply_to(knowledge: Knowledge, intent: IntentName, memory: Memory) -> Answer:
    """What to say to an intent."""
    persona, lines = knowledge.persona, knowledge.lines
    match intent:
        case "hello":
            return _said(memory, (lines.hello,))
        case "thanks":
            return _said(memory, (lines.thanks,), "more")
        case "well":
            return _said(memory, (lines.well,))
        case "machine":
            return _said(memory, (lines.machine,))
        case "wait":
            return Answer((lines.wait,), memory)
        case "repeat":
            return Answer(memory.last or (lines.nothing_said,), memory)
        case "person":
            return _transfer(persona, memory)
        case "goodbye":
            return replace(_said(memory, (persona.limits.goodbye,)), wish="hangup")
        case "yes" if memory.asked == "transfer":
            return _transfer(persona, memory)
        case "yes":
            return _said(memory, (lines.more,))
        case "no" if memory.asked == "more":
            return replace(_said(memory, (persona.limits.goodbye,)), wish="hangup")
        case "no":
            return _said(memory, (lines.all_right,), "more")


def _transfer(persona: Persona, memory: Memory) -> Answer:
    if persona.transfer is None:
        return _said(memory, (persona.unknown.give_up,), "more")
    return replace(_said(memory, (persona.transfer_say,)), wish="transfer")


def _not_understood(persona: Persona, memory: Memory) -> Answer:
    """Ask again, once. Then offer a person, if there is one, or give up on this question."""
    if memory.misses == 0:
        return Answer((persona.unknown.ask_again,), replace(memory, misses=1, asked=""), known=False)
    if persona.transfer is not None:
        return replace(_said(memory, (persona.unknown.offer_transfer,), "transfer"), known=False)
    return replace(_said(memory, (persona.unknown.give_up,), "more"), known=False)
