"""What is going to end a call: who asked for it, what is said before, and whether that was heard.

    asked (key, operator) ──▶ announced ──▶ said ──its mark is back──▶ over
    wished (caller, gate) ───────────────────▲ │
                              talked over ─────┘  a wish of the conversation is dropped; what was asked for is done

A caller who talks over a goodbye has not finished. A caller who talks over the announcement of a transfer that was
asked for from outside, or by a key, is put through all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.audio.playout import Piece
from bridge.facts.speech import Ending as Way
from bridge.persona.schema import Persona
from bridge.transcript.records import Asker, How

ANNOUNCE_SECONDS: Final = 20.0
"""What was asked for is done so much later at the latest, whatever became of its announcement."""

MARK_GRACE_SECONDS: Final = 2.0
"""A mark that is not back this long after its audio should have ended will not come."""

_WHY: Final[dict[Asker, str]] = {
    "caller": "the caller asked for a person",
    "gate": "the topic gate puts the caller through",
    "key": "the caller pressed a key for it",
    "operator": "it was asked for from outside",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended; `reason` in words. `person` is the number that a transfer goes to."""

    how: How
    reason: str
    person: str = ""


@dataclass(slots=True)
class _Asked:
    """Something that shall happen, whatever the caller says meanwhile. `spoken`: its announcement has begun."""

    way: Way
    by: Asker
    until: float
    person: str
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """The call ends in this way once this piece has been heard."""

    way: Way
    by: Asker
    piece: Piece
    reason: str


class Parting:
    """Owner of how one call will end. Times are seconds of the call."""

    def __init__(self, persona: Persona) -> None:
        """Nothing is going to end it."""
        self.how: How = "agent_goodbye"
        self._persona = persona
        self._asked: _Asked | None = None
        self._said: _Said | None = None
        self._gated = ""  # the gate's last action, for as long as what it says is not interrupted

    @property
    def said(self) -> bool:
        """The last words are on their way."""
        return self._said is not None

    @property
    def decided(self) -> bool:
        """The call is coming to its end, without any further limit."""
        return self._said is not None or self._asked is not None

    def ask(self, way: Way, by: Asker, now: float, person: str = "") -> bool:
        """Somebody asks for the end, or to be put through to `person` (default: the persona's own).

        False: it is going to end already, or there is nobody to be put through to.
        """
        person = person or self._persona.transfer or ""
        if self._asked or self._said or (way == "transfer" and not person):
            return False
        self._asked = _Asked(way, by, now + ANNOUNCE_SECONDS, person)
        if way == "hangup" and by == "operator":
            self.how = "operator_hangup"
        return True

    def gate(self, action: str) -> None:
        """The gate stopped something, and wants this done."""
        self._gated = action
        if action == "hangup":
            self.how = "gate_hangup"

    def spoke(self) -> None:
        """The agent's words are on their way to the caller."""
        if self._asked:
            self._asked.spoken = True

    def wish(self, way: Way, piece: Piece, reason: str = "the goodbye was heard") -> Asker | None:
        """The agent's last words end with `piece`. Who wants the end so; None if it was going to end already."""
        if self._said:
            return None
        asked = self._asked
        by: Asker = asked.by if asked and asked.way == way else "gate" if self._gated == way else "caller"
        self._said = _Said(way, by, piece, reason)
        return by

    def cleared(self, *, by_gate: bool) -> Outcome | None:
        """What was on its way is taken back. An outcome: the call ends now."""
        self._said = None
        if not by_gate:  # the gate's own goodbye is still to come
            self._gated = ""
            if self.how not in ("operator_hangup", "too_long"):
                self.how = "agent_goodbye"
        if self._asked and self._asked.spoken:
            return self._outcome(self._asked.way, self._asked.by, "it was asked for")
        return None

    def heard(self, piece: Piece) -> Outcome | None:
        """The caller has heard `piece`. An outcome: it was the last."""
        if self._said and piece.mark == self._said.piece.mark:
            return self._outcome(self._said.way, self._said.by, self._said.reason)
        return None

    def mark_is_late(self, now: float) -> bool:
        """The mark behind the last words should have come back."""
        return self._said is not None and now > self._said.piece.end_ms / 1000 + MARK_GRACE_SECONDS

    def overdue(self, now: float) -> Outcome | None:
        """An outcome: what was asked for has not come to be said, and is done now."""
        if self._asked and not self._said and now > self._asked.until:
            return self._outcome(self._asked.way, self._asked.by, "it was asked for")
        return None

    def unsaid(self) -> Outcome | None:
        """There is no engine to say anything. An outcome: what was asked for is done now."""
        return self._outcome(self._asked.way, self._asked.by, "it was asked for") if self._asked else None

    def _outcome(self, way: Way, by: Asker, reason: str) -> Outcome:
        if way == "hangup":
            return Outcome(self.how, reason)
        person = self._asked.person if self._asked else self._persona.transfer or ""
        return Outcome("transfer", f"the caller is put through to a person: {_WHY[by]}", person)
