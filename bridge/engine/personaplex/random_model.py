"""Models of random weights, of any size: for benches where the published weights are not at hand, and for tests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bridge.engine.personaplex.config import Config, parse_config
from bridge.engine.personaplex.model import Model, blank, prompt_codes
from bridge.engine.personaplex.quantise import PackedLinear, Weights

# A few thousand weights, in the proportions of the published model: a step takes milliseconds on one CPU core.
TINY: dict[str, Any] = {
    "lm": {
        "dim": 64,
        "num_layers": 3,
        "num_heads": 4,
        "context": 64,
        "text_card": 300,
        "card": 64,
        "depformer_dim": 32,
        "depformer_num_layers": 2,
        "depformer_num_heads": 4,
        "depformer_dim_feedforward": 132,
    },
    "mimi": {
        "seanet": {"dimension": 48, "n_filters": 3},
        "quantizer": {"dimension": 24, "n_q": 12, "bins": 64},
        "transformer": {"d_model": 48, "num_heads": 4, "num_layers": 2, "dim_feedforward": 96, "context": 30},
    },
}


def tiny_config() -> Config:
    return parse_config(TINY)


def random_model(
    config: Config,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    weights: Weights = Weights.BF16,
    seed: int = 0,
) -> Model:
    """A model of random weights that keep activations at the size at which training leaves them.

    `Config()` is the published size: 7.69 B parameters, 15.4 GB in bfloat16. No tokeniser.
    """
    lm, mimi = blank(config, weights)
    device = torch.device(device)
    generator = torch.Generator(device).manual_seed(seed)
    for module, kind in ((lm, dtype), (mimi, torch.float32)):
        for owner, leaf, parameter in _parameters(module):
            value = _random(leaf, parameter, owner, kind, generator)
            if isinstance(owner, PackedLinear):
                owner.pack(value)
            else:
                setattr(owner, leaf, nn.Parameter(value, requires_grad=False))
    mimi.finish()
    silence, sine = prompt_codes(config)
    return Model(config, lm, mimi, None, silence, sine)


def _parameters(module: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    for owner in module.modules():
        for leaf, parameter in list(owner.named_parameters(recurse=False)):
            yield owner, leaf, parameter


def _random(leaf: str, shape: Tensor, owner: nn.Module, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    new = torch.empty(shape.shape, dtype=dtype, device=generator.device)
    if leaf in ("alpha", "cluster_usage") or (leaf == "weight" and isinstance(owner, nn.LayerNorm)):
        return new.fill_(1.0)
    if leaf == "scale":  # of a codec layer
        return new.fill_(0.1)
    if leaf == "bias":
        return new.zero_()
    fan_in = 1 if isinstance(owner, nn.Embedding) or leaf == "embedding_sum" else math.prod(shape.shape[1:])
    return new.normal_(0.0, fan_in**-0.5, generator=generator)
