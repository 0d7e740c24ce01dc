from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from bridge.engine.personaplex.config import Config, LMConfig, Sampling
from bridge.engine.personaplex.mimi import decode_codes
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.prompt import VoiceCodes, lay_out
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.engine.personaplex.runtime import NoRoomError, Offer, Ruling, Runtime
from bridge.engine.personaplex.slots import SamplingError
from bridge.engine.personaplex.verify import load_cases, replay
from bridge.engine.personaplex.weights import WeightsError

from .calls import FRAME, Call, run_calls, same, sound, tokens
from .conftest import TINY

GREEDY = Sampling.greedy()


@pytest.fixture
def runtime(model: Model) -> Runtime:
    return Runtime(model, 3)


def test_each_frame_in_gives_a_frame_out_from_the_first_one(runtime: Runtime) -> None:
    prompt = runtime.snapshot(None, "You are the best")
    said = run_calls(runtime, [Call(1, sound(0, 8), prompt)])[0]
    assert len(said) == 8
    for spoken in said:
        assert spoken.pcm is not None and spoken.pcm.shape == (FRAME,) and spoken.pcm.dtype == np.float32


def test_call_without_a_prompt_has_no_sound_in_its_first_frame(runtime: Runtime) -> None:
    said = run_calls(runtime, [Call(0, sound(0, 3), None)])[0]
    assert [spoken.pcm is None for spoken in said] == [True, False, False]
    assert said[0].text is None


def test_call_that_memory_cannot_be_promised_to_is_refused_and_the_others_go_on(model: Model) -> None:
    bounded, free = Runtime(model, 4, most_pages=12), Runtime(model, 4)
    prompt = free.snapshot(None, [20] * 3)
    assert bounded.room(prompt.frames) == 1
    frames = sound(0, 24)
    for runtime in (bounded, free):
        runtime.open(2, prompt, seed=7)
    said = []
    for count, frame in enumerate(frames):
        if count in (0, 9, 20):
            with pytest.raises(NoRoomError, match="promised to the calls"):
                bounded.open(1, prompt, seed=1)
            assert bounded.room(prompt.frames) == 0
        said.append([runtime.step({2: frame})[2] for runtime in (bounded, free)])
    assert bounded.kv_shortened == 0
    assert same([one for one, _ in said], [other for _, other in said])
    bounded.close(2)
    bounded.open(1, prompt, seed=1)


def test_long_call_in_little_memory_forgets_earlier_and_goes_on(model: Model) -> None:
    """Six pages of eight positions: a window of 48, its prompt in place, instead of 64."""
    runtime = Runtime(model, 1, most_pages=7)
    prompt = runtime.snapshot(None, [20] * 3)
    call = Call(0, sound(0, 48), prompt, seed=3)
    short, whole = run_calls(runtime, [call])[0], run_calls(Runtime(model, 1), [call])[0]
    room = 48 - prompt.frames
    assert same(short[:room], whole[:room])
    assert not same(short[room:], whole[room:])
    assert all(spoken.pcm is not None and np.isfinite(spoken.pcm).all() for spoken in short)
    assert runtime.kv_shortened == 1


def test_call_that_cannot_begin_leaves_nothing_behind(model: Model) -> None:
    runtime = Runtime(model, 2)
    prompt = runtime.snapshot(None, [20])
    wrong = replace(prompt, tokens=prompt.tokens[:-1])
    with pytest.raises(RuntimeError):
        runtime.open(1, wrong, seed=0)
    assert runtime.kv_bytes_used == 0
    runtime.open(1, prompt, seed=0)


def test_text_is_known_one_frame_before_its_sound(runtime: Runtime) -> None:
    said = run_calls(runtime, [Call(0, sound(0, 20), runtime.snapshot(None, [9, 10]))])[0]
    assert [spoken.ahead for spoken in said[:-1]] == [spoken.text for spoken in said[1:]]


def test_runtime_says_what_the_parts_say_one_after_the_other(model: Model) -> None:
    cases, runtime = load_cases(TINY), Runtime(model, 2)
    pcm = cases["mimi.pcm_in"].numpy().reshape(-1, FRAME)
    voice = VoiceCodes(cases["prompted.voice_codes"])
    prompt = runtime.snapshot(voice, [11, 12])
    said = run_calls(runtime, [Call(1, list(pcm), prompt, sampling=GREEDY)])[0]
    laid = lay_out(model.config.lm, model.config.prompt, voice, [11, 12], model.silence, model.sine)
    expected = replay(model, laid, cases["mimi.codes"]).tokens
    sound = decode_codes(model.mimi, expected[1:, 1:].T).numpy()
    np.testing.assert_allclose(
        np.concatenate([spoken.pcm for spoken in said if spoken.pcm is not None]), sound, atol=1e-5
    )
    assert [spoken.text for spoken in said] == expected[1:, 0].tolist()


