"""Steps as graphs, proved without a GPU: a tape that replays operations stands in for the capture."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bridge.engine.personaplex.config import Config, Sampling
from bridge.engine.personaplex.graphs import MOST_GRAPHS, Graphs
from bridge.engine.personaplex.laps import Counting
from bridge.engine.personaplex.machine import Machine
from bridge.engine.personaplex.model import Model, blank, load_model, prompt_codes
from bridge.engine.personaplex.prompt import VoiceCodes, lay_out, prefill
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.engine.personaplex.runtime import Runtime
from bridge.engine.personaplex.slots import Slots
from bridge.engine.personaplex.verify import load_cases

from .calls import FRAME, Call, run_calls, same, sound, tokens
from .conftest import TINY
from .tape import RefusedError, recorder, refuse

GREEDY = Sampling.greedy()


def machine_of(model: Model, count: int, **options: Any) -> tuple[Machine, Slots]:
    slots = Slots(model.lm, count)
    roots: list[object] = [model, slots]
    streams = model.mimi.encode_stream(count), model.mimi.decode_stream(count)
    machine = Machine(model, slots, *streams, record=recorder(roots), **options)
    roots.extend((machine, *streams))
    return machine, slots


def recorded(model: Model, count: int, **options: Any) -> Runtime:
    """A runtime whose steps are replayed from tapes."""
    roots: list[object] = [model]
    runtime = Runtime(model, count, record=recorder(roots), **options)
    roots.append(runtime)
    return runtime


def crowd(runtime: Runtime) -> list[Call]:
    """Calls that join, stall, leave and reuse slots, so that sizes, pages and tables change under the graphs."""
    prompt = runtime.snapshot(VoiceCodes(torch.arange(8 * 20).reshape(8, 20) % 64), list(range(10, 30)))
    return [
        Call(0, sound(10, 26), prompt, seed=5, stalls=frozenset((3, 4))),
        Call(1, sound(11, 5), None, seed=6, start=7),
        Call(1, sound(12, 9), prompt, seed=7, sampling=GREEDY, start=14),
        Call(3, sound(13, 8), None, seed=8, start=2),
    ]


def said_by(machine: Machine, slots: Slots, caller: Tensor) -> Tensor:
    """Tokens of slot 0, which hears recorded codes int64 [codebooks, T]."""
    rows = []
    machine.run.put(np.array([True]))
    for codes in caller.T:
        machine.desk.heard[0] = codes
        machine.listen(1)
        machine.do("speak", 1)
        if machine.desk.words[0, 2]:
            rows.append(machine.desk.said[0].clone())
    return torch.stack(rows)


def test_golden_tokens_come_out_of_replays(model: Model) -> None:
    cases = load_cases(TINY)
    machine, slots = machine_of(model, 1)
    slots.configure(0, 0, GREEDY)
    expected = cases["unprompted.tokens"]
    assert torch.equal(said_by(machine, slots, cases["unprompted.caller_codes"]), expected)
    assert (machine.graphs.recorded, machine.graphs.eager, machine.graphs.failed) == (2, 2, 0)
    assert machine.graphs.replays == 2 * len(expected)  # all but the first step


def test_golden_tokens_after_a_prompt_come_out_of_replays(model: Model) -> None:
    cases = load_cases(TINY)
    machine, slots = machine_of(model, 1)
    slots.configure(0, 0, GREEDY)
    voice, text = VoiceCodes(cases["prompted.voice_codes"]), cases["prompted.text_prompt_tokens"].tolist()
    laid = lay_out(model.config.lm, model.config.prompt, voice, text, model.silence, model.sine)
    slots.place(0, prefill(model.lm, laid))
    machine.run.put(np.array([True]))
    machine.do("offer", 1)
    machine.do("speak", 1)
    expected = cases["prompted.tokens"][1:]
    said = said_by(machine, slots, cases["prompted.caller_codes"])
    assert torch.equal(said[: len(expected)], expected)


def test_replayed_calls_are_the_eager_ones_to_the_last_bit(model: Model) -> None:
    eager, replayed = Runtime(model, 4), recorded(model, 4)
    for one, other in zip(run_calls(eager, crowd(eager)), run_calls(replayed, crowd(replayed)), strict=True):
        assert same(one, other)
    assert replayed.graphs.failed == 0
    assert replayed.graphs.replays > 2 * replayed.graphs.eager


def test_nothing_is_recorded_after_the_warm_up(model: Model) -> None:
    eager, replayed = Runtime(model, 4), recorded(model, 4, at_once=True, sizes=[1])
    replayed.warm_up()
    state = replayed.graphs.recorded, replayed.graphs.eager
    for one, other in zip(run_calls(eager, crowd(eager)), run_calls(replayed, crowd(replayed)), strict=True):
        assert tokens(one) == tokens(other)
    assert (replayed.graphs.recorded, replayed.graphs.eager, replayed.graphs.failed) == (*state, 0)


def test_call_in_high_pages_is_served_by_a_graph_that_is_there(model: Model) -> None:
    """It began when the lower ones were taken, and stays when they are free."""
    runtime = recorded(model, 4, at_once=True, sizes=[1])
    runtime.warm_up()
    prompt, frame = runtime.snapshot(None, [20] * 45), sound(0, 1)[0]  # 57 positions: eight pages of 8
    for slot in (3, 2, 1, 0):
        runtime.open(slot, prompt, seed=slot)
    for slot in (1, 2, 3):
        runtime.close(slot)
    before = runtime.graphs.recorded, runtime.graphs.eager
    runtime.step({0: frame})
    assert (runtime.graphs.recorded, runtime.graphs.eager) == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("sampling", [GREEDY, Sampling()], ids=["greedy", "sampled"])
def test_more_slots_in_a_step_change_no_word(sampling: Sampling, dtype: torch.dtype) -> None:
    """Alone in slot 0 a call is computed by itself; its neighbours make the step wider."""
    runtime = Runtime(random_model(tiny_config(), dtype=dtype), 8)
    call = Call(0, sound(1, 24), runtime.snapshot(None, [20, 21, 22]), seed=3, sampling=sampling)
    others = [Call(slot, sound(slot, 6), None, seed=slot, start=4 * slot) for slot in (1, 2, 5)]
    alone, among = run_calls(runtime, [call])[0], run_calls(runtime, [call, *others])[0]
    assert tokens(alone) == tokens(among)
    for one, other in zip(alone, among, strict=True):
        if one.pcm is not None and other.pcm is not None:
            np.testing.assert_allclose(one.pcm, other.pcm, atol=1e-4)


def test_with_one_size_neighbours_change_no_bit(model: Model) -> None:
    runtime = Runtime(model, 4, sizes=[4])
    call = Call(0, sound(1, 20), None, seed=3)
    others = [Call(slot, sound(slot, 6), None, seed=slot, start=4 * slot) for slot in (1, 3)]
    assert same(run_calls(runtime, [call])[0], run_calls(runtime, [call, *others])[0])


class NoLooking(TorchDispatchMode):
    """Raises where the host would wait for the device."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        refuse(function, (args, kwargs or {}))
        return function(*args, **(kwargs or {}))


