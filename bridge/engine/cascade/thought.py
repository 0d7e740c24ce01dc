"""One answer in the making: what a thread of the pool does between the caller's silence and the agent's voice.

A thought is often begun in vain, while the caller only draws breath. So it works on copies (of the gate) and on
values (the memory), and nothing that it finds out counts until the slot takes it.
"""

from __future__ import annotations

import copy
import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from bridge.engine.cascade import answer as answers
from bridge.engine.cascade.answer import Answer, Knowledge, Memory, Role
from bridge.engine.cascade.hear_back import HearBack, understands
from bridge.engine.cascade.mouth import Utterance
from bridge.engine.cascade.voice import Line, Voice
from bridge.engine.embedding import Embedder
from bridge.engine.hearing.recogniser import Recogniser
from bridge.engine.hearing.voice_activity import Samples
from bridge.engine.llm import Llm, LlmError, Message
from bridge.facts.speech import Verdict, Wish
from bridge.gate.rules import Hit, Rules
from bridge.gate.scope import Scope
from bridge.gate.sentences import Splitter, split
from bridge.gate.topic import Review, TopicGate
from bridge.persona.prompt import llm_prompt
from bridge.persona.schema import Persona

log = logging.getLogger(__name__)

_MOST_SENTENCES: Final = 12
"""Sentences of one answer of a language model; the rest of it is dropped. Nobody listens longer on a telephone."""

_HISTORY: Final = 16
"""Messages of a call that a language model is reminded of."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the thoughts of all calls share."""

    recogniser: Recogniser
    embedder: Embedder
    voice: Voice
    llm: Llm | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer; `wish` and `memory` are those of the call once it is said."""

    text: str
    wish: Wish | None = None
    memory: Memory | None = None
    protected: bool = False


class Thought:
    """Where a thread leaves what it finds out, piece by piece, and where the slot says what it still wants.

    The thread sets `question`, then `heard`, and appends to `utterances`; the slot reads them, and clears
    `answer_wanted` and `words_wanted`. Each of these is one atomic step, so there is no lock.
    """

    def __init__(self) -> None:
        """Everything is wanted, nothing is known."""
        self.heard: str | None = None
        self.question = ""
        self.utterances: deque[Utterance] = deque()
        self.answer_wanted = True
        self.words_wanted = True

    def abandon(self) -> None:
        """Nothing of this is wanted any more."""
        self.answer_wanted = self.words_wanted = False

    def listen_only(self) -> None:
        """The answer is not wanted any more, what the caller said still is."""
        self.answer_wanted = False


class Thinker:
    """How one persona thinks; shared by its calls. The methods run in threads of the pool."""

    def __init__(self, tools: Tools, knowledge: Knowledge, rules: Rules, scope: Scope | None = None) -> None:
        """`knowledge`, `rules` and `scope` belong to the same persona."""
        self._tools = tools
        self._knowledge = knowledge
        self._rules = rules
        self._scope = scope
        self._persona = knowledge.persona

    def think(self, thought: Thought, samples: Samples, before: str, memory: Memory, gate: TopicGate) -> None:
        """Recognise `samples` (float32, 16 kHz), and answer them together with the words `before` them."""
        if not thought.words_wanted:
            return
        self.reply(thought, self._tools.recogniser.recognise(samples), before, memory, gate)

    def reply(self, thought: Thought, heard: str, before: str, memory: Memory, gate: TopicGate) -> None:
        """Answer what was `heard`, together with the words `before` it."""
        thought.question = _join(before, heard)
        thought.heard = heard
        if not heard or not thought.answer_wanted:
            return
        self._answer(thought, memory, copy.copy(gate))

    def recite(self, thought: Thought, sentences: tuple[Sentence, ...], gate: TopicGate) -> None:
        """Say sentences of the persona's or the bridge's own."""
        gate = copy.copy(gate)
        for sentence in sentences:
            review = gate.review(sentence.text, 0, own=True)
            self._utter(thought, review, sentence, gate)
            if review.verdict:
                return

    def _answer(self, thought: Thought, memory: Memory, gate: TopicGate) -> None:
        hits = self._rules.asked(thought.question)
        if hits:
            self._refuse(thought, hits[0], memory, gate)
            return
        decision = self._decide(thought.question, memory)
        known = decision is not None and decision.known
        stray = self._scope.stray_question(thought.question) if self._scope and not known else None
        if stray:
            self._answer_with(thought, gate.refuse_stray(stray, "caller", 0), memory, gate)
        elif decision is None:
            self._relay(thought, memory, gate)
        elif decision.blocked:
            hit = Hit(decision.blocked.text, decision.blocked.topic, 0, len(thought.question))
            self._refuse(thought, hit, decision.memory, gate)
        else:
            self.recite(thought, cut(*decision.texts, wish=decision.wish, memory=decision.memory), gate)

    def _decide(self, question: str, memory: Memory) -> Answer | None:
        """The answer from the persona's own words, or that there is none; None where a language model is to find it."""
        if self._tools.llm is None:
            return answers.answer(self._knowledge, self._tools.embedder, question, memory)
        if wanted := answers.directive(question):
            return answers.reply_to(self._knowledge, wanted, memory)
        blocked = answers.blocked_example(self._knowledge, self._tools.embedder, question)
        return Answer((), memory, blocked=blocked) if blocked else None

    def _refuse(self, thought: Thought, hit: Hit, memory: Memory, gate: TopicGate) -> None:
        self._answer_with(thought, gate.refuse_caller(hit, 0), memory, gate)

    def _answer_with(self, thought: Thought, refusal: Review, memory: Memory, gate: TopicGate) -> None:
        """Say a refusal; a caller may take up the question at its end."""
        assert refusal.verdict is not None
        redirected = refusal.verdict.action == "redirect"
        asked = replace(memory, misses=0, asked="redirect" if redirected else "")
        remembered = replace(asked, last=tuple(split(refusal.text))) if redirected else asked
        self._utter(thought, refusal, Sentence("", memory=remembered), gate)

    def _relay(self, thought: Thought, memory: Memory, gate: TopicGate) -> None:
        """Say a language model's answer, sentence by sentence, up to the first that the gate stops."""
        memory = _with_offer(memory)
        asked = _remember(replace(memory, asked="", keys=""), "user", _with_keys(memory, thought.question))
        said = ""
        ear = self._hear_back()
        for sentence in self._model_sentences(thought, memory):
            review = gate.review(sentence, 0)
            wanted = thought.answer_wanted and not review.verdict
            if ear and wanted and (heard := ear.blocked(self._spoken(sentence))):
                review = gate.refuse(heard[0], 0, sentence, heard[1])
            said = f"{said} {review.text}".strip()
            remembered = replace(_remember(asked, "assistant", said), last=(said,))
            self._utter(thought, review, Sentence(sentence, memory=remembered), gate)
            if review.verdict:
                return

    def _hear_back(self) -> HearBack | None:
        """An ear for one answer, if the persona wants one and it would understand."""
        wanted = self._persona.gate.hear_back and self._persona.blocked and understands(self._persona.language)
        return HearBack(self._tools.recogniser, self._rules, self._tools.embedder.is_word) if wanted else None

    def _spoken(self, text: str) -> Line:
        return self._tools.voice.speak(text, self._persona.language)

    def _model_sentences(self, thought: Thought, memory: Memory) -> Iterator[str]:
        assert self._tools.llm is not None
        messages = messages_for(self._persona, memory, thought.question)
        splitter = Splitter()
        told = 0
        try:
            for piece in self._tools.llm.stream(messages, lambda: thought.answer_wanted):
                for sentence in splitter.feed(piece):
                    yield sentence
                    told += 1
                    if told == _MOST_SENTENCES:
                        return
            rest = splitter.rest()
            yield from rest
            if not told and not rest and thought.answer_wanted:
                raise LlmError("failed", "the language model answered without a word")
        except LlmError as error:
            log.warning("%s; the caller was asked to try again", error)
            if not told:
                lines = self._knowledge.lines
                fallback = {"failed": lines.model_failed, "loading": lines.model_loading, "busy": lines.model_busy}
                yield from split(fallback[error.problem])

    def _utter(self, thought: Thought, review: Review, sentence: Sentence, gate: TopicGate) -> None:
        """Synthesise what the gate let through or put in place, and hand it over."""
        pieces = split(review.text)
        wish = review.wish if review.verdict else sentence.wish
        for place, text in enumerate(pieces):
            if not thought.answer_wanted:
                return
            last = place == len(pieces) - 1
            verdict: Verdict | None = None if place else review.verdict
            thought.utterances.append(
                Utterance(
                    self._spoken(text),
                    gate=copy.copy(gate),
                    wish=wish if last else None,
                    verdict=verdict,
                    memory=sentence.memory,
                    protected=sentence.protected,
                )
            )


