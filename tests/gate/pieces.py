"""A vocabulary for tests of the gate, and what a caller hears of tokens that go through it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bridge.engine.personaplex.tokeniser import TextStream, Tokeniser
from bridge.gate.rules import compile_rules
from bridge.gate.tokens import TokenGate
from bridge.gate.topic import TopicGate
from bridge.gate.vocabulary import Vocabulary
from bridge.persona.schema import AfterRefusals, BlockedTopic

TOKENISER = Tokeniser(Path(__file__).parents[1] / "engine" / "personaplex" / "tiny" / "tokenizer_spm_32k_3.model")
PIECES = [TOKENISER.piece(token) for token in range(len(TOKENISER))]
PAD = 3
REFUSAL = "No, sorry."
TEXT = [token for token, piece in enumerate(PIECES) if piece]

Offer = tuple[Sequence[int], Sequence[float]]


def vocabulary(*phrases: str) -> Vocabulary:
    return Vocabulary(compile_rules((BlockedTopic(topic="t", phrases=phrases),)), PIECES)


def gate(known: Vocabulary, *, hold: int = 0, insistence: float = 0.5) -> TokenGate:
    return TokenGate(known, TopicGate(known.rules, REFUSAL, AfterRefusals()), PAD, hold=hold, insistence=insistence)


def text_of(tokens: Iterable[int]) -> str:
    """The text of tokens as the model runtime puts it together."""
    stream = TextStream(TOKENISER)
    return "".join(stream.feed(token) for token in tokens)


def cuts(text: str) -> Iterator[tuple[int, ...]]:
    """Every way to write a text in pieces."""
    if not text:
        yield ()
    for token in TEXT:
        piece = PIECES[token]
        assert isinstance(piece, str)
        if text.startswith(piece):
            for rest in cuts(text[len(piece) :]):
                yield (token, *rest)


class Line:
    """A gate with the wire behind it: sound leaves `hold` + 1 steps after its token was chosen."""

    def __init__(self, gate: TokenGate, hold: int = 0) -> None:
        self.gate = gate
        self.heard: list[list[int]] = [[]]  # tokens whose sound has left, between one refusal and the next
        self.chosen: list[int | None] = []
        self._waiting: deque[int] = deque()
        self._hold = hold

    def offer(self, tokens: Sequence[int], weights: Sequence[float] | None = None) -> None:
        choice = self.gate.choose(tokens, weights or [1.0] * len(tokens), caller_speaks=True)
        self.chosen.append(choice.token)
        if choice.token is None:
            assert choice.stopped is not None
            self.end(choice.drop)
            self.gate.take_over(choice.stopped, 0, "")
            self.heard.append([])
            return
        self._waiting.append(choice.token)
        while len(self._waiting) > self._hold + 1:
            self.heard[-1].append(self._waiting.popleft())

    def end(self, drop: int) -> None:
        """Let what waits be heard, except the latest `drop` tokens."""
        waiting = list(self._waiting)
        assert drop <= len(waiting)
        self.heard[-1] += waiting[: len(waiting) - drop]
        self._waiting.clear()
