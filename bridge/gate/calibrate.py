"""A threshold for a persona's allowed topics, from the examples in its own file.

Each example is scored as if it were not in the file: one that is compared with itself is always near. The threshold is
where the share of allowed sentences that would be refused, taken `_WRONG_REFUSAL` times, and the share of others that
would pass are least together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.gate.everyday import ELSEWHERE
from bridge.gate.scope import FEWEST_WORDS, Embed, Vectors, score, sentences, texts_allowed, texts_elsewhere, words
from bridge.persona.schema import ENOUGH, Persona

_WRONG_REFUSAL: Final = 4
"""How many times an allowed sentence that is refused counts: nearly all sentences of a call are allowed ones."""

_STEPS: Final = [step / 100 for step in range(-50, 101)]


@dataclass(frozen=True, slots=True)
class Scored:
    """An example and its score without itself."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """What a threshold would do: allowed sentences `refused`, and others that `passed`, by where they come from."""

    threshold: float
    refused: int
    passed: int
    passed_blocked: int
    passed_everyday: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The scores of all examples, and the threshold chosen.

    `allowed` are the persona's examples, questions, answers and information; `elsewhere` its off-topic examples,
    `blocked` the examples of its blocked topics, `everyday` sentences on subjects of which hardly any business talks.
    """

    allowed: tuple[Scored, ...]
    elsewhere: tuple[Scored, ...]
    blocked: tuple[Scored, ...]
    everyday: tuple[Scored, ...]
    threshold: float

    @property
    def shortages(self) -> tuple[str, ...]:
        """What there is too little of in the file."""
        counts = {"examples": len(self.allowed), "off_topic_examples": len(self.elsewhere)}
        return tuple(f"{name}: {count}, and {ENOUGH} are needed" for name, count in counts.items() if count < ENOUGH)

    def at(self, threshold: float) -> Confusion:
        """What a threshold would do with the examples."""
        return Confusion(
            threshold,
            sum(one.score < threshold for one in self.allowed),
            *(sum(one.score >= threshold for one in group) for group in (self.elsewhere, self.blocked, self.everyday)),
        )

    def mistakes(self, threshold: float) -> tuple[list[Scored], list[Scored]]:
        """The allowed sentences that would be refused and the persona's own off-topic ones that would pass."""
        refused = [one for one in self.allowed if one.score < threshold]
        return refused, [one for one in self.elsewhere if one.score >= threshold]


def calibrate(persona: Persona, embed: Embed) -> Calibration:
    """Score a persona's examples and choose a threshold: 1 ms an example. ValueError if it allows no topics."""
    if persona.allowed is None:
        raise ValueError("it has no allowed topics")
    allowed, elsewhere = texts_allowed(persona), texts_elsewhere(persona)
    near, far = embed(allowed), embed(elsewhere)
    ours = _scored(_given(persona), allowed, near, near, far)
    blocked = {example for topic in persona.blocked for example in topic.examples}
    given = _judged(persona.allowed.off_topic_examples)
    foreign = _scored(given, elsewhere, far, near, far)
    refused = _scored(_judged(sorted(blocked)), elsewhere, far, near, far)
    everyday = _scored(_judged(ELSEWHERE), elsewhere, far, near, far)
    return Calibration(ours, foreign, refused, everyday, _threshold(ours, [*foreign, *everyday]))


def _given(persona: Persona) -> list[str]:
    assert persona.allowed is not None
    asked = [question for fact in persona.facts for question in fact.ask]
    told = sentences([*(fact.answer for fact in persona.facts), persona.information])
    return _judged([*persona.allowed.examples, *asked, *told])


def _judged(texts: Sequence[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if words(text) >= FEWEST_WORDS]


def _scored(texts: list[str], row: list[str], own: Vectors, near: Vectors, far: Vectors) -> tuple[Scored, ...]:
    """The scores of some texts of a row, whose vectors are `own`: one of the two that they are compared with."""
    place = {text: index for index, text in enumerate(row)}
    found: list[Scored] = []
    for text in texts:
        vector = own[place[text]]
        nearness = {id(side): side @ vector for side in (near, far)}
        nearness[id(own)][place[text]] = -1.0
        found.append(Scored(text, round(float(score(nearness[id(near)], nearness[id(far)])), 3)))
    return tuple(found)


def _threshold(allowed: Sequence[Scored], others: Sequence[Scored]) -> float:
    """The middle of the widest stretch of thresholds at which the shares of mistakes, so weighed, are least."""

    def mistakes(threshold: float) -> float:
        refused = sum(one.score < threshold for one in allowed) / max(1, len(allowed))
        return round(_WRONG_REFUSAL * refused + sum(one.score >= threshold for one in others) / max(1, len(others)), 6)

    least = min(map(mistakes, _STEPS))
    stretches: list[list[float]] = [[]]
    for step in _STEPS:
        if mistakes(step) == least:
            stretches[-1].append(step)
        elif stretches[-1]:
            stretches.append([])
    widest = max(stretches, key=len)
    return widest[len(widest) // 2]