def test_step_waits_for_the_device_only_where_it_reads_offers_and_sound(model: Model) -> None:
    runtime = Runtime(model, 2)
    runtime.open(0, runtime.snapshot(None, [20]), seed=0)
    runtime.open(1, None, seed=0)
    frames = dict(enumerate(sound(0, 2)))
    with NoLooking():
        for _ in range(3):
            assert len(runtime.step(frames, lambda offered: {})) == 2


@pytest.fixture(scope="module")
def published() -> Model:
    """The published size, without weights."""
    config = Config()
    lm, mimi = blank(config)
    mimi.finish()
    return Model(config, lm, mimi, None, *prompt_codes(config))


def test_tick_of_the_published_size_is_some_two_thousand_operations(published: Model) -> None:
    """As graphs they are a few launches, but each still takes its microseconds. A public trace shows 4073."""
    runtime = Runtime(published, 64, at_once=True)
    works = dict(runtime._machine._works())
    assert {key[0] for key in works} == {"encode", "listen", "offer", "speak", "decode"}
    with torch.inference_mode(), Counting() as counting:
        for key, work in works.items():
            if key[0] != "offer":
                work()
    assert 2000 < counting.operations < 2700


def test_graphs_of_the_published_size_stay_within_their_bound(published: Model) -> None:
    runtime = recorded(published, 64, at_once=True)
    works = list(runtime._machine._works())
    sizes = {key[1] for key, _ in works}
    assert sizes == {1, 2, 4, 8, 16, 32, 64}
    assert 50 < len(works) == len({key for key, _ in works}) <= MOST_GRAPHS


