"""What a refusal says and leads to, as a persona has it for a topic and for the call as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.facts.speech import Action, Ending
from bridge.persona.schema import OFF_TOPIC, AfterRefusals, Allowed, BlockedTopic, Persona


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said instead of what was stopped, what the verdict calls it, and how the call is to end behind it."""

    text: str
    action: Action
    wish: Ending | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One topic's: `refusal` in place of the persona's own, `question` behind it.

    With `wish` the call ends from the refusal of the topic that `count` says; `farewell` is spoken before that.
    """

    refusal: str
    question: str = ""
    wish: Ending | None = None
    count: int = 1
    farewell: str = ""

    def reply(self, of_topic: int, of_call: int, after: AfterRefusals) -> Reply:
        """The reply to refusal number `of_topic` of its topic and `of_call` of the call; `after` is the rule for calls.

        The topic's own end comes before that of the call, and a call that ends is asked nothing any more.
        """
        if self.wish is not None and of_topic >= self.count:
            return Reply(f"{self.refusal} {self.farewell}", self.wish, self.wish)
        wish = None if after.action == "continue" else after.action
        if of_call >= after.count and (wish or after.say):
            return Reply(f"{self.refusal} {after.say or ''}".rstrip(), wish or "refuse", wish)
        if self.question:
            return Reply(f"{self.refusal} {self.question}", "redirect")
        return Reply(self.refusal, "refuse")


def policies(persona: Persona) -> Mapping[str, Policy]:
    """The policy of each topic of a persona, by its name; that of everything which is not allowed is `OFF_TOPIC`."""
    found = {topic.topic: policy_of(topic, persona) for topic in persona.blocked}
    return {**found, OFF_TOPIC: policy_of(persona.allowed, persona)} if persona.allowed else found


def policy_of(topic: BlockedTopic | Allowed, persona: Persona) -> Policy:
    """What a persona says of one topic; where it says nothing, its refusal and no more."""
    farewells = {"transfer": persona.transfer_say, "hangup": persona.limits.goodbye}
    return Policy(
        refusal=topic.refusal or persona.refusal,
        question=topic.question or "",
        wish=topic.action if topic.action in ("transfer", "hangup") else None,
        count=topic.count,
        farewell=farewells.get(topic.action, ""),
    )