def cut(
    *texts: str, wish: Wish | None = None, memory: Memory | None = None, protected: bool = False
) -> tuple[Sentence, ...]:
    """Texts as sentences to say one after the other; `wish` stands on the last."""
    sentences = [Sentence(sentence, None, memory, protected) for text in texts for sentence in split(text)]
    return (*sentences[:-1], replace(sentences[-1], wish=wish)) if sentences else ()


def _join(first: str, second: str) -> str:
    """Two halves of one thing said; the recogniser ended the first like a sentence of its own."""
    return f"{first.rstrip(' .?!,')} {second}" if first and second else first or second


def _remember(memory: Memory, role: Role, text: str) -> Memory:
    return replace(memory, history=(*memory.history, (role, text))[-_HISTORY:])


def messages_for(persona: Persona, memory: Memory, text: str) -> list[Message]:
    """The persona as system prompt, what was said so far, and the caller's words."""
    said = [{"role": role, "content": content} for role, content in memory.history]
    asked = {"role": "user", "content": _with_keys(memory, text)}
    return [{"role": "system", "content": llm_prompt(persona)}, *said, asked]


def _with_keys(memory: Memory, text: str) -> str:
    """The caller's words, and the keys that they have pressed before."""
    return f"(pressed {' '.join(memory.keys)}) {text}" if memory.keys else text


def _with_offer(memory: Memory) -> Memory:
    """A language model is told what the caller was asked behind a refusal, which they may say yes to."""
    if memory.asked != "redirect":
        return memory
    before = memory.history[-1:] if memory.history and memory.history[-1][0] == "assistant" else ()
    said = " ".join([*(text for _, text in before), *memory.last])
    history = memory.history[: len(memory.history) - len(before)] or (("user", "Hello."),)
    return replace(memory, history=(*history, ("assistant", said)))
