"""The topic gate of one call: reads the agent's text in order and decides before any of it is spoken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.facts.speech import Speaker, Verdict, Wish
from bridge.gate.begun import begun, tail
from bridge.gate.policy import Policy, policies
from bridge.gate.rules import Hit, Rules, Trail
from bridge.gate.scope import Scope, Stray
from bridge.persona.schema import OFF_TOPIC, AfterRefusals, Persona


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
    """One call's gate. It holds the trail of what was spoken and the numbers of refusals, and nothing else.

    Text comes in order, in sentences or smaller pieces whose edges are edges of words. A phrase that several pieces
    complete together is stopped in the piece that completes it.
    """

    def __init__(
        self,
        rules: Rules,
        refusal: str,
        after: AfterRefusals,
        topics: Mapping[str, Policy] | None = None,
        scope: Scope | None = None,
    ) -> None:
        """`refusal` is spoken instead of a stopped piece, unless the policy of its topic has another one.

        `after` says what happens once there were too many; `scope` is what may be talked about, if anything is said
        of that. `topic_gate` makes the gate of a persona.
        """
        self._rules = rules
        self._scope = scope
        self._default = Policy(refusal)
        self._after = after
        self._topics = dict(topics or {})
        self._refusals = frozenset(policy.refusal for policy in (self._default, *self._topics.values()))
        self._of_topic: Mapping[str, int] = {}  # replaced and never changed: a copy of the gate shares it
        self._trail = Trail()
        self._told = ""
        self.refusals = 0
        """Refusals of this call so far."""

    def review(self, sentence: str, at_ms: int, *, own: bool = False) -> Review:
        """Decide on the next piece of the agent's text, which would begin to sound at `at_ms` of the call's clock.

        The persona's own words are not asked whether they keep to its topics; they are where `own` says so. Other
        pieces must be whole sentences, where there is a scope.
        """
        if sentence.strip() in self._refusals:
            self.spoke(sentence)
            return Review(sentence)
        hits, trail = self._rules.follow(self._trail, sentence)
        if hits:
            before = begun(self._rules, hits[0].phrase, self._told, f" {sentence}")
            return self._refuse(hits[0], "agent", at_ms, sentence, before)
        stray = self._scope.stray(sentence) if self._scope and not own else None
        if stray:
            return self.refuse_stray(stray, "agent", at_ms, sentence)
        self._trail = trail
        self._told = tail(self._told, f" {sentence}")
        return Review(sentence)

    def refuse_caller(self, hit: Hit, at_ms: int) -> Review:
        """Answer a caller's words that met a blocked phrase; it counts like a refusal of the agent's own words."""
        return self._refuse(hit, "caller", at_ms)

    def refuse(self, hit: Hit, at_ms: int, withheld: str, before: str = "") -> Review:
        """Refuse a phrase of the agent's own that was found elsewhere, such as among a model's tokens.

        `before` is what of it has been handed over to be spoken.
        """
        return self._refuse(hit, "agent", at_ms, withheld, before)

    def refuse_stray(self, stray: Stray, speaker: Speaker, at_ms: int, withheld: str = "", before: str = "") -> Review:
        """Refuse what does not keep to the topics: the agent's own words, or an answer to what the caller asked."""
        return self._refuse(Hit(stray.reason, OFF_TOPIC, 0, len(withheld)), speaker, at_ms, withheld, before)

    def spoke(self, line: str) -> None:
        """Take note of a line that was spoken without review: the owner's own greeting, question, goodbye."""
        _, self._trail = self._rules.follow(self._trail, line)
        self._told = tail(self._told, f" {line}")

    def _refuse(self, hit: Hit, speaker: Speaker, at_ms: int, withheld: str = "", before: str = "") -> Review:
        self.refusals += 1
        of_topic = self._of_topic.get(hit.topic, 0) + 1
        self._of_topic = {**self._of_topic, hit.topic: of_topic}
        reply = self._topics.get(hit.topic, self._default).reply(of_topic, self.refusals, self._after)
        self.spoke(reply.text)
        verdict = Verdict(hit.phrase, hit.topic, speaker, reply.action, at_ms, withheld, before)
        return Review(reply.text, verdict, reply.wish)


def topic_gate(persona: Persona, rules: Rules, scope: Scope | None = None) -> TopicGate:
    """The gate of a call to a persona; `rules` and `scope` are compiled of its blocked and its allowed topics."""
    return TopicGate(rules, persona.refusal, persona.after_refusals, policies(persona), scope)
