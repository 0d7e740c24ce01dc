"""A call that may talk about some topics only: what was said before is judged beside the steps, and acted on later."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pytest

from bridge.engine.embedding import load_embedder
from bridge.engine.hearing.scribe import Listener
from bridge.engine.personaplex.call import Call
from bridge.engine.personaplex.config import PAD
from bridge.engine.personaplex.meaning import Judge, Meaning
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.tokeniser import Tokeniser
from bridge.facts.speech import CallerText
from bridge.gate.rules import compile_rules
from bridge.gate.scope import Scope, Vectors, compile_scope
from bridge.gate.vocabulary import Vocabulary
from bridge.persona.schema import Allowed, Gate, Persona

from .test_call import LOUD, QUIET, Model80ms, said

HATS = Persona(
    name="hats",
    business="The Hat Shop",
    description="a shop for hats",
    agent_name="Ada",
    greeting="Hat shop, hello.",
    refusal="I can't talk about that.",
    allowed=Allowed(
        topics=("hats and caps", "the opening hours of the shop"),
        examples=("Straw hats are on the left.", "A felt hat costs sixty dollars.", "We open at nine."),
        refusal="I only know about hats.",
    ),
)
STRAYING = "the stock market went up a lot today and gold did too"


@pytest.fixture(scope="module")
def scope() -> Scope:
    found = compile_scope(HATS, load_embedder().embed)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def tokeniser(model: Model) -> Tokeniser:
    assert model.tokeniser is not None
    return model.tokeniser


class Later:
    """The other thread, which works when the test says so."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], None]] = deque()

    def __call__(self, work: Callable[[], None]) -> None:
        self.waiting.append(work)

    def do(self) -> None:
        while self.waiting:
            self.waiting.popleft()()


class Words:
    """A listener who understands what the test gives it."""

    speaking = False

    def __init__(self) -> None:
        self.told: list[str] = []

    def push(self, frame: np.ndarray) -> None:
        pass

    def take(self) -> tuple[CallerText, ...]:
        told, self.told = self.told, []
        return tuple(CallerText(text, 0, 80) for text in told)


def at_once(work: Callable[[], None]) -> None:
    work()


def begin(
    tokeniser: Tokeniser, judge: Judge, *, hold: int = 0, listener: Words | None = None
) -> tuple[Model80ms, Callable[[str], list[int]]]:
    persona = HATS.model_copy(update={"gate": Gate(hold=hold)})
    pieces = [tokeniser.piece(token) for token in range(len(tokeniser))]
    call = Call(
        persona, Vocabulary(compile_rules(()), pieces), tokeniser, cast("Listener | None", listener), judge=judge
    )
    model = Model80ms(call)
    model.greet()
    return model, tokeniser.encode


def until_refused(model: Model80ms, tokens: Sequence[int]) -> int:
    """Steps until a verdict comes."""
    return next(at for at, token in enumerate(tokens) if model.step(token).verdicts)


def test_a_model_that_leaves_the_topics_is_taken_over_at_a_later_token(tokeniser: Tokeniser, scope: Scope) -> None:
    model, encode = begin(tokeniser, Judge(scope, at_once))
    frames = model.steps([*encode(STRAYING), *[PAD] * 80])
    (verdict,) = (verdict for frame in frames for verdict in frame.verdicts)
    assert (verdict.topic, verdict.speaker, verdict.action) == ("off topic", "agent", "refuse")
    assert verdict.phrase.startswith("nothing allowed is near")
    heard = said(frames)
    assert heard.startswith("The stock market went up a lot".lower()) and heard.endswith("I only know about hats.")
    assert "gold" not in heard
    assert verdict.begun.strip() and heard.startswith(verdict.begun.strip())
    (flushed,) = (frame for frame in frames if frame.flush)
    assert flushed.verdicts == (verdict,) and flushed.pcm == b""


@pytest.mark.parametrize("hold", [1, 4])
def test_what_is_held_back_is_dropped_as_well(tokeniser: Tokeniser, scope: Scope, hold: int) -> None:
    prompt, _ = begin(tokeniser, Judge(scope, at_once))
    held, encode = begin(tokeniser, Judge(scope, at_once), hold=hold)
    tokens = [*encode(STRAYING), *[PAD] * 10]
    first, second = prompt.steps(tokens), held.steps(tokens)
    withheld = [verdict.withheld for frames in (first, second) for frame in frames for verdict in frame.verdicts]
    assert len(withheld) == 2
    assert withheld[1].endswith(withheld[0])
    assert len(withheld[1]) > len(withheld[0])