# -- what cannot be captured


def test_work_that_looks_at_a_value_runs_eagerly_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    total = torch.zeros(3)

    def look() -> None:
        total.add_(1 if total[0].item() >= 0 else 0)

    graphs = Graphs(recorder([total]))
    with caplog.at_level(logging.WARNING):
        for key in (1, 2, 1, 2):
            graphs.run(key, look)
    assert total.tolist() == [4, 4, 4]
    assert (graphs.recorded, graphs.eager, graphs.failed) == (0, 4, 2)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: x.add_(torch.tensor([1.0, 2.0, 3.0])),
        lambda x: x.sum().item(),
        lambda x: x.masked_select(x > 0),
        lambda x: x.equal(x),
    ],
)
def test_tape_refuses_what_cuda_refuses(work: Callable[[Tensor], Any]) -> None:
    with pytest.raises(RefusedError):
        recorder([x := torch.ones(3)])(partial(work, x))


def test_tape_refuses_tensors_that_do_not_stay() -> None:
    x, passing = torch.ones(3), torch.ones(3)
    with pytest.raises(RefusedError, match="does not stay"):
        recorder([x])(lambda: x.add_(passing))


@pytest.mark.gpu
def test_on_a_gpu_replays_say_what_eager_steps_say(tiny: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device; run `pytest -m gpu` on a machine with an NVIDIA GPU")
    model = load_model(tiny, device="cuda")
    with torch.inference_mode():
        eager, captured = Runtime(model, 4, graphs=False), Runtime(model, 4, at_once=True)
        captured.warm_up()
        state = captured.graphs.recorded, captured.graphs.eager
        for one, other in zip(run_calls(eager, crowd(eager)), run_calls(captured, crowd(captured)), strict=True):
            assert tokens(one) == tokens(other)
    assert (captured.graphs.recorded, captured.graphs.eager, captured.graphs.failed) == (*state, 0)


@pytest.mark.gpu
def test_on_a_gpu_prompts_are_taken_in_while_graphs_are_captured(tiny: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device; run `pytest -m gpu` on a machine with an NVIDIA GPU")
    runtime = Runtime(load_model(tiny, device="cuda"), 8, at_once=True)
    done = threading.Event()

    def take_in() -> None:
        with torch.inference_mode(), torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            while not done.is_set():
                runtime.snapshot(None, list(range(10, 40)))

    thread = threading.Thread(target=take_in)
    thread.start()
    try:
        with torch.inference_mode():
            runtime.warm_up()
    finally:
        done.set()
        thread.join()
    assert runtime.graphs.failed == 0


def test_frames_are_not_kept_by_those_who_gave_them(model: Model) -> None:
    """What a step delivers is not overwritten by the next one."""
    runtime = Runtime(model, 1)
    runtime.open(0, runtime.snapshot(None, [20]), seed=0)
    first = runtime.step({0: sound(0, 1)[0]})[0].pcm
    assert first is not None and first.shape == (FRAME,)
    kept = first.copy()
    runtime.step({0: sound(1, 1)[0]})
    np.testing.assert_array_equal(first, kept)
