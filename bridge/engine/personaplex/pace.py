"""How long a tick takes at a number of calls and a length of theirs, beside the time in which the memory can be read.

Whole ticks are timed as calls have them, from the frames to the sound on the host; the times of their parts are taken
from some ticks more.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, product
from pathlib import Path
from statistics import quantiles
from typing import Literal

import psutil
import torch

from bridge.engine.personaplex.capacity import BUDGET_MS, Load, codec_slot, known_bandwidth, load
from bridge.engine.personaplex.config import Config
from bridge.engine.personaplex.crowd import Crowd, frames_of
from bridge.engine.personaplex.device import DeviceError, load_on, measure_bandwidth
from bridge.engine.personaplex.hold import Held, hold
from bridge.engine.personaplex.laps import Laps, launches
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.packing import Keys
from bridge.engine.personaplex.pages import page_of, promised
from bridge.engine.personaplex.quantise import Weights, has_fp8_units
from bridge.engine.personaplex.random_model import random_model, tiny_config
from bridge.engine.personaplex.runtime import Runtime

Size = Literal["full", "tiny"]
Progress = Callable[[str, int, int], None]
"""Told what is done, and how many of how many."""

LEAST_TICKS = 10
_WARM = 5
"""Ticks before those that count: the first ones allocate, and libraries choose their kernels."""

_ROOM = 0.95
"""Share of the free memory that keys and values may take."""


@dataclass(frozen=True)
class Pace:
    """The ticks of `slots` calls that all talk, with windows filled to a share of `fill`. Times in milliseconds.

    parts_ms: median of each of `runtime.PARTS`; `gate` is the copy of the candidates to the host and back. launches:
    what the host launches in a tick; kernels: what it makes the device compute (on a CPU both are operations). graphs:
    those captured. memory_bytes: in use on the GPU by anybody, on a CPU by the process. bound_ms: weights and filled
    windows at the device's bandwidth; the codec (0.32 GB) is left out. ratio: the median tick in multiples of it.
    """

    slots: int
    fill: float
    ticks: int
    tick_ms_p50: float
    tick_ms_p99: float
    tick_ms_min: float
    parts_ms: Mapping[str, float]
    launches: int
    kernels: int
    graphs: int
    memory_bytes: int
    kv_bytes: int
    bound_ms: float
    ratio: float


@dataclass(frozen=True)
class Bench:
    """What was measured, and on what.

    bandwidth_gb_per_s: measured by copying; data_sheet_gb_per_s: what the maker says of a GPU that is known. held: the
    tries to hold calls, the most calls first. left_out: points (slots, fill) for which the memory does not suffice.
    """

    device: str
    model: str
    weights: str
    kv: str
    dtype: str
    torch: str
    bandwidth_gb_per_s: float
    data_sheet_gb_per_s: float | None
    budget_ms: float
    points: tuple[Pace, ...]
    held: tuple[Held, ...]
    left_out: tuple[tuple[int, float], ...]

    @property
    def largest_in_time(self) -> int | None:
        """The most calls whose ticks keep to the budget, 99 of 100 of them, at every fill that was measured."""
        late = {point.slots for point in self.points if point.tick_ms_p99 > self.budget_ms}
        return max({point.slots for point in self.points} - late, default=None)

    @property
    def largest_held(self) -> int | None:
        """The most calls that were held without a late tick, if that was tried."""
        return max((held.slots for held in self.held if not held.late), default=None)

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "largest_in_time": self.largest_in_time, "largest_held": self.largest_held}


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


@dataclass(frozen=True)
class Measurement:
    """What is to be measured: every number of slots with every fill (above 0, at most 1), each for some seconds.

    With hold_minutes, then the numbers of slots that are in time, the most first, until one has been held so long.
    """

    slots: Sequence[int]
    fills: Sequence[float]
    seconds: float
    hold_minutes: float = 0.0
    weights: Weights = Weights.BF16
    keys: Keys = Keys.BF16
    graphs: bool = True


def measure(
    model: Model, name: str, wanted: Measurement, on_progress: Progress = lambda what, done, total: None
) -> Bench:
    """Measure. Raises `DeviceError` where the memory suffices for nothing of it."""
    device, dtype = model.device, model.lm.dtype
    size = _load(model, wanted)
    bandwidth = measure_bandwidth(device)
    known = known_bandwidth(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    everything = list(product(wanted.slots, wanted.fills))
    fitting = [(count, fill) for count, fill in everything if _fits(model, size, count, fill)]
    if not fitting:
        least = min(wanted.slots)
        raise DeviceError(f"{device} has too little memory free for the windows of {least} calls; try fewer slots")
    points: list[Pace] = []
    with torch.inference_mode():
        for count, some in groupby(fitting, lambda point: point[0]):
            fills = [fill for _, fill in some]
            points += _paces(model, count, fills, wanted, size, bandwidth, on_progress, (len(points), len(fitting)))
        held = tuple(_hold(model, points, wanted, on_progress)) if wanted.hold_minutes else ()
    plain = str(dtype).removeprefix("torch.")
    return Bench(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        model=name,
        weights=wanted.weights.value if wanted.weights is not Weights.BF16 else plain,
        kv=wanted.keys.value if wanted.keys is not Keys.BF16 else plain,
        dtype=plain,
        torch=torch.__version__,
        bandwidth_gb_per_s=bandwidth / 1e9,
        data_sheet_gb_per_s=None if known is None else known / 1e9,
        budget_ms=BUDGET_MS,
        points=tuple(points),
        held=held,
        left_out=tuple(point for point in everything if point not in fitting),
    )


def _paces(
    model: Model,
    count: int,
    fills: Sequence[float],
    wanted: Measurement,
    size: Load,
    bandwidth: float,
    on_progress: Progress,
    done: tuple[int, int],
) -> Iterable[Pace]:
    """The points of one number of calls, all on one runtime."""
    laps = Laps(model.device)
    runtime = _runtime(model, count, max(fills), wanted, laps)
    runtime.warm_up(lambda part, parts: on_progress(f"{count} calls: capturing", part, parts))
    for index, fill in enumerate(fills):
        on_progress(f"{count} calls, windows filled to {fill:g}", done[0] + index, done[1])
        laps.clear()
        crowd = Crowd(runtime, fill)
        for _ in range(_WARM):
            crowd.tick()
        times = _times(crowd, wanted.seconds)
        for _ in range(max(LEAST_TICKS, len(times) // 10)):
            crowd.keep_fill()
            laps.take(crowd.tick)
        bound = (size.moved + count * fill * size.window) / bandwidth * 1e3
        percentiles = quantiles(times, n=100, method="inclusive")
        launched, computed = launches(crowd.tick, model.device)
        yield Pace(
            slots=count,
            fill=fill,
            ticks=len(times),
            tick_ms_p50=percentiles[49],
            tick_ms_p99=percentiles[98],
            tick_ms_min=min(times),
            parts_ms=laps.medians(),
            launches=launched,
            kernels=computed,
            graphs=runtime.graphs.recorded,
            memory_bytes=_memory(model.device),
            kv_bytes=runtime.kv_bytes_used,
            bound_ms=bound,
            ratio=percentiles[49] / bound,
        )
        crowd.end()


def _hold(model: Model, points: Sequence[Pace], wanted: Measurement, on_progress: Progress) -> Iterable[Held]:
    """Try the numbers of calls that are in time, the most first, with windows as full as any, until one is held."""
    in_time = {point.slots for point in points} - {point.slots for point in points if point.tick_ms_p99 > BUDGET_MS}
    for count in sorted(in_time, reverse=True):
        fill = max(point.fill for point in points if point.slots == count)
        held = _try_to_hold(model, count, fill, wanted, on_progress)
        yield held
        if not held.late:
            return


def _try_to_hold(model: Model, count: int, fill: float, wanted: Measurement, on_progress: Progress) -> Held:
    runtime = _runtime(model, count, fill, wanted)
    runtime.warm_up(lambda part, parts: on_progress(f"{count} calls: capturing", part, parts))
    crowd = Crowd(runtime, fill)
    for _ in range(_WARM):
        crowd.tick()
    minutes = wanted.hold_minutes
    return hold(crowd, count, fill, minutes, lambda tick, ticks: on_progress(f"{count} calls held", tick, ticks))


def _runtime(
    model: Model, count: int, fill: float, wanted: Measurement, on_part: Callable[[str], None] = lambda part: None
) -> Runtime:
    """A runtime of so many calls that all tick, with the memory that they need, taken at once."""
    _let_go(model.device)
    context = model.config.lm.context
    pages = -(-promised(context, min(context, frames_of(model, fill))) // page_of(context))
    return Runtime(
        model,
        count,
        sizes=[count],
        most_pages=1 + count * pages,
        at_once=True,
        keys=wanted.keys,
        graphs=wanted.graphs,
        on_part=on_part,
    )


def _times(crowd: Crowd, seconds: float) -> list[float]:
    """Milliseconds of each tick, until its sound is on the host; at least `LEAST_TICKS` of them."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST_TICKS or time.perf_counter() < end:
        crowd.keep_fill()
        started = time.perf_counter()
        crowd.tick()
        times.append((time.perf_counter() - started) * 1e3)
    return times


def _load(model: Model, wanted: Measurement) -> Load:
    dtype = model.lm.dtype
    units = wanted.weights is Weights.FP8 and dtype == torch.bfloat16 and has_fp8_units(model.device)
    size = load(model.config.lm, wanted.weights, fp8_units=units, width=dtype.itemsize)
    window = size.window // dtype.itemsize if wanted.keys is Keys.FP8 else size.window
    return Load(size.held, size.moved, window)


def _fits(model: Model, size: Load, count: int, fill: float) -> bool:
    """Whether so many calls can be promised their windows; a sixteenth more for pages that are not full."""
    context = model.config.lm.context
    share = promised(context, frames_of(model, fill)) / context
    needed = count * (share * size.window * 17 / 16 + codec_slot(model.config.mimi))
    return needed < _free(model.device) * _ROOM


def _let_go(device: torch.device) -> None:
    """Give the memory of the runtime before back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return int(total - free)
    return int(psutil.Process().memory_info().rss)


def _check_memory(device: torch.device, wanted: int) -> None:
    if (free := _free(device)) < wanted:
        raise DeviceError(
            f"this model needs {wanted / 1e9:.1f} GB, and {device} has {free / 1e9:.1f} GB free; try --random tiny"
        )


def _free(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available)
