from __future__ import annotations

from pathlib import Path

import torch

from bridge.engine.personaplex.model import load_model
from bridge.engine.personaplex.offload import offload
from bridge.engine.personaplex.quantise import Weights
from bridge.engine.personaplex.window import Prefill


def test_layers_stay_where_they_are_and_compute_where_their_input_is(tiny: Path) -> None:
    """torch's meta device stands for the GPU: it takes no tensor of another device."""
    for weights in Weights:
        model = load_model(tiny, weights=weights)
        offload(model, "meta")
        config = model.config.lm
        head_dim = config.dim // config.num_heads
        window = Prefill(
            length=5,
            context=config.context,
            head_dim=head_dim,
            max_period=config.max_period,
            device=torch.device("meta"),
        )
        hidden = model.lm.temporal(torch.empty(1, 5, config.dim, device="meta"), window.attend)
        assert hidden.device.type == "meta"
        assert {tensor.device.type for tensor in model.lm.transformer.state_dict().values()} == {"cpu"}
        others = [part for part in model.lm.children() if part is not model.lm.transformer]
        assert {tensor.device.type for part in others for tensor in part.state_dict().values()} == {"meta"}


def test_nothing_of_the_codec_stays_behind(tiny: Path) -> None:
    model = load_model(tiny)
    offload(model, "meta")
    pcm = torch.empty(2, model.config.mimi.frame_samples, device="meta")
    run = torch.ones(2, dtype=torch.bool, device="meta")
    codes = model.mimi.encode(pcm, model.mimi.encode_stream(2), run)
    assert model.mimi.decode(codes, model.mimi.decode_stream(2), run).device.type == "meta"
