"""A call's words do not depend on its neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bridge.engine.personaplex.config import Sampling
from bridge.engine.personaplex.model import Model, load_model
from bridge.engine.personaplex.prompt import VoiceCodes
from bridge.engine.personaplex.runtime import Runtime
from bridge.engine.personaplex.slots import Snapshot

from .calls import Call, run_calls, same, sound, tokens

SLOTS = 4
GREEDY = Sampling.greedy()


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def runtime(request: pytest.FixtureRequest, tiny: Path) -> Runtime:
    return Runtime(load_model(tiny, dtype=request.param), SLOTS)


@pytest.fixture(scope="module")
def prompt(runtime: Runtime) -> Snapshot:
    return runtime.snapshot(VoiceCodes(torch.arange(8 * 20).reshape(8, 20) % 64), list(range(10, 30)))


def crowd(prompt: Snapshot) -> list[Call]:
    """Neighbours that join, stall and leave, with other prompts, seeds and settings, some in the same slot in turn."""
    warm = Sampling(text_temperature=1.3, text_top_k=100, audio_temperature=1.1, audio_top_k=5)
    return [
        Call(0, sound(10, 35), prompt, seed=5, sampling=warm, stalls=frozenset((3, 4, 5, 21))),
        Call(1, sound(11, 12), None, seed=6, start=7),
        Call(1, sound(12, 15), prompt, seed=7, sampling=GREEDY, start=22),
        Call(3, sound(13, 9), None, seed=8, sampling=warm, start=2),
    ]


@pytest.mark.parametrize("sampling", [GREEDY, Sampling()], ids=["greedy", "sampled"])
def test_call_among_others_is_the_call_alone(runtime: Runtime, prompt: Snapshot, sampling: Sampling) -> None:
    caller = sound(1, 30)  # with its prompt, past the window of 64
    alone = run_calls(runtime, [Call(2, caller, prompt, seed=3, sampling=sampling)])[0]
    among = Call(2, caller, prompt, seed=3, sampling=sampling, start=4, stalls=frozenset((6, 7, 20, 29)))
    assert same(alone, run_calls(runtime, [*crowd(prompt), among])[-1])
    assert len({spoken.text for spoken in alone}) > 10


@pytest.mark.parametrize("sampling", [GREEDY, Sampling()], ids=["greedy", "sampled"])
def test_reused_slot_equals_a_fresh_one(tiny: Path, runtime: Runtime, prompt: Snapshot, sampling: Sampling) -> None:
    call = Call(1, sound(2, 14), prompt, seed=9, sampling=sampling)
    cold = Call(1, sound(2, 14), None, seed=9, sampling=sampling)
    fresh = Runtime(runtime.model, SLOTS)
    expected, expected_cold = run_calls(fresh, [call])[0], run_calls(Runtime(runtime.model, SLOTS), [cold])[0]
    run_calls(runtime, crowd(prompt))
    assert same(run_calls(runtime, [call])[0], expected)
    assert same(run_calls(runtime, [cold])[0], expected_cold)


def test_same_call_in_another_slot_says_the_same(model: Model) -> None:
    runtime = Runtime(model, SLOTS)
    prompt = runtime.snapshot(None, [20, 21, 22])
    said = [run_calls(runtime, [Call(slot, sound(4, 20), prompt, seed=1)])[0] for slot in range(SLOTS)]
    assert all(tokens(one) == tokens(said[0]) for one in said)


def test_another_seed_makes_another_call(model: Model) -> None:
    runtime = Runtime(model, 2)
    said = run_calls(runtime, [Call(slot, sound(4, 20), None, seed=slot) for slot in range(2)])
    assert tokens(said[0]) != tokens(said[1])