def test_a_judgement_that_comes_late_still_takes_over_and_then_the_model_listens(
    tokeniser: Tokeniser, scope: Scope
) -> None:
    later = Later()
    model, encode = begin(tokeniser, Judge(scope, later))
    frames = model.steps(encode(STRAYING))
    assert not any(frame.verdicts for frame in frames)
    later.do()
    frames = model.steps([*encode("and"), *[98] * 60])
    assert [verdict.topic for frame in frames for verdict in frame.verdicts] == ["off topic"]
    assert said(frames).endswith("I only know about hats.")  # it would have gone on, and the caller is silent
    assert said([model.step(98, heard=LOUD) for _ in range(4)]) != ""


def test_a_judgement_on_an_utterance_that_is_past_is_of_no_use(tokeniser: Tokeniser, scope: Scope) -> None:
    later = Later()
    model, encode = begin(tokeniser, Judge(scope, later))
    model.steps([*encode(STRAYING), *[PAD] * 20, *encode("we open")])
    later.do()
    assert not any(frame.verdicts for frame in model.steps([PAD] * 5))
    model.steps([*encode(STRAYING)])
    model.call.say("Are you still there?", None)
    model.step(PAD)
    later.do()
    assert said(model.greet()).endswith("Are you still there?")


def test_what_keeps_to_the_topics_and_the_owners_lines_are_not_refused(tokeniser: Tokeniser, scope: Scope) -> None:
    model, encode = begin(tokeniser, Judge(scope, at_once))
    model.call.say("The stock market went up a lot today and gold did too.", None)
    frames = [model.step(PAD), *model.greet()]
    frames += model.steps([*encode("we open at nine. a felt hat costs sixty dollars."), *[PAD] * 30])
    assert not any(frame.verdicts for frame in frames)


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ("What is the capital of France?", True),
        ("Do you have straw hats for children?", False),
        ("My brother went to see a football match.", False),
    ],
)
def test_a_caller_who_asks_for_something_else_is_refused_before_the_model_has_answered(
    tokeniser: Tokeniser, scope: Scope, asked: str, refused: bool
) -> None:
    words = Words()
    model, encode = begin(tokeniser, Judge(scope, at_once), listener=words)
    words.told.append(asked)
    frames = [model.step(PAD), model.step(PAD, heard=QUIET)]
    assert [(verdict.speaker, verdict.topic) for frame in frames for verdict in frame.verdicts] == (
        [("caller", "off topic")] if refused else []
    )
    frames = model.steps([*encode("paris"), *[PAD] * 60])
    assert said(frames) == ("I only know about hats." if refused else "paris")


def test_of_each_speaker_one_text_waits_and_a_newer_one_replaces_it(scope: Scope) -> None:
    later = Later()
    judge = Judge(scope, later)
    for number in range(5):
        judge.ask("agent", f"The {number} teams lost their football match on Sunday.", number)
    judge.ask("caller", "What is the capital of France?", 7)
    assert (judge.superseded, len(later.waiting)) == (4, 1)
    assert judge.take() is None
    later.do()
    first, second = judge.take(), judge.take()
    assert first is not None and second is not None
    assert (first.speaker, first.turn, second.speaker) == ("agent", 4, "caller")
    judge.ask("agent", "The teams lost their football match on Sunday.", 8)
    judge.close()
    later.do()
    assert judge.take() is None


def test_the_thread_judges_and_a_fault_in_it_tells_nothing_private(
    scope: Scope, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(texts: Sequence[str]) -> Vectors:
        raise ValueError(texts[0])

    meaning = Meaning()
    known = meaning.scope(HATS)
    assert known is not None and meaning.scope(HATS) is known
    assert meaning.scope(HATS.model_copy(update={"allowed": None})) is None
    one = meaning.judge(known)
    other = meaning.judge(Scope(np.zeros((1, 384), np.float32), np.zeros((1, 384), np.float32), 0.5, broken))
    with caplog.at_level(logging.ERROR):
        for judge in (other, one, other):
            judge.ask("agent", "My secret is a football match on Sunday.", 3)
            meaning._pool.submit(lambda: None).result()
        meaning.shutdown()
    strayed = one.take()
    assert strayed is not None and strayed.turn == 3
    assert other.take() is None
    assert caplog.text.count("a sentence was not judged: ValueError") == 2
    assert "secret" not in caplog.text
