"""The temporal layers in the CPU's memory, each copied to the GPU for the moment of its use.

For GPUs that cannot hold the model. Every step moves all of these layers over the bus, 13 GB at the published size:
seconds of computing per second of sound, and never real time.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bridge.engine.personaplex.model import Model


class Visitor(nn.Module):
    """A layer whose weights stay where they are; for each call they are copied to where its input is."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, *more: Any) -> Tensor:
        weights = {
            name: tensor.to(x.device, non_blocking=True)
            for name, tensor in chain(self.layer.named_parameters(), self.layer.named_buffers())
        }
        y: Tensor = functional_call(self.layer, weights, (x, *more))
        return y


def offload(model: Model, device: torch.device | str) -> None:
    """Make a model that was loaded on the CPU compute on `device`, with its temporal layers left where they are."""
    for part in (*model.lm.children(), model.mimi):
        if part is not model.lm.transformer:
            part.to(device)
    model.mimi.finish()  # what it derived from its weights is derived anew, where they are now
    layers = model.lm.transformer.layers
    for index, layer in enumerate(layers):
        layers[index] = Visitor(layer)
