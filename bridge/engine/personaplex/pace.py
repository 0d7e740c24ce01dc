"""How long a tick takes at a number of calls and a length of theirs, beside the time in which the memory can be read.

Every point is measured twice: whole ticks as calls have them, then some ticks that stop after each part. Stopping makes
a tick on a GPU longer, so that the parts may add up to more than the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import Literal

import numpy as np
import psutil
import torch

from bridge.engine.personaplex.capacity import BUDGET_MS, Load, known_bandwidth, load
from bridge.engine.personaplex.config import Config
from bridge.engine.personaplex.device import DeviceError, load_on, measure_bandwidth
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.quantise import Weights, has_fp8_units
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.engine.personaplex.runtime import PARTS, Ruling, Runtime
from bridge.engine.personaplex.slots import Snapshot

Size = Literal["full", "tiny"]

LEAST_TICKS = 10
_WARM = 5
"""Ticks before those that count: the first ones allocate, and libraries choose their kernels."""

_ROOM = 0.95
"""Share of the free memory that keys and values may take."""


@dataclass(frozen=True)
class Pace:
    """The ticks of `slots` calls that all talk, with windows filled to a share of `fill`. Times in milliseconds.

    parts_ms: median of each of `runtime.PARTS`; `gate` is the copy of the candidates to the host and back. launches:
    CUDA kernels of a tick, None on a CPU. memory_bytes: the greatest that torch held on a GPU, the process's on a CPU.
    bound_ms: weights and filled windows at the device's bandwidth; the codec (0.32 GB) is left out. ratio: the median
    tick in multiples of it.
    """

    slots: int
    fill: float
    ticks: int
    tick_ms_p50: float
    tick_ms_p99: float
    tick_ms_min: float
    parts_ms: Mapping[str, float]
    launches: int | None
    memory_bytes: int
    kv_bytes: int
    bound_ms: float
    ratio: float


@dataclass(frozen=True)
class Bench:
    """What was measured, and on what. `left_out`: points (slots, fill) for which the memory does not suffice."""

    device: str
    model: str
    weights: str
    dtype: str
    torch: str
    bandwidth_gb_per_s: float
    bandwidth_from: str
    budget_ms: float
    points: tuple[Pace, ...]
    left_out: tuple[tuple[int, float], ...]

    @property
    def largest_in_time(self) -> int | None:
        """The most calls whose ticks keep to the budget, 99 of 100 of them, at every fill that was measured."""
        late = {point.slots for point in self.points if point.tick_ms_p99 > self.budget_ms}
        return max({point.slots for point in self.points} - late, default=None)

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "largest_in_time": self.largest_in_time}


def model_to_measure(source: Path | Size, device: torch.device, weights: Weights) -> Model:
    """A snapshot's directory, or random weights of a size, in the precision in which calls have them on this device.

    On a CPU, torch is told to use one thread, as the engine does. Raises `config.PersonaPlexError`.
    """
    if device.type == "cpu":
        torch.set_num_threads(1)
    if isinstance(source, Path):
        return load_on(source, str(device), weights)
    tiny = source == "tiny"
    dtype = torch.float32 if tiny and device.type == "cpu" else torch.bfloat16
    config = tiny_config() if tiny else Config()
    _check_memory(device, load(config.lm, weights, width=dtype.itemsize).held)
    return random_model(config, device, dtype, weights=weights)


def measure(
    model: Model,
    *,
    name: str,
    weights: Weights,
    slots: Sequence[int],
    fills: Sequence[float],
    seconds: float,
    on_point: Callable[[int, int], None] = lambda done, total: None,
) -> Bench:
    """Measure every number of slots with every fill (above 0, at most 1), each for some seconds.

    `on_point` is told how many of how many points are done. Raises `DeviceError` where the memory suffices for none.
    """
    device, dtype = model.device, model.lm.dtype
    units = weights is Weights.FP8 and dtype == torch.bfloat16 and has_fp8_units(device)
    size = load(model.config.lm, weights, fp8_units=units, width=dtype.itemsize)
    bandwidth, source = _bandwidth(device)
    wanted = list(product(slots, fills))
    fitting = [(count, fill) for count, fill in wanted if _fits(device, size, count, fill)]
    if not fitting:
        raise DeviceError(f"{device} has too little memory free for the windows of {min(slots)} calls; try fewer slots")
    points = []
    with torch.inference_mode():
        for done, (count, fill) in enumerate(fitting):
            on_point(done, len(fitting))
            points.append(_measure_point(model, count, fill, seconds, size, bandwidth))
    on_point(len(fitting), len(fitting))
    return Bench(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        model=name,
        weights=weights.value if weights is not Weights.BF16 else str(dtype).removeprefix("torch."),
        dtype=str(dtype).removeprefix("torch."),
        torch=torch.__version__,
        bandwidth_gb_per_s=bandwidth / 1e9,
        bandwidth_from=source,
        budget_ms=BUDGET_MS,
        points=tuple(points),
        left_out=tuple(point for point in wanted if point not in fitting),
    )


def _measure_point(model: Model, count: int, fill: float, seconds: float, size: Load, bandwidth: float) -> Pace:
    laps = _Laps(model.device)
    runtime = Runtime(model, count, on_part=laps)
    calls = _Calls(runtime, fill)
    for _ in range(_WARM):
        calls.tick()
    times = _times(calls, seconds)
    for _ in range(max(LEAST_TICKS, len(times) // 10)):
        calls.keep_fill()
        laps.take(calls.tick)
    bound = (size.moved + count * fill * size.window) / bandwidth * 1e3
    percentiles = quantiles(times, n=100, method="inclusive")
    return Pace(
        slots=count,
        fill=fill,
        ticks=len(times),
        tick_ms_p50=percentiles[49],
        tick_ms_p99=percentiles[98],
        tick_ms_min=min(times),
        parts_ms=laps.medians(),
        launches=_launches(calls.tick, model.device),
        memory_bytes=_memory(model.device),
        kv_bytes=runtime.kv_bytes_used,
        bound_ms=bound,
        ratio=percentiles[49] / bound,
    )


class _Calls:
    """A call of noise in every slot, begun with a made-up prompt that fills its window to the share of `fill`."""

    def __init__(self, runtime: Runtime, fill: float) -> None:
        model, rng = runtime.model, np.random.default_rng(0)
        self._runtime = runtime
        self._prompt = _made_up_prompt(model, max(1, round(fill * model.config.lm.context)))
        # Ticks until a call has grown by a sixteenth of a window; a full window does not grow.
        self._span = model.config.lm.context // 16 if fill < 1 else None
        self._ticks = 0
        size = model.config.mimi.frame_samples
        self._frames = {slot: rng.normal(0, 0.05, size).astype(np.float32) for slot in range(runtime.count)}
        self._begin()

    def tick(self) -> None:
        self._runtime.step(self._frames, _let_stand)
        self._ticks += 1

    def keep_fill(self) -> None:
        """Begin the calls anew where their windows have grown; their first tick, which does more, is made at once."""
        if self._span is not None and self._ticks > self._span:
            for slot in self._frames:
                self._runtime.close(slot)
            self._begin()
            self.tick()

    def _begin(self) -> None:
        self._ticks = 0
        for slot in self._frames:
            self._runtime.open(slot, self._prompt, seed=slot)


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
    """A gate that changes nothing: what is left of its part of a tick is the copy to the host and back."""
    return {}


def _times(calls: _Calls, seconds: float) -> list[float]:
    """Milliseconds of each tick, until its sound is on the host; at least `LEAST_TICKS` of them."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST_TICKS or time.perf_counter() < end:
        calls.keep_fill()
        started = time.perf_counter()
        calls.tick()
        times.append((time.perf_counter() - started) * 1e3)
    return times


