"""Allowed topics: whether a sentence keeps to what a persona may talk about, by its meaning.

A sentence is compared, as a vector, with everything the persona allows: its topics and examples, its facts, its own
lines, the courtesies of any call; and with what it does not: its examples of other topics, the examples of what it
blocks, and some sentences on everyday subjects. It strays if what it has in common with the former, less half of what
it has in common with the latter, is below the persona's threshold.

That is a judgement and no promise: nearness in meaning is fuzzy, and a sentence must be there before it has one. The
embedder is a callable that is passed in; nothing here knows a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.gate.everyday import COURTESIES, ELSEWHERE
from bridge.gate.sentences import split
from bridge.persona.lines import lines_for
from bridge.persona.schema import OFF_TOPIC, Persona

Vectors = npt.NDArray[np.float32]
"""Unit vectors, float32, shape (n, 384)."""

Embed = Callable[[Sequence[str]], Vectors]
"""Texts to their vectors; the cosine of two is their dot product. 3 to 4 ms a sentence on one core."""

ELSEWHERE_WEIGHT: Final = 0.5
"""How much nearness to other topics counts against nearness to those that are allowed.

Of 44 sentences of a dental practice's calls and 54 on foreign subjects (`tests/gate/dental_talk.py`) the best threshold
tells 95 apart so; without what is elsewhere 92, with its full weight 93.
"""

FEWEST_WORDS: Final = 4
"""Shorter sentences are not judged: "Yes, please" and "Paris" have no topic of their own."""

_RUNNING_WORDS: Final = 6
"""Words from which on the beginning of a sentence is judged. Of allowed ones 2 of 23 stray at four, none at five."""

_STEP: Final = 4
"""Words after which a sentence that goes on is judged again: 1.3 s of speech."""

_ASKING: Final = frozenset(
    """
    what who whom whose which when where why how can could do does did is are was were will would should may shall have
    has tell give write sing explain describe recommend translate imagine pretend say read make help teach suggest
    """.split()  # noqa: SIM905
)
"""First words of what is a question or a request even without its mark."""

_WORD: Final = re.compile(r"\w+(?:['’]\w+)?")
_ENDED: Final = re.compile(r"[.!?…][\"'”’)]*\s*$")


@dataclass(frozen=True, slots=True)
class Stray:
    """A sentence that does not keep to the topics: how near it comes to them, and what it would have to."""

    sentence: str
    score: float
    threshold: float

    @property
    def reason(self) -> str:
        """What a verdict names in place of a blocked phrase."""
        return f"nothing allowed is near ({self.score:.2f} < {self.threshold:.2f})"


class Scope:
    """The allowed topics of one persona. Read only, so that all its calls share it, in any thread that may embed."""

    def __init__(self, allowed: Vectors, elsewhere: Vectors, threshold: float, embed: Embed) -> None:
        """Use `compile_scope`. Both are unit vectors, shape (n, d), with one row at least."""
        self._allowed = allowed
        self._elsewhere = elsewhere
        self._threshold = threshold
        self._embed = embed

    def score(self, sentence: str) -> float:
        """How well a sentence keeps to the topics: about 1 for what is allowed word for word, 0 and less elsewhere."""
        (vector,) = self._embed([sentence])
        return float(score(self._allowed @ vector, self._elsewhere @ vector))

    def stray(self, sentence: str) -> Stray | None:
        """What is wrong with a sentence of the agent's; None if it keeps to the topics, or is too short to tell."""
        if words(sentence) < FEWEST_WORDS:
            return None
        reached = self.score(sentence)
        return Stray(sentence, reached, self._threshold) if reached < self._threshold else None

    def stray_question(self, text: str) -> Stray | None:
        """What is wrong with a caller's words: they ask for something, and for nothing that is allowed."""
        asked = [sentence for sentence in split(text) if asks(sentence)]
        strays = [self.stray(sentence) for sentence in asked if words(sentence) >= FEWEST_WORDS]
        found = [stray for stray in strays if stray is not None]
        return min(found, key=lambda stray: stray.score) if found and len(found) == len(strays) else None


class Watch:
    """The agent's words of one call as they come, and when the sentence that they make is worth judging."""

    def __init__(self) -> None:
        """Nothing has been said."""
        self._sentence = ""
        self._judged = 0

    def feed(self, text: str) -> str | None:
        """Take more text; give what is to be judged now, if anything: a sentence, or the beginning of a long one."""
        self._sentence += text
        count = words(self._sentence)
        if _ENDED.search(self._sentence):
            sentence, judged = self._sentence.strip(), self._judged
            self.restart()
            return sentence if FEWEST_WORDS <= count != judged else None
        complete = count - 1  # the latest may go on
        if not text.startswith(" ") or complete < _RUNNING_WORDS or complete < self._judged + _STEP:
            return None
        self._judged = complete
        return self._sentence.rpartition(" ")[0].strip()

    def restart(self) -> None:
        """Another sentence begins."""
        self._sentence = ""
        self._judged = 0


def words(text: str) -> int:
    """The number of its words."""
    return len(_WORD.findall(text))


def asks(sentence: str) -> bool:
    """Whether a caller's sentence asks for something."""
    first = _WORD.search(sentence.casefold())
    return sentence.rstrip().endswith("?") or bool(first and re.split("['’]", first[0])[0] in _ASKING)


def score(allowed: Vectors, elsewhere: Vectors) -> np.float32:
    """The score of nearnesses (cosines) to what is allowed and to what is not, each of shape (n,), n at least 1."""
    return np.float32(allowed.max() - ELSEWHERE_WEIGHT * elsewhere.max())


def compile_scope(persona: Persona, embed: Embed) -> Scope | None:
    """Embed what a persona allows and what it does not, 1 ms a text; None where it does not say what it allows."""
    if persona.allowed is None:
        return None
    allowed, elsewhere = embed(texts_allowed(persona)), embed(texts_elsewhere(persona))
    return Scope(allowed, elsewhere, persona.allowed.threshold, embed)


def texts_allowed(persona: Persona) -> list[str]:
    """Everything that a persona's calls may be about."""
    given = persona.allowed
    texts = [*given.topics, *given.examples] if given else []
    texts += [question for fact in persona.facts for question in fact.ask]
    texts += sentences(fact.answer for fact in persona.facts)
    texts += sentences([persona.information, *_own_lines(persona)])
    return list(dict.fromkeys([*texts, *sentences(astuple(lines_for(persona.language))), *COURTESIES]))


def texts_elsewhere(persona: Persona) -> list[str]:
    """What they are not to be about."""
    given = persona.allowed.off_topic_examples if persona.allowed else ()
    blocked = [example for topic in persona.blocked for example in topic.examples]
    return list(dict.fromkeys([*given, *blocked, *ELSEWHERE]))


def sentences(texts: Iterable[str]) -> list[str]:
    """All sentences of some texts."""
    return [sentence for text in texts for sentence in split(text)]


def _own_lines(persona: Persona) -> list[str]:
    lines = [
        persona.greeting,
        persona.consent,
        persona.refusal,
        persona.after_refusals.say,
        persona.transfer_say,
        *(line for each in persona.restrictions for line in (each.refusal, each.question)),
        *(persona.limits.idle_question, persona.limits.goodbye),
        *(persona.unknown.ask_again, persona.unknown.offer_transfer, persona.unknown.give_up),
    ]
    return [line for line in lines if line]


__all__ = ["OFF_TOPIC", "Embed", "Scope", "Stray", "Vectors", "Watch", "asks", "compile_scope"]
