from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bridge.engine.personaplex.measure import quantisation_error
from bridge.engine.personaplex.model import load_model
from bridge.engine.personaplex.quantise import PackedLinear, Weights, _fp8_linear, pack
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.engine.personaplex.runtime import Runtime

from .calls import Call, run_calls, sound

PACKED = (Weights.INT8, Weights.FP8)


@pytest.mark.parametrize(("kind", "within"), [(Weights.INT8, 1 / 250), (Weights.FP8, 1 / 16)])
def test_packed_weight_is_within_half_a_step_of_its_rows_range(kind: Weights, within: float) -> None:
    weight = torch.randn(40, 64) * torch.logspace(-3, 3, 40)[:, None]
    linear = PackedLinear(64, 40, kind)
    linear.pack(weight)
    restored = linear.weight.float() * linear.scale[:, None]
    assert ((restored - weight).abs().amax(1) / weight.abs().amax(1)).max() <= within


@pytest.mark.parametrize("kind", PACKED)
def test_packed_linear_multiplies_like_the_weight_it_stands_for(kind: Weights) -> None:
    linear = PackedLinear(64, 40, kind)
    linear.pack(torch.randn(40, 64))
    x = torch.randn(2, 3, 64)
    expected = x @ (linear.weight.float() * linear.scale[:, None]).T
    torch.testing.assert_close(linear(x), expected, atol=1e-4, rtol=1e-4)
    assert linear(x.bfloat16()).dtype == torch.bfloat16


def test_rows_of_zeros_stay_zeros() -> None:
    for dtype in (torch.int8, torch.float8_e4m3fn):
        packed, scale = pack(torch.zeros(3, 16), dtype)
        assert not packed.float().any() and scale.isfinite().all()


def test_fp8_product_of_matrix_units_agrees_with_the_widened_one() -> None:
    """The function runs on a CPU too, which is how it is checked where there is no such GPU."""
    x, weight = torch.randn(4, 1, 64, dtype=torch.bfloat16), torch.randn(48, 64)
    packed, scale = pack(weight, torch.float8_e4m3fn)
    found, expected = _fp8_linear(x, packed, scale).float(), x.float() @ weight.T
    assert found.shape == expected.shape
    assert (found - expected).norm() / expected.norm() < 0.05


def test_only_the_temporal_linears_are_packed(tiny: Path) -> None:
    lm = load_model(tiny, weights=Weights.INT8).lm
    packed = {name for name, module in lm.named_modules() if isinstance(module, PackedLinear)}
    assert packed == {
        f"transformer.layers.{layer}.{name}"
        for layer in range(3)
        for name in ("self_attn.in_proj", "self_attn.out_proj", "gating.linear_in", "gating.linear_out")
    }


@pytest.mark.parametrize("kind", PACKED)
def test_random_models_can_be_packed_too(kind: Weights) -> None:
    runtime = Runtime(random_model(tiny_config(), dtype=torch.bfloat16, weights=kind), 1)
    said = run_calls(runtime, [Call(0, sound(0, 3), runtime.snapshot(None, [9]))])[0]
    assert all(spoken.pcm is not None and np.isfinite(spoken.pcm).all() for spoken in said)


def test_error_on_the_golden_vectors_is_measured(tiny: Path) -> None:
    int8, fp8 = (quantisation_error(tiny, kind, dtype=torch.float32) for kind in PACKED)
    assert 0 < int8.text_logits_max_error < fp8.text_logits_max_error < 2 * int8.text_logits_spread
    assert 0.6 < fp8.equal_tokens < int8.equal_tokens < 1.0
