"""Voice and persona of calls that last longer than the window."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bridge.engine.personaplex.config import LMConfig
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.prompt import VoiceCodes
from bridge.engine.personaplex.runtime import Runtime, snapshot
from bridge.engine.personaplex.slots import Slots
from bridge.engine.personaplex.step import listen

from .calls import Call, run_calls, same, sound

BOTH = torch.ones(2, dtype=torch.bool)
VOICE = VoiceCodes(torch.arange(8 * 5).reshape(8, 5))


def two_personas(model: Model, *, keep_prompt: bool) -> Slots:
    slots = Slots(model.lm, 2, keep_prompt=keep_prompt)
    slots.place(0, snapshot(model, VOICE, [20, 21, 22, 23]))
    slots.place(1, snapshot(model, VOICE, [120, 121, 122, 123]))
    slots.say(torch.full((2, 1 + slots.config.codebooks), 7), BOTH)
    return slots


def difference(model: Model, slots: Slots, steps: int) -> float:
    """Between the text logits of the two slots, after so many steps in which both hear and say the same."""
    config, generator = model.config.lm, torch.Generator().manual_seed(0)
    for _ in range(steps):
        caller = torch.randint(config.card, (1, config.codebooks), generator=generator).expand(2, -1)
        listen(model.lm, slots, caller, BOTH)
        said = torch.randint(config.card, (1, 1 + config.codebooks), generator=generator).expand(2, -1)
        slots.say(said, BOTH)
    logits: Tensor = model.lm.text_logits(slots.hidden)
    return float((logits[0] - logits[1]).abs().max())


def test_persona_is_heard_after_its_influence_would_have_left_a_sliding_window(model: Model) -> None:
    """Influence travels one window per layer."""
    steps = (model.config.lm.num_layers + 1) * model.config.lm.context
    assert difference(model, two_personas(model, keep_prompt=False), steps) < 1e-5
    kept = two_personas(model, keep_prompt=True)
    assert difference(model, kept, steps) > 0.05
    assert difference(model, kept, 4 * steps) > 0.05


def test_kept_prompt_changes_nothing_before_the_window_is_full(model: Model) -> None:
    prompt = Runtime(model, 1).snapshot(VOICE, [20, 21, 22, 23])
    room = model.config.lm.context - prompt.frames
    call = Call(0, sound(5, room + 12), prompt, seed=3)
    kept, sliding = (run_calls(Runtime(model, 1, keep_prompt=keep), [call])[0] for keep in (True, False))
    assert same(kept[:room], sliding[:room])
    assert not same(kept[room:], sliding[room:])


def test_call_that_outlives_others_moves_into_their_pages_and_does_not_notice(model: Model) -> None:
    runtime = Runtime(model, 4, sizes=[4])
    prompt, caller = runtime.snapshot(VOICE, [20] * 30), sound(0, 20)
    alone = run_calls(runtime, [Call(3, caller, prompt, seed=3)])[0]
    for slot in (0, 1, 2):
        runtime.open(slot, prompt, seed=slot)
    runtime.open(3, prompt, seed=3)
    said, buckets = [], []
    for count, frame in enumerate(caller):
        if count == 4:
            for slot in (0, 1, 2):
                runtime.close(slot)
        said.append(runtime.step({3: frame})[3])
        buckets.append(runtime._slots.window.bucket)
    assert same(said, alone)
    assert buckets[3] == 32 and buckets[-1] == 12


@pytest.mark.parametrize(("frames", "kept"), [(12, 12), (32, 32), (50, 32), (64, 32), (65, 0)])
def test_half_a_window_is_left_for_the_call(model: Model, frames: int, kept: int) -> None:
    assert model.config.lm.context == 64
    slots = Slots(model.lm, 1, keep_prompt=True)
    slots.place(0, snapshot(model, None, [20] * (frames - 12)))
    assert slots.pinned.tolist() == [kept]


def test_memory_grows_with_the_call_up_to_a_window_and_is_given_back(model: Model) -> None:
    runtime = Runtime(model, 3)
    config: LMConfig = model.config.lm
    position = 2 * config.num_layers * config.dim * 4
    prompt = runtime.snapshot(None, [20] * 3)  # 15 positions: two pages of 8 with the one to come
    assert runtime.kv_bytes_used == 0
    runtime.open(1, prompt, seed=0)
    assert runtime.kv_bytes_used == 16 * position
    assert runtime.kv_bytes_reserved == 8 * 8 * position  # the promise, half a window beside the prompt
    caller = sound(0, 4)
    runtime.step({1: caller[0]})
    assert runtime.kv_bytes_used == 16 * position
    runtime.step({1: caller[1]})
    assert runtime.kv_bytes_used == 24 * position
    for count in range(2 * config.context):
        runtime.step({1: caller[count % 4]})
        if count == config.context:
            state = runtime.kv_bytes_used, runtime.kv_bytes_reserved
    assert (runtime.kv_bytes_used, runtime.kv_bytes_reserved) == state == (64 * position, 12 * 8 * position)
    runtime.open(0, None, seed=0)
    assert runtime.kv_bytes_used == (64 + 8) * position
    runtime.close(1)
    runtime.close(0)
    assert runtime.kv_bytes_used == 0
