"""A text put to the gate as if a model had written it: what would be said, and what a caller would hear."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bridge.facts.speech import Verdict
from bridge.gate.rules import Rules
from bridge.gate.scope import Scope, Watch
from bridge.gate.sentences import split
from bridge.gate.tokens import TokenGate
from bridge.gate.topic import Review, topic_gate
from bridge.gate.vocabulary import Piece, Vocabulary
from bridge.persona.schema import Persona

Action = Literal["pass", "forbid", "refuse"]

LONGEST_TEXT: Final = 10_000
"""Characters of a text to be tried; no answer is nearly as long, and one endless word takes minutes."""

_WORD: Final = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Judged:
    """One piece. `forbid`: it was chosen, and is dropped because a later one stops the text. `refuse`: that one."""

    piece: str
    action: Action
    phrase: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The pieces up to the one that is refused; the first `heard` of them are heard, then `refusal`, if any."""

    pieces: tuple[Judged, ...]
    heard: int
    phrase: str | None = None
    refusal: str = ""
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """A whole text after the gate: the first `count` pieces are heard, which make the text `heard`, then the refusal.

    Without a verdict it passes.
    """

    pieces: tuple[Judged, ...]
    count: int
    heard: str
    refusal: str = ""
    verdict: Verdict | None = None

    @property
    def phrase(self) -> str | None:
        """The blocked phrase, or why it keeps to none of the allowed topics."""
        return self.verdict.phrase if self.verdict else None

    @property
    def spoken(self) -> str:
        """All that the caller hears."""
        return f"{self.heard} {self.refusal}".strip()


def try_tokens(persona: Persona, rules: Rules, pieces: Sequence[Piece], scope: Scope | None = None) -> Tried:
    """The agent's words in the pieces of a model that speaks while it writes, with the persona's `gate.hold`."""
    trial = try_pieces(persona, rules, pieces, persona.gate.hold, scope)
    return Tried(trial.pieces, trial.heard, joined(pieces[: trial.heard]), trial.refusal, trial.verdict)


def try_sentences(persona: Persona, rules: Rules, text: str, scope: Scope | None = None) -> Tried:
    """The agent's words, word by word, of which whole sentences are heard, as the CPU engine has it."""
    sentences = [(sentence, [f" {word}" for word in sentence.split()]) for sentence in split(text)]
    # Behind each sentence there is padding, so that its last word is known to have ended.
    trial = try_pieces(persona, rules, [piece for _, words in sentences for piece in (*words, "")])
    reached = len(trial.pieces) if trial.verdict else sum(len(words) + 1 for _, words in sentences) + 1
    judged: list[Judged] = []
    heard: list[str] = []
    at = 0
    for sentence, words in sentences:
        if reached <= at + len(words) + 1:
            last = [one for one in trial.pieces[at:] if one.piece]
            last[-1] = Judged(last[-1].piece, "refuse", trial.phrase)
            return Tried((*judged, *last), len(judged), " ".join(heard), trial.refusal, trial.verdict)
        stray = scope.stray(sentence) if scope else None
        if stray is not None:
            review = topic_gate(persona, rules).refuse_stray(stray, "agent", 0, sentence)
            left_out = [Judged(word, _action(at, len(words) - 1), stray.reason) for at, word in enumerate(words)]
            return Tried((*judged, *left_out), len(judged), " ".join(heard), review.text, review.verdict)
        judged += [Judged(word, "pass") for word in words]
        heard.append(sentence)
        at += len(words) + 1
    return Tried(tuple(judged), len(judged), " ".join(heard))


def try_question(persona: Persona, rules: Rules, text: str, scope: Scope | None = None) -> Tried:
    """A caller's words: nothing of them is kept back; the words that meet what is blocked are those of the refusal."""
    words = [(found[0], found.start(), found.end()) for found in _WORD.finditer(text)]
    gate = topic_gate(persona, rules)
    for hit in rules.asked(text)[:1]:
        review = gate.refuse_caller(hit, 0)
        judged = (
            Judged(word, "refuse", hit.phrase) if start < hit.end and hit.start < end else Judged(word, "pass")
            for word, start, end in words
        )
        return Tried(tuple(judged), len(words), "", review.text, review.verdict)
    stray = scope.stray_question(text) if scope else None
    if stray is not None:
        review = gate.refuse_stray(stray, "caller", 0)
        return Tried(
            tuple(Judged(word, "refuse", stray.reason) for word, _, _ in words),
            len(words),
            "",
            review.text,
            review.verdict,
        )
    return Tried(tuple(Judged(word, "pass") for word, _, _ in words), len(words), "")


def try_pieces(
    persona: Persona, rules: Rules, pieces: Sequence[Piece], hold: int = 0, scope: Scope | None = None
) -> Trial:
    """Offer the pieces one by one, and no other: a model that insists on each of them.

    With a `scope`, what the pieces make is judged as soon as there is enough of it; in a call that takes a little
    longer, and some more of it is heard.
    """
    kinds = list(dict.fromkeys([*pieces, ""]))
    place = {piece: token for token, piece in enumerate(kinds)}
    gate = TokenGate(Vocabulary(rules, kinds), topic_gate(persona, rules), place[""], hold=hold)
    watch, decoder = Watch(), codecs.getincrementaldecoder("utf-8")("replace")
    # The text ends as a model's does, in padding: as much as it takes until all of it would have been heard.
    for at, piece in enumerate([*pieces, *[""] * (hold + 1)]):
        choice = gate.choose([place[piece]], [1.0])
        if choice.stopped is not None:
            return _stopped(
                pieces[: at + 1], at - choice.drop, choice.stopped.phrase, gate.take_over(choice.stopped, 0, "")
            )
        due = watch.feed(decoder.decode(piece if isinstance(piece, bytes) else piece.encode()))
        stray = scope.stray(due) if scope and due else None
        if stray is not None:
            return _stopped(pieces[: at + 1], max(0, at - hold), stray.reason, gate.leave_topic(stray, "agent", 0, ""))
    return Trial(tuple(Judged(_shown(piece), "pass") for piece in pieces), len(pieces))


def _stopped(pieces: Sequence[Piece], heard: int, phrase: str, review: Review) -> Trial:
    last = len(pieces) - 1
    judged = [
        Judged(_shown(piece), "pass") if at < heard else Judged(_shown(piece), _action(at, last), phrase)
        for at, piece in enumerate(pieces)
    ]
    return Trial(tuple(judged), min(heard, last), phrase, review.text, review.verdict)


def _action(at: int, last: int) -> Action:
    return "refuse" if at == last else "forbid"


def joined(pieces: Sequence[Piece]) -> str:
    """Pieces as text."""
    return b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces).decode(
        "utf-8", "replace"
    )


def _shown(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.decode("utf-8", "replace")
