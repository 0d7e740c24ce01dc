"""The topic gate of one call on the tokens of a model that speaks while it writes. No torch, no clock.

Before each token is chosen the model offers some with their probabilities, and `TokenGate.choose` says which of them it
may be. The promise: text that is `hold` + 1 tokens old contains no blocked phrase, whatever is offered. A token's sound
is made one step after the token is chosen, so a caller whose sound is held back by `hold` frames hears none of it.

* A token that completes a phrase for good is forbidden: the next most likely one takes its place.
* The end of a word is seen in what follows it: "ass" may become "assistant". Such a word is written, and its sound
  waits for the next token. Whatever would leave it standing (a space, a full stop, padding) is forbidden.
* Where the forbidden tokens are too likely (`insistence`), or no other is left, the gate takes over: the model is made
  to say the refusal, and what has been written and not been heard is dropped.
* Afterwards the model may not go on with what it was saying: it listens until the caller speaks (`LATCH_FRAMES`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.facts.speech import Speaker
from bridge.gate.rules import Hit, Pattern
from bridge.gate.scope import Stray
from bridge.gate.topic import Review, TopicGate
from bridge.gate.vocabulary import State, Vocabulary

LATCH_FRAMES: Final = 100
"""After a refusal the model listens for the caller, but so many frames (8 s) at most."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of one step: the `token` to say, or None where the gate takes over because of `stopped`.

    The latest `drop` tokens chosen have not been heard, and must not be: those before them are heard, even where the
    call would have had time to drop them, if they make a harmless word of one that has been heard. `forbidden` are the
    tokens offered that must not be said, with the phrases they would complete, as far as they were looked at: once
    they cannot take the call over any more, the rest is not. `latched` where the model may not speak yet: its sound is
    to be silence.
    """

    token: int | None
    stopped: Pattern | None = None
    forbidden: tuple[tuple[int, Pattern], ...] = ()
    latched: bool = False
    drop: int = 0


class TokenGate:
    """One call's gate. See the module."""

    def __init__(
        self, vocabulary: Vocabulary, topic: TopicGate, padding: int, *, hold: int = 0, insistence: float = 0.5
    ) -> None:
        """`topic` counts the refusals of the call; `padding` is the token that is said where the model must listen.

        From a probability of `insistence` of forbidden tokens, of those offered, the gate takes over.
        """
        self._vocabulary = vocabulary
        self._topic = topic
        self._padding = padding
        self._hold = hold
        self._insistence = insistence
        self._state = vocabulary.start
        self._armed: deque[bool] = deque((False,), maxlen=hold + 2)  # of the tokens not heard yet, and the one before
        self._latch = 0

    @property
    def armed(self) -> bool:
        """Whether the latest token must not be heard if no other follows: it ends a blocked phrase."""
        return self._armed[-1]

    @property
    def drop(self) -> int:
        """Tokens that must not be heard if the text is cut off now; see `Choice`."""
        return len(self._armed) - 1 - self._armed.index(False)

    def choose(self, tokens: Sequence[int], weights: Sequence[float], *, caller_speaks: bool = False) -> Choice:
        """Choose one of the tokens offered, in the order in which they would be drawn; it counts as said.

        `weights` are their probabilities, up to a factor. There must be at least one.
        """
        if self._latch:
            self._latch = 0 if caller_speaks else self._latch - 1
        if self._latch:
            return Choice(self._padding, latched=True)
        chosen: tuple[int, State] | None = None
        forbidden: list[tuple[int, Pattern]] = []
        likely, left = 0.0, sum(weights)
        enough = self._insistence * left
        after, state = self._vocabulary.after, self._state
        for token, weight in zip(tokens, weights, strict=True):
            outcome = after(state, token)
            left -= weight
            if isinstance(outcome, State):
                chosen = chosen or (token, outcome)
            else:
                forbidden.append((token, outcome))
                likely += weight
            if chosen and likely + left < enough:
                break  # whatever the others would complete, they are too unlikely to take the call over
        refused = tuple(forbidden)
        if chosen is None or (refused and likely >= enough):
            stopped = max(refused, key=lambda pair: len(pair[1].letters))[1]
            return Choice(None, stopped, refused, drop=self.drop)
        token, self._state = chosen
        self._armed.append(self._state.armed is not None)
        return Choice(token, forbidden=refused)

    def take_over(self, stopped: Pattern, at_ms: int, withheld: str, before: str = "") -> Review:
        """Refuse, after a choice that says so: what is to be said instead.

        `withheld` is what nobody has heard, `before` what of the phrase has been handed over to be heard.
        """
        hit = Hit(stopped.phrase, stopped.topic, 0, len(withheld))
        return self._instead(self._topic.refuse(hit, at_ms, withheld, before))

    def leave_topic(self, stray: Stray, speaker: Speaker, at_ms: int, withheld: str, before: str = "") -> Review:
        """Refuse because the agent's words, or the caller's question, do not keep to the topics: what is to be said."""
        return self._instead(self._topic.refuse_stray(stray, speaker, at_ms, withheld, before))

    def _instead(self, review: Review) -> Review:
        self.spoke(review.text)
        self._latch = LATCH_FRAMES
        return review

    def spoke(self, line: str) -> None:
        """Take note of a line of the owner's own, which is not judged and stands by itself."""
        self._state = self._vocabulary.read(self._vocabulary.start, line)
        self._armed = deque((False,), maxlen=self._hold + 2)