def test_gate_sees_every_token_once_and_in_order(runtime: Runtime) -> None:
    seen: list[int] = []

    def gate(offered: Mapping[int, Offer]) -> dict[int, Ruling]:
        seen.extend(offered[2].tokens[:1])
        return {}

    call = Call(2, sound(0, 10), runtime.snapshot(None, [9]), seed=4)
    ungated, gated = run_calls(runtime, [call])[0], run_calls(runtime, [call], gate)[0]
    assert same(ungated, gated)
    assert seen == [gated[0].text, *(spoken.ahead for spoken in gated)]


def test_token_that_the_gate_refuses_is_replaced_before_it_sounds(runtime: Runtime) -> None:
    call = Call(0, sound(0, 10), runtime.snapshot(None, [9]), seed=4)
    free = run_calls(runtime, [call])[0]
    refused = free[4].ahead

    def gate(offered: Mapping[int, Offer]) -> dict[int, Ruling]:
        first, second = offered[0].tokens[:2]
        return {0: Ruling(text=second)} if first == refused else {}

    gated = run_calls(runtime, [call], gate)[0]
    assert refused not in [spoken.text for spoken in gated]
    assert same(free[:3], gated[:3])
    assert tokens(free) != tokens(gated)


def test_text_that_the_gate_forces_is_said(runtime: Runtime) -> None:
    line = iter([100, 3, 101, 102, 3, 103])
    call = Call(0, sound(0, 6), runtime.snapshot(None, [9]))
    said = run_calls(runtime, [call], lambda offered: {0: Ruling(text=next(line, 3))})[0]
    assert [spoken.text for spoken in said] == [100, 3, 101, 102, 3, 103]


def test_silence_that_the_gate_orders_is_silence_in_every_codebook(model: Model, runtime: Runtime) -> None:
    call = Call(0, sound(0, 12), runtime.snapshot(None, [9]))
    hushed = run_calls(runtime, [call], lambda offered: {0: Ruling(silent=True)})[0]
    silent = model.mimi.decode_stream(1)
    for spoken in hushed:
        expected = model.mimi.decode(torch.tensor([model.silence]), silent, torch.ones(1, dtype=torch.bool))[0]
        assert spoken.pcm is not None
        np.testing.assert_allclose(spoken.pcm, expected.numpy(), atol=1e-5)


def test_gate_touches_only_the_calls_it_rules(runtime: Runtime) -> None:
    prompt = runtime.snapshot(None, [9])
    calls = [Call(0, sound(0, 10), prompt, seed=1), Call(2, sound(1, 10), prompt, seed=2)]
    free = run_calls(runtime, calls)
    gated = run_calls(runtime, calls, lambda offered: {0: Ruling(text=50, silent=True)} if 0 in offered else {})
    assert same(free[1], gated[1])
    assert not same(free[0], gated[0])


def test_forbidden_tokens_are_not_said_until_the_slot_is_closed(runtime: Runtime) -> None:
    call = Call(1, sound(3, 15), None, sampling=GREEDY)
    free = run_calls(runtime, [call])[0]
    banned = {spoken.ahead for spoken in free}
    runtime.open(1, None, 0, GREEDY)
    runtime.forbid(1, sorted(banned))
    said = [runtime.step({1: frame})[1].ahead for frame in call.sound]
    runtime.close(1)
    assert not banned & set(said)
    assert same(run_calls(runtime, [call])[0], free)


def test_misuse_is_said_in_words(runtime: Runtime) -> None:
    runtime.open(0, None, 0)
    with pytest.raises(ValueError, match="slot 0 is taken"):
        runtime.open(0, None, 0)
    with pytest.raises(ValueError, match="no slot 3"):
        runtime.open(3, None, 0)
    with pytest.raises(ValueError, match="slot 1 is not open"):
        runtime.step({1: np.zeros(FRAME, np.float32)})
    with pytest.raises(ValueError, match="1920 samples"):
        runtime.step({0: np.zeros(160, np.float32)})
    with pytest.raises(ValueError, match="text id 300"):
        runtime.step({0: np.zeros(FRAME, np.float32)}, lambda offered: {0: Ruling(text=300)})
    with pytest.raises(SamplingError, match="top-k"):
        runtime.open(1, None, 0, Sampling(text_top_k=0))
    assert runtime.step({}) == {}


def test_any_64_bit_seed_will_do(runtime: Runtime) -> None:
    for seed in (0, -1, 2**63, 2**64 - 1):
        runtime.open(0, None, seed)
        runtime.close(0)


def test_codec_and_language_model_that_do_not_fit_are_refused() -> None:
    lm = tiny_config().lm
    other = LMConfig(**{**vars(lm), "card": 32})
    with pytest.raises(WeightsError, match="do not fit"):
        Runtime(random_model(Config(lm=other, mimi=tiny_config().mimi)), 1)


def test_random_model_of_any_size_can_be_called() -> None:
    runtime = Runtime(random_model(tiny_config(), dtype=torch.bfloat16), 2)
    said = run_calls(runtime, [Call(0, sound(0, 5), runtime.snapshot(None, [9]))])[0]
    assert all(spoken.pcm is not None and np.isfinite(spoken.pcm).all() for spoken in said)
