"""The topic gate of one call: reads the agent's text in order and decides before any of it is spoken."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.facts.speech import Speaker, Verdict, Wish
from bridge.gate.rules import Hit, Rules, Trail
from bridge.persona.schema import AfterRefusals


@dataclass(frozen=True, slots=True)
class Review:
    """What to speak instead of what was reviewed: `text`, unchanged where `verdict` is None.

    After a verdict the rest of the answer which the text belongs to must not be spoken either. `wish` says how the
    call is to end once `text` has been heard.
    """

    text: str
    verdict: Verdict | None = None
    wish: Wish | None = None


class TopicGate:
    """One call's gate. It holds the trail of what was spoken and the number of refusals, and nothing else.

    Text comes in order, in sentences or smaller pieces whose edges are edges of words. A phrase that several pieces
    complete together is stopped in the piece that completes it.
    """

    def __init__(self, rules: Rules, refusal: str, after: AfterRefusals) -> None:
        """`refusal` is spoken instead of a stopped piece; `after` says what happens once there were too many."""
        self._rules = rules
        self._refusal = refusal
        self._after = after
        self._trail = Trail()
        self.refusals = 0
        """Refusals of this call so far."""

    def review(self, sentence: str, at_ms: int) -> Review:
        """Decide on the next piece of the agent's text, which would begin to sound at `at_ms` of the call's clock."""
        if sentence.strip() == self._refusal:
            self.spoke(sentence)
            return Review(sentence)
        hits, trail = self._rules.follow(self._trail, sentence)
        if hits:
            return self._refuse(hits[0], "agent", at_ms, withheld=sentence)
        self._trail = trail
        return Review(sentence)

    def refuse_caller(self, hit: Hit, at_ms: int) -> Review:
        """Answer a caller's words that met a blocked phrase; it counts like a refusal of the agent's own words."""
        return self._refuse(hit, "caller", at_ms, withheld="")

    def refuse(self, hit: Hit, at_ms: int, withheld: str) -> Review:
        """Refuse a phrase of the agent's own that was found elsewhere, such as among a model's tokens."""
        return self._refuse(hit, "agent", at_ms, withheld)

    def spoke(self, line: str) -> None:
        """Take note of a line that was spoken without review: the owner's own greeting, question, goodbye."""
        _, self._trail = self._rules.follow(self._trail, line)

    def _refuse(self, hit: Hit, speaker: Speaker, at_ms: int, withheld: str) -> Review:
        self.refusals += 1
        text, wish = self._refusal, None
        if self.refusals >= self._after.count:
            wish = None if self._after.action == "continue" else self._after.action
            text = f"{text} {self._after.say}" if self._after.say else text
        self.spoke(text)
        return Review(text, Verdict(hit.phrase, hit.topic, speaker, wish or "refuse", at_ms, withheld), wish)
