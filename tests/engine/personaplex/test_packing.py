"""Keys and values in 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bridge.engine.personaplex import paged
from bridge.engine.personaplex.measure import quantisation_error
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.packing import Keys, Packing, widen
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.engine.personaplex.runtime import Runtime

from .calls import Call, run_calls, same, sound


def test_packed_values_are_within_a_sixteenth_of_themselves() -> None:
    """e4m3 keeps three digits after the first; below 2^-6 of its scale it keeps fewer."""
    kv = torch.randn(1, 2, 50, 3, 16) * torch.tensor([0.01, 1.0, 300.0])[:, None]
    packing = Packing(1, 4, 3, torch.device("cpu"))
    packing.fit(2, kv)
    scale = packing.scale[0, :, 2, None]
    restored = widen(packing.pack(kv[0], scale), torch.float32) * scale[..., None]
    assert ((restored - kv[0]).abs() <= kv[0].abs() / 16 + 2**-10 * scale[..., None]).all()
    assert (packing.scale[0, :, [0, 1, 3]] == 1).all()


def test_what_is_greater_than_all_that_was_foreseen_becomes_the_greatest_there_is() -> None:
    packing = Packing(1, 1, 1, torch.device("cpu"))
    scale = packing.scale[0, 0, :1]
    assert widen(packing.pack(torch.tensor([[[1e9, -1e9, 1.0]]]), scale), torch.float32).tolist() == [[[448, -448, 1]]]


def test_packed_calls_take_half_the_memory_of_bfloat16() -> None:
    model = random_model(tiny_config(), dtype=torch.bfloat16)
    used = []
    for keys in Keys:
        runtime = Runtime(model, 2, keys=keys)
        runtime.open(0, runtime.snapshot(None, [20] * 20), seed=0)
        runtime.step({0: sound(0, 1)[0]})
        used.append(runtime.kv_bytes_used)
    assert used[0] == 2 * used[1] > 0


def test_packed_call_is_the_same_beside_others_and_in_a_slot_that_was_used(model: Model) -> None:
    runtime = Runtime(model, 4, keys=Keys.FP8, sizes=[4])
    prompt = runtime.snapshot(None, [20, 21, 22])
    call = Call(1, sound(1, 20), prompt, seed=3)
    others = [Call(0, sound(2, 9), None, seed=4), Call(1, sound(3, 8), None, seed=5), Call(3, sound(4, 9), prompt, 6)]
    alone = run_calls(runtime, [call])[0]
    run_calls(runtime, others)
    assert same(alone, run_calls(runtime, [call, others[0], others[2]])[0])
    assert all(spoken.pcm is None or np.isfinite(spoken.pcm).all() for spoken in alone)


def test_widening_pages_by_and_by_changes_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(0, sound(1, 6), None, seed=3)
    at_once = run_calls(Runtime(model, 2, keys=Keys.FP8), [call])[0]
    monkeypatch.setattr(paged, "WIDENED", 2)
    assert same(at_once, run_calls(Runtime(model, 2, keys=Keys.FP8), [call])[0])


def test_many_products_are_made_by_and_by(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library's limit, here of two pages at a time."""
    call = Call(0, sound(1, 6), None, seed=3)
    at_once = run_calls(Runtime(model, 2), [call])[0]
    monkeypatch.setattr(paged, "MOST_PRODUCTS", 2 * model.config.lm.num_heads)
    assert same(at_once, run_calls(Runtime(model, 2), [call])[0])


def test_error_of_packed_keys_and_values_is_measured(tiny: Path) -> None:
    error = quantisation_error(tiny, keys=Keys.FP8, dtype=torch.float32)
    assert 0 < error.text_logits_max_error < 2 * error.text_logits_spread
    assert 0.65 < error.equal_tokens < 1
