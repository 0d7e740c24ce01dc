"""How long a step takes, measured with random weights, beside the time in which the memory can be read."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Literal

import numpy as np
import psutil
import torch

from bridge.engine.personaplex.capacity import BUDGET_MS, CODEC_BYTES, Load, bound_ms, known_bandwidth, load
from bridge.engine.personaplex.config import Config
from bridge.engine.personaplex.device import DeviceError, measure_bandwidth
from bridge.engine.personaplex.quantise import Weights, has_fp8_units
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.engine.personaplex.runtime import Runtime

Size = Literal["full", "tiny"]


@dataclass(frozen=True)
class Pace:
    """Milliseconds per step with all slots talking, over `steps` steps; `bound_ms` is the memory's limit.

    bytes_per_step: weights of the language model, and every slot's window, which is read whole. The codec comes on top
    of it: at most 0.32 GB.
    """

    device: str
    model: str
    weights: str
    dtype: str
    slots: int
    steps: int
    step_ms_p50: float
    step_ms_p99: float
    step_ms_min: float
    bound_ms: float
    bytes_per_step: int
    bandwidth_gb_per_s: float
    bandwidth_from: str
    budget_ms: float
    load_seconds: float
    torch: str

    @property
    def real_time(self) -> bool:
        """Whether 99 of 100 steps keep to the budget."""
        return self.step_ms_p99 <= self.budget_ms

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "real_time": self.real_time}


def measure_pace(size: Size, device: torch.device, *, slots: int, weights: Weights, steps: int) -> Pace:
    """Make a random model, let `slots` callers talk to it, and take the time of each step.

    The published size is computed in bfloat16, the tiny one on a CPU in float32. Raises `DeviceError` where the memory
    does not suffice.
    """
    config = Config() if size == "full" else tiny_config()
    dtype = torch.float32 if size == "tiny" and device.type == "cpu" else torch.bfloat16
    units = weights is Weights.FP8 and dtype == torch.bfloat16 and has_fp8_units(device)
    need = load(config.lm, weights, fp8_units=units, width=dtype.itemsize)
    _check_memory(size, device, need, slots)
    bandwidth, source = _bandwidth(device)
    started = time.perf_counter()
    runtime = Runtime(random_model(config, device, dtype, weights=weights), slots)
    loaded = time.perf_counter() - started
    times = _times(runtime, steps)
    percentiles = quantiles(times, n=100, method="inclusive")
    return Pace(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        model=size,
        weights=weights.value if weights is not Weights.BF16 else str(dtype).removeprefix("torch."),
        dtype=str(dtype).removeprefix("torch."),
        slots=slots,
        steps=steps,
        step_ms_p50=percentiles[49],
        step_ms_p99=percentiles[98],
        step_ms_min=min(times),
        bound_ms=bound_ms(need, bandwidth, slots),
        bytes_per_step=need.moved + slots * need.window,
        bandwidth_gb_per_s=bandwidth / 1e9,
        bandwidth_from=source,
        budget_ms=BUDGET_MS,
        load_seconds=loaded,
        torch=torch.__version__,
    )


def _times(runtime: Runtime, steps: int, warm: int = 5) -> list[float]:
    """Milliseconds of each step, until its sound is on the host. The first few, which allocate, do not count."""
    rng = np.random.default_rng(0)
    frame = runtime.model.config.mimi.frame_samples
    frames = {slot: rng.normal(0, 0.05, frame).astype(np.float32) for slot in range(runtime.count)}
    for slot in frames:
        runtime.open(slot, None, seed=slot)
    times = []
    for _ in range(warm + steps):
        started = time.perf_counter()
        runtime.step(frames)
        times.append((time.perf_counter() - started) * 1e3)
    return times[warm:]


def _bandwidth(device: torch.device) -> tuple[float, str]:
    """Bytes per second, and who says so."""
    known = known_bandwidth(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    if known is not None:
        return known, "data sheet"
    return measure_bandwidth(device, 1 << 28), "measured by copying"


def _check_memory(size: Size, device: torch.device, need: Load, slots: int) -> None:
    wanted = need.held + slots * need.window + (CODEC_BYTES if size == "full" else 0)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if wanted > free:
        raise DeviceError(
            f"the {size} model with {slots} slots needs {wanted / 1e9:.1f} GB, and {device} has "
            f"{free / 1e9:.1f} GB free; try --random tiny, or fewer slots"
        )
