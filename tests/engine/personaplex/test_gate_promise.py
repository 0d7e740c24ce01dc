"""What the topic gate promises of a call, through the call and through the runtime; the worst case among it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.engine.interface import Seat
from bridge.engine.personaplex.call import Call
from bridge.engine.personaplex.config import PAD, Sampling
from bridge.engine.personaplex.engine import PersonaPlexEngine
from bridge.engine.personaplex.model import Model, load_model
from bridge.engine.personaplex.runtime import Offer, Ruling, Runtime, Spoken
from bridge.engine.personaplex.tokeniser import Tokeniser
from bridge.facts.speech import AgentFrame
from bridge.gate.rules import compile_rules
from bridge.gate.vocabulary import Vocabulary
from bridge.persona import schema
from tests.gate.pieces import TEXT
from tests.gate.test_reference import meets
from tests.gate.test_tokens import phrases, speech

from .calls import same, sound
from .conftest import TINY
from .insistent import write_insistent

QUIET, LOUD = np.zeros(1920, np.float32), np.full(1920, 0.1, np.float32)
TOKENISER = Tokeniser(TINY / "tokenizer_spm_32k_3.model")
PIECES = [TOKENISER.piece(token) for token in range(300)]  # as many as the tiny model has text ids
PERSONA = schema.Persona(
    name="shop",
    business="A Shop",
    description="a shop",
    agent_name="Ada",
    voice="GOLD0",
    greeting="Hello.",
    refusal="Not that, sorry.",
)

GREEDY = schema.Sampling(text_temperature=0, audio_temperature=0)


def persona(words: tuple[str, ...], **changes: object) -> schema.Persona:
    blocked = (schema.BlockedTopic(topic="this", words=words),)
    return PERSONA.model_copy(update={"blocked": blocked, **changes})


def utterances(frames: list[AgentFrame]) -> list[str]:
    """What the caller hears, cut where the gate took over."""
    heard = [""]
    for frame in frames:
        if frame.verdicts:
            heard.append("")
        assert frame.pcm or not frame.text
        heard[-1] += frame.text
    return heard


@settings(max_examples=20, deadline=None)
@given(phrases, st.integers(0, 4), st.floats(0.01, 1), st.data())
def test_each_refusal_is_said_in_full_and_no_blocked_phrase_before_or_after_it(
    blocked: list[str], hold: int, insistence: float, data: st.DataObject
) -> None:
    used = persona(tuple(blocked), gate=schema.Gate(hold=hold, insistence=insistence))
    call = Call(used, Vocabulary(compile_rules(used.blocked), PIECES), TOKENISER, None)
    random = Random(data.draw(st.integers(0, 2**32)))
    wants = data.draw(st.lists(speech(blocked), min_size=1, max_size=3))
    text: list[int] = []
    frames: list[AgentFrame] = []

    def step(wanted: int, heard: np.ndarray = QUIET) -> None:
        for _ in range(1 if text else 2):  # the first step decides on two frames
            offered = list(dict.fromkeys([wanted, *random.sample(TEXT, random.randrange(24))]))
            ruling = call.rule(Offer(offered, [random.expovariate(1) for _ in offered]))
            text.append(offered[0] if ruling.text is None else ruling.text)
        frames.append(call.frame(heard, Spoken(LOUD, text[-2], text[-1])))

    for want in wants:
        for _ in range(50):  # until every line of the owner's has been said; the caller's voice ends the latch
            step(PAD, LOUD)
        for token in want:
            step(token, LOUD)
    for _ in range(50):
        step(PAD)
    first, *refused = utterances(frames)
    assert first.startswith(f" {PERSONA.greeting}")
    assert all(said.startswith(f" {PERSONA.refusal}") for said in refused)
    own = [first.removeprefix(f" {PERSONA.greeting}"), *(said.removeprefix(f" {PERSONA.refusal}") for said in refused)]
    assert not [(one, said) for one in blocked for said in own if meets(one, said)]


class Gated:
    """The gate of one call in one slot of a runtime; the other slots go their own way."""

    def __init__(self, used: schema.Persona, slot: int) -> None:
        self.call = Call(used, Vocabulary(compile_rules(used.blocked), PIECES), TOKENISER, None)
        self.slot = slot

    def __call__(self, offered: dict[int, Offer]) -> dict[int, Ruling]:
        return {self.slot: self.call.rule(offered[self.slot])} if self.slot in offered else {}


@pytest.mark.parametrize("seed", [1, 2])
def test_tokens_and_sound_of_the_other_slots_are_the_same_to_the_bit_with_and_without_the_gate(
    model: Model, seed: int
) -> None:
    wild = Sampling(text_temperature=2.0, text_top_k=250, audio_temperature=1.0, audio_top_k=250)
    used = persona(("e*", "s*", "t*", "a*", "o*", "co*", "pl*"), gate=schema.Gate(hold=seed, insistence=0.1))
    slots, frames, gated = 3, 40, seed % 3
    callers = [sound(10 * seed + slot, frames) for slot in range(slots)]

    def run(gate: Gated | None) -> tuple[list[list[Spoken]], list[torch.Tensor], list[AgentFrame]]:
        runtime = Runtime(model, slots)
        prompt = runtime.snapshot(None, "about the day")
        for slot in range(slots):
            runtime.open(slot, prompt, seed + slot, wild)
        said: list[list[Spoken]] = [[] for _ in range(slots)]
        delivered: list[AgentFrame] = []
        for tick in range(frames):
            step = runtime.step({slot: callers[slot][tick] for slot in range(slots)}, gate)
            for slot, spoken in step.items():
                said[slot].append(spoken)
            if gate:
                delivered.append(gate.call.frame(callers[gate.slot][tick], step[gate.slot]))
        return said, [runtime._slots.tokens[slot].clone() for slot in range(slots)], delivered

    with torch.inference_mode():
        free, free_tokens, _ = run(None)
        kept, kept_tokens, delivered = run(Gated(used, gated))
    for slot in range(slots):
        if slot != gated:
            assert same(kept[slot], free[slot])
            assert torch.equal(kept_tokens[slot], free_tokens[slot])
    assert not same(kept[gated], free[gated])
    first, *refused = utterances(delivered)
    assert refused
    assert not compile_rules(used.blocked).find(first.removeprefix(f" {PERSONA.greeting}"))


@pytest.fixture(scope="module")
def insistent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_insistent(tmp_path_factory.mktemp("insistent") / "model", TOKENISER.encode("ibuprofen"))


@pytest.fixture(scope="module")
def stubborn(insistent: Path) -> PersonaPlexEngine:
    return PersonaPlexEngine(load_model(insistent), 1, model_dir=insistent)


@pytest.mark.parametrize(
    ("word", "sampling", "hold", "begun"),
    [
        ("ibuprofen", GREEDY, 0, "ibuprof"),
        ("ibuprofen", GREEDY, 2, "ibup"),
        ("ibup*", schema.Sampling(), 0, "i"),
        ("I.B.U.P.R.O.F.E.N", schema.Sampling(), 4, "i"),
        ("ib*", schema.Sampling(), 2, ""),
    ],
)
def test_a_model_that_wants_nothing_else_says_the_refusal_instead(
    stubborn: PersonaPlexEngine, word: str, sampling: schema.Sampling, hold: int, begun: str
) -> None:
    used = persona((word,), gate=schema.Gate(hold=hold), sampling=sampling)
    stubborn.open(0, Seat(used, seed=3))
    frames = [stubborn.step({0: LOUD if tick == 55 else QUIET})[0] for tick in range(90)]
    stubborn.close(0)
    heard = utterances(frames)
    assert [verdict.phrase for frame in frames for verdict in frame.verdicts] == [word] * 2
    assert [" ".join(said.split()) for said in heard] == [
        f"{PERSONA.greeting} {begun}".strip(),
        f"{PERSONA.refusal} {begun}".strip(),
        PERSONA.refusal,
    ]
    assert not [said for said in heard if compile_rules(used.blocked).find(said)]


def test_what_only_looks_like_a_blocked_word_is_not_stopped_however_often_it_is_said(
    stubborn: PersonaPlexEngine,
) -> None:
    stubborn.open(0, Seat(persona(("profen", "ibuprofe"), sampling=GREEDY)))
    frames = [stubborn.step({0: QUIET})[0] for _ in range(40)]
    stubborn.close(0)
    assert not [frame for frame in frames if frame.verdicts]
    assert "".join(frame.text for frame in frames).count("ibuprofen") > 2
