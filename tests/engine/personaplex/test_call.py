from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bridge.engine.personaplex import call as module
from bridge.engine.personaplex.call import Call
from bridge.engine.personaplex.config import EPAD, PAD
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.runtime import Offer, Ruling, Spoken
from bridge.engine.personaplex.tokeniser import Tokeniser
from bridge.facts.speech import AgentFrame
from bridge.gate.rules import compile_rules
from bridge.gate.vocabulary import Vocabulary
from bridge.persona.schema import AfterRefusals, BlockedTopic, Gate, Persona

QUIET, LOUD = np.zeros(1920, np.float32), np.full(1920, 0.1, np.float32)
PERSONA = Persona(
    name="shop",
    business="A Shop",
    description="a shop",
    agent_name="Ada",
    consent="Calls are recorded.",
    greeting="Hello, this is Ada.",
    blocked=(BlockedTopic(topic="medicine", words=("ibuprofen",)),),
    refusal="I can't talk about that.",
)


@pytest.fixture(scope="module")
def tokeniser(model: Model) -> Tokeniser:
    assert model.tokeniser is not None
    return model.tokeniser


class Model80ms:
    """Stands where the runtime stands: offers tokens, obeys rulings, and makes a sound for each."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.text: list[int] = []  # what stands in the model's text
        self.rulings: list[Ruling] = []

    def step(self, *wanted: int, heard: np.ndarray = QUIET, sound: np.ndarray = LOUD) -> AgentFrame:
        for token in wanted if self.text else (*wanted, *wanted):  # the first step decides on two frames
            ruling = self.call.rule(Offer((token, 98, 99), (0.9, 0.05, 0.05)))
            self.rulings.append(ruling)
            self.text.append(token if ruling.text is None else ruling.text)
        return self.call.frame(heard, Spoken(sound, self.text[-2], self.text[-1]))

    def steps(self, wanted: Sequence[int]) -> list[AgentFrame]:
        return [self.step(token) for token in wanted]

    def greet(self) -> list[AgentFrame]:
        """Until the model may say what it wants."""
        frames = []
        while self.call._line or self.call._next_line:
            frames.append(self.step(PAD))
        return [*frames, self.step(PAD)]


def begin(tokeniser: Tokeniser, persona: Persona = PERSONA, notice: str = "") -> Model80ms:
    pieces = [tokeniser.piece(token) for token in range(len(tokeniser))]
    return Model80ms(Call(persona, Vocabulary(compile_rules(persona.blocked), pieces), tokeniser, None, notice=notice))


def blocking(*words: str) -> Persona:
    return PERSONA.model_copy(update={"blocked": (BlockedTopic(topic="t", words=words),)})


def said(frames: list[AgentFrame]) -> str:
    return "".join(frame.text for frame in frames).strip()


def test_a_recorded_call_begins_with_its_notice_and_wishes_for_the_recording_at_its_end(tokeniser: Tokeniser) -> None:
    frames = begin(tokeniser, notice="We record this.").greet()
    [end] = [at for at, frame in enumerate(frames) if frame.wish == "record"]
    assert said(frames[: end + 1]) == "We record this."
    assert said(frames[end + 1 :]) == "Calls are recorded. Hello, this is Ada."
    assert not any(frame.wish for frame in frames[end + 1 :])


def test_a_call_begins_with_the_notice_and_the_greeting(tokeniser: Tokeniser) -> None:
    frames = begin(tokeniser).greet()
    assert said(frames) == "Calls are recorded. Hello, this is Ada."
    assert {frame.turn for frame in frames if frame.text} == {1}
    assert all(frame.agent_speaking for frame in frames)


def test_text_comes_with_the_frame_in_which_it_sounds(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser)
    model.greet()
    tokens = tokeniser.encode("about you")
    frames = model.steps([*tokens, PAD])
    assert said(frames[:1]) == ""
    assert [frame.text for frame in frames[1:]] == [tokeniser.piece(token) for token in tokens]


def test_text_after_a_pause_is_another_utterance(tokeniser: Tokeniser) -> None:
    model, word = begin(tokeniser), tokeniser.encode("you")[0]
    model.greet()
    frames = model.steps([word, *[PAD] * 10, word, *[PAD] * 20, EPAD, word, PAD])
    assert [frame.turn for frame in frames if frame.text.strip()] == [2, 2, 3]


def test_blocked_word_is_stopped_before_its_last_piece_is_heard(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser)
    model.greet()
    *pieces, last = tokeniser.encode("ibuprofen")
    before = len(model.text)
    frames = model.steps([*pieces, last, *[PAD] * 100])
    assert model.text[before : before + len(pieces) + 4] == [*pieces, last, PAD, PAD, PAD]
    (verdict,) = (verdict for frame in frames for verdict in frame.verdicts)
    assert (verdict.phrase, verdict.topic, verdict.action, verdict.speaker) == (
        "ibuprofen",
        "medicine",
        "refuse",
        "agent",
    )
    assert verdict.withheld == tokeniser.piece(last)
    assert verdict.begun + verdict.withheld == "ibuprofen"
    spoken = said(frames)
    assert spoken.startswith("".join(str(tokeniser.piece(token)) for token in pieces).strip())
    assert spoken.endswith("I can't talk about that.")
    assert "ibuprofen" not in spoken


def test_refusal_clears_what_was_sent_and_is_parted_by_silence(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser)
    model.greet()
    pieces = [*tokeniser.encode("ibuprofen"), PAD]
    frames = model.steps(pieces)
    assert [frame.flush for frame in frames] == [False] * (len(pieces) - 1) + [True]
    assert frames[-1].pcm == b"" and frames[-1].text == ""
    model.steps([PAD] * 4)
    assert [(ruling.text, ruling.silent) for ruling in model.rulings[-5:-2]] == [(PAD, True)] * 3
    assert {frame.turn for frame in frames if frame.text.strip()} == {2}
    assert {frame.turn for frame in model.greet() if frame.text} == {3}


def test_verdict_stands_at_the_time_of_the_sound_it_prevented(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser)
    delivered = len(model.greet())
    pieces = tokeniser.encode("ibuprofen")
    (verdict,) = model.steps([*pieces, PAD])[-1].verdicts
    assert verdict.at_ms == 80 * (delivered + len(pieces))


def test_too_many_refusals_end_the_call_once_the_last_line_has_been_heard(tokeniser: Tokeniser) -> None:
    after = AfterRefusals(count=1, action="hangup", say="Goodbye.")
    model = begin(tokeniser, PERSONA.model_copy(update={"after_refusals": after}))
    model.greet()
    frames = model.steps([*tokeniser.encode("ibuprofen"), PAD])
    assert frames[-1].verdicts[0].action == "hangup"
    frames = model.steps([98] * 100)
    assert [frame.wish for frame in frames if frame.wish] == ["hangup"]
    assert said(frames) == "I can't talk about that. Goodbye."
    assert not frames[-1].text and model.rulings[-1] == Ruling(PAD, silent=True)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({}, "I can't talk about that."),
        ({"refusal": "I'm no doctor."}, "I'm no doctor."),
        ({"action": "redirect", "question": "Shall I tell you our hours?"}, " Shall I tell you our hours?"),
        ({"action": "transfer"}, " One moment, I'm putting you through."),
        ({"action": "hangup"}, " Thank you for calling. Goodbye."),
        ({"action": "hangup", "count": 2}, "I can't talk about that."),
    ],
)
def test_after_the_refusal_of_any_policy_the_model_cannot_resume_what_it_was_saying(
    tokeniser: Tokeniser, more: dict[str, Any], line: str
) -> None:
    topic = BlockedTopic(topic="medicine", words=("ibuprofen",), **more)
    model = begin(tokeniser, PERSONA.model_copy(update={"blocked": (topic,), "transfer": "+12025550143"}))
    model.greet()
    model.steps([*tokeniser.encode("take ibuprofen"), PAD])
    frames = [model.step(98)]  # it goes on with its answer, and the caller is silent
    while model.call._line:
        frames.append(model.step(98))
    frames += model.steps([98] * 80)
    ends = more.get("action") in ("transfer", "hangup") and more.get("count", 1) == 1
    assert said(frames) == (line if line[0] != " " else f"I can't talk about that.{line}")
    assert [frame.wish for frame in frames if frame.wish] == ([more["action"]] if ends else [])
    resumed = said([model.step(98, heard=LOUD) for _ in range(5)])
    assert bool(resumed) is not ends


def test_line_of_the_bridge_is_said_next_with_its_wish_on_the_last_frame(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser)
    model.greet()
    model.call.say("Are you still there?", None)
    assert said(model.greet()) == "Are you still there?"
    model.call.say("Thank you, goodbye.", "hangup")
    frames = model.steps([98] * 60)
    assert said(frames) == "Thank you, goodbye."
    at = next(index for index, frame in enumerate(frames) if frame.wish)
    words = [index for index, frame in enumerate(frames) if frame.text]
    assert at - words[-1] > 0.8 * len("goodbye")
    assert [frame.wish for frame in frames if frame.wish] == ["hangup"]


def test_line_that_comes_during_another_waits_for_it(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser)
    model.step(PAD)
    model.call.say("Goodbye.", "hangup")
    frames = model.steps([PAD] * 200)
    assert said(frames) == "Calls are recorded. Hello, this is Ada. Goodbye."


def test_who_speaks_is_told_by_the_sound(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser)
    model.greet()
    frame = model.step(PAD, heard=LOUD, sound=QUIET)
    assert (frame.caller_speaking, frame.agent_speaking) == (True, False)
    frame = model.step(PAD, heard=QUIET, sound=LOUD)
    assert (frame.caller_speaking, frame.agent_speaking) == (False, True)


@pytest.mark.parametrize(("transfer", "wish"), [("+12025550112", "transfer"), (None, "hangup")])
def test_fault_in_one_call_ends_that_call_in_order_and_says_nothing_private(
    tokeniser: Tokeniser,
    transfer: str | None,
    wish: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = begin(tokeniser, PERSONA.model_copy(update={"transfer": transfer}))
    model.greet()

    def fail(*given: object, **named: object) -> None:
        raise RuntimeError("something that was said")

    monkeypatch.setattr(module.TokenGate, "choose", fail)
    frame = model.step(98)
    assert (frame.wish, frame.pcm, frame.text) == (wish, b"", "")
    assert model.rulings[-1] == Ruling(PAD, silent=True)
    assert model.step(98).pcm == b""
    assert "RuntimeError" in caplog.text and "said" not in caplog.text


def test_word_that_grows_out_of_a_blocked_one_is_heard(tokeniser: Tokeniser) -> None:
    mor, ning = (next(i for i in range(179) if tokeniser.piece(i) == piece) for piece in (" mor", "ning"))
    model = begin(tokeniser, blocking("mor"))
    model.greet()
    frames = model.steps([mor, ning, PAD, PAD])
    assert said(frames) == "morning"
    assert not any(frame.flush for frame in frames)


def test_hold_delays_the_agent_and_keeps_the_beginning_of_a_phrase_from_being_heard(tokeniser: Tokeniser) -> None:
    heard = []
    for hold in (0, 4):
        model = begin(tokeniser, PERSONA.model_copy(update={"gate": Gate(hold=hold)}))
        first = [frame.text for frame in model.greet()].index(" Calls")
        frames = model.steps([*tokeniser.encode("ibuprofen"), *[PAD] * 100])
        heard.append((first, said(frames).removesuffix(PERSONA.refusal).strip()))
        (verdict,) = (verdict for frame in frames for verdict in frame.verdicts)
        assert verdict.withheld == "ibuprofen"[len(heard[-1][1]) :]
        assert verdict.begun.strip() == heard[-1][1]
    assert heard[1][0] - heard[0][0] == 4
    assert len(heard[1][1]) < len(heard[0][1]) < len("ibuprofen")


def test_after_a_refusal_the_model_does_not_go_on_until_the_caller_speaks(tokeniser: Tokeniser) -> None:
    model, word = begin(tokeniser), tokeniser.encode("you")[-1]
    model.greet()
    model.steps([*tokeniser.encode("ibuprofen"), *[PAD] * 80])
    frames = model.steps([word] * 5)
    assert not any(frame.text or (frame.agent_speaking and not frame.pcm) for frame in frames)
    assert model.rulings[-1] == Ruling(PAD, silent=True)
    model.step(PAD, heard=LOUD)
    assert said(model.steps([word, word])) == str(tokeniser.piece(word)).strip()


def test_unlikely_blocked_piece_gives_way_to_the_next_one(tokeniser: Tokeniser) -> None:
    ibu = begin(tokeniser, blocking("mor*"))
    ibu.greet()
    mor, you = (next(i for i in range(179) if tokeniser.piece(i) == piece) for piece in (" mor", " you"))
    assert ibu.call.rule(Offer((mor, you), (0.3, 0.7))) == Ruling(you)
    assert ibu.call.rule(Offer((mor, you), (0.7, 0.3))) == Ruling(PAD, silent=True)


def test_line_of_the_bridge_does_not_leave_a_blocked_word_standing(tokeniser: Tokeniser) -> None:
    model = begin(tokeniser, blocking("mor"))
    model.greet()
    mor = next(i for i in range(179) if tokeniser.piece(i) == " mor")
    model.step(mor)
    model.call.say("Are you still there?", None)
    frames = model.steps([PAD] * 60)
    assert said(frames) == "Are you still there?"
    assert frames[0].pcm == b"" and not any(frame.verdicts for frame in frames)
