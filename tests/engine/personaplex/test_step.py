from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from bridge.engine.personaplex.config import Config, Sampling
from bridge.engine.personaplex.model import Model, blank
from bridge.engine.personaplex.random_model import tiny_config
from bridge.engine.personaplex.sampling import TOP_K_MAX
from bridge.engine.personaplex.slots import SamplingError, Slots
from bridge.engine.personaplex.step import CANDIDATES, candidates, listen, noise, speak

SLOTS = 3
ALL = torch.ones(SLOTS, dtype=torch.bool)


@pytest.fixture
def slots(model: Model) -> Slots:
    slots = Slots(model.lm, SLOTS)
    for slot in range(SLOTS):
        slots.configure(slot, seed=slot, sampling=Sampling())
    return slots


def caller(step: int) -> Tensor:
    return torch.randint(64, (SLOTS, 8), generator=torch.Generator().manual_seed(step))


def advance(model: Model, slots: Slots, step: int, run: Tensor = ALL, forced: Tensor | None = None) -> Tensor:
    listen(model.lm, slots, caller(step), run)
    text = candidates(model.lm.text_logits(slots.hidden), slots, noise(slots))[:, 0]
    said, _ = speak(model.lm, slots, text, run, noise(slots), forced)
    return said


def state(slots: Slots) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the state, its slots first."""
    for name, value in vars(slots).items():
        if isinstance(value, Tensor) and value.shape[:1] == (SLOTS,):
            yield name, value
    yield "kv", torch.stack([pool[:, slots.window.table].movedim(1, 0) for pool in slots.window.pools], dim=1)


def test_idle_slot_is_untouched_to_the_last_bit(model: Model, slots: Slots) -> None:
    for step in range(5):
        advance(model, slots, step)
    before = {name: value.clone() for name, value in state(slots)}
    for step in range(5, 8):
        advance(model, slots, step, run=torch.tensor([True, False, True]))
    for name, value in state(slots):
        assert torch.equal(value[1], before[name][1]), name
    assert slots.position.tolist() == [8, 5, 8]


def test_reset_slot_is_as_new_and_the_others_stay(model: Model, slots: Slots) -> None:
    for step in range(5):
        advance(model, slots, step)
    slots.forbidden[1, 7] = True
    before = {name: value.clone() for name, value in state(slots)}
    slots.reset(torch.tensor([False, True, False]))
    new = dict(state(Slots(model.lm, SLOTS)))
    for name, value in state(slots):
        assert torch.equal(value[[0, 2]], before[name][[0, 2]]), name
        if name not in ("kv", "seed", "temperature", "top_k"):  # keys are out of reach, settings come with a call
            assert torch.equal(value[1], new[name][1]), name


def test_forced_text_is_said_in_its_frame_and_heard_by_what_follows(model: Model, slots: Slots) -> None:
    listen(model.lm, slots, caller(0), ALL)
    free = candidates(model.lm.text_logits(slots.hidden), slots, noise(slots))[:, 0]
    forced = torch.tensor([123, int(free[1]), int(free[2])])
    speak(model.lm, slots, forced, ALL, noise(slots))
    other = Slots(model.lm, SLOTS)
    for slot in range(SLOTS):
        other.configure(slot, seed=slot, sampling=Sampling())
    advance(model, other, 0)
    said, undisturbed = advance(model, slots, 1), advance(model, other, 1)
    assert said[:, 0].tolist() == forced.tolist()
    assert not torch.equal(said[0], undisturbed[0])
    assert torch.equal(said[1:], undisturbed[1:])


def test_forced_audio_stands_in_the_slots_and_codebooks_it_is_forced_in(model: Model, slots: Slots) -> None:
    forced = torch.full((SLOTS, 8), -1)
    forced[0] = torch.tensor(model.silence)
    forced[1, 0] = 42
    advance(model, slots, 0, forced=forced)
    said = advance(model, slots, 1, forced=forced)  # a frame's acoustics come a position after its semantics
    assert said[0, 1:].tolist() == list(model.silence)
    assert said[1, 1] == 42
    assert said[2, 1:].tolist() != list(model.silence)


def test_forbidden_token_is_never_a_candidate(model: Model, slots: Slots) -> None:
    listen(model.lm, slots, caller(0), ALL)
    logits, drawn = model.lm.text_logits(slots.hidden), noise(slots)
    first = candidates(logits, slots, drawn)
    slots.forbidden[0, first[0, 0]] = True
    slots.forbidden[0, first[0, 2]] = True
    then = candidates(logits, slots, drawn)
    assert not set(first[0, [0, 2]].tolist()) & set(then[0].tolist())
    assert torch.equal(then[1:], first[1:])


def test_candidates_are_distinct_and_the_greedy_ones_fall(model: Model, slots: Slots) -> None:
    slots.configure(1, 0, Sampling.greedy())
    listen(model.lm, slots, caller(0), ALL)
    logits = model.lm.text_logits(slots.hidden)
    found = candidates(logits, slots, noise(slots))
    assert found.shape == (SLOTS, CANDIDATES)
    assert all(len(set(row)) == CANDIDATES for row in found.tolist())
    assert torch.equal(found[1], logits[1].topk(CANDIDATES).indices)


def test_first_frame_is_complete_after_the_longest_delay(model: Model, slots: Slots) -> None:
    complete = []
    for step in range(3):
        listen(model.lm, slots, caller(step), ALL)
        complete.append(speak(model.lm, slots, torch.full((SLOTS,), 9), ALL, noise(slots))[1].tolist())
    assert complete == [[False] * SLOTS, [True] * SLOTS, [True] * SLOTS]


@pytest.mark.parametrize("config", [Config(), tiny_config()], ids=["published", "tiny"])
def test_no_part_of_a_step_looks_at_a_value(config: Config) -> None:
    """On the meta device there are none: the parts are free of host synchronisation, and can be captured."""
    lm, mimi = blank(config)
    mimi.finish()
    run = torch.ones(2, dtype=torch.bool, device="meta")
    slots, hearing, saying = Slots(lm, 2), mimi.encode_stream(2), mimi.decode_stream(2)
    codes = mimi.encode(torch.empty(2, config.mimi.frame_samples, device="meta"), hearing, run)
    listen(lm, slots, codes, run)
    text = candidates(lm.text_logits(slots.hidden), slots, noise(slots))[:, 0]
    said, _ = speak(lm, slots, text, run, noise(slots), torch.full_like(codes, -1))
    pcm = mimi.decode(said[:, 1:], saying, run)
    slots.reset(run)
    assert pcm.shape == (2, config.mimi.frame_samples)


def test_published_size_is_7_69_billion_parameters() -> None:
    lm, mimi = blank(Config())
    assert sum(p.numel() for p in lm.parameters()) == pytest.approx(7.69e9, rel=1e-3)
    # 31 acoustic codebooks are published, 7 are loaded
    unused = 24 * 2048 * 257
    assert sum(p.numel() for p in mimi.parameters()) + unused == pytest.approx(79e6, rel=0.25)


def test_settings_that_cannot_be_are_refused(slots: Slots) -> None:
    for wrong in (
        Sampling(text_top_k=0),
        Sampling(audio_top_k=TOP_K_MAX + 1),
        Sampling(text_temperature=-0.1),
        Sampling(audio_temperature=float("nan")),
    ):
        with pytest.raises(SamplingError):
            slots.configure(0, 0, wrong)