class _Laps:
    """Times of the parts of a tick. Between `take`s it costs nothing and waits for nothing."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last: float | None = None
        self._times: dict[str, list[float]] = {part: [] for part in PARTS}

    def __call__(self, part: str) -> None:
        """A part has ended."""
        if self._last is None:
            return
        now = self._now()
        self._times[part].append((now - self._last) * 1e3)
        self._last = now

    def take(self, tick: Callable[[], None]) -> None:
        self._last = self._now()
        tick()
        self._last = None

    def medians(self) -> dict[str, float]:
        return {part: median(times) for part, times in self._times.items()}

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def _launches(tick: Callable[[], None], device: torch.device) -> int | None:
    """CUDA kernels and graphs that the host launches in one tick."""
    if device.type != "cuda":
        return None
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        tick()
    return sum(int(event.count) for event in profile.key_averages() if "Launch" in event.key)


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def _fits(device: torch.device, size: Load, count: int, fill: float) -> bool:
    # Pages are rounded up to buckets, and a layer is there twice while it grows.
    return count * fill * size.window * 1.5 < _free(device) * _ROOM


def _check_memory(device: torch.device, wanted: int) -> None:
    if (free := _free(device)) < wanted:
        raise DeviceError(
            f"this model needs {wanted / 1e9:.1f} GB, and {device} has {free / 1e9:.1f} GB free; try --random tiny"
        )


def _free(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available)


def _bandwidth(device: torch.device) -> tuple[float, str]:
    """Bytes per second, and who says so."""
    known = known_bandwidth(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    if known is not None:
        return known, "data sheet"
    return measure_bandwidth(device, 1 << 28), "measured by copying"
