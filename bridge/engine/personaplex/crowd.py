"""Calls for measurements: a caller of noise in every slot, with a prompt that fills the window to some share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.runtime import Ruling, Runtime
from bridge.engine.personaplex.slots import Snapshot


class Crowd:
    """All calls of a runtime, ticking together."""

    def __init__(self, runtime: Runtime, fill: float) -> None:
        """fill: share of the window, above 0 and at most 1, that the prompt takes."""
        model, rng = runtime.model, np.random.default_rng(0)
        self._runtime = runtime
        self._prompt = _made_up_prompt(model, frames_of(model, fill))
        # Ticks until a call has grown by a sixteenth of a window; a full window does not grow.
        self._span = model.config.lm.context // 16 if fill < 1 else None
        self._ticks = 0
        size = model.config.mimi.frame_samples
        self._frames = {slot: rng.normal(0, 0.05, size).astype(np.float32) for slot in range(runtime.count)}
        self._begin()

    def tick(self) -> None:
        """80 ms of all calls. The gate changes nothing: what is left of it is the copy to the host and back."""
        self._runtime.step(self._frames, _let_stand)
        self._ticks += 1

    def keep_fill(self) -> None:
        """Begin the calls anew where their windows have grown; their first tick, which does more, is made at once."""
        if self._span is not None and self._ticks > self._span:
            self.end()
            self._begin()
            self.tick()

    def end(self) -> None:
        """End all calls."""
        for slot in self._frames:
            self._runtime.close(slot)

    def _begin(self) -> None:
        self._ticks = 0
        for slot in self._frames:
            self._runtime.open(slot, self._prompt, seed=slot)


def frames_of(model: Model, fill: float) -> int:
    """Positions that fill a window to this share."""
    return max(1, round(fill * model.config.lm.context))


def _made_up_prompt(model: Model, frames: int) -> Snapshot:
    config, device, dtype = model.config.lm, model.device, model.lm.dtype
    kv = torch.randn(2, frames, config.num_heads, config.dim // config.num_heads, device=device).to(dtype)
    columns = 2 * max(config.max_delay, 1)
    return Snapshot(
        kv=kv.expand(config.num_layers, -1, -1, -1, -1),
        tokens=torch.zeros(config.rows, columns, dtype=torch.int64, device=device),
        hidden=torch.zeros(config.dim, dtype=dtype, device=device),
        frames=frames,
    )


def _let_stand(offered: Mapping[int, object]) -> dict[int, Ruling]:
    return {}
