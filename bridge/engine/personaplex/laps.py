"""What a tick is made of: the times of its parts, and how many operations were launched for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch.utils._python_dispatch import TorchDispatchMode

from bridge.engine.personaplex.runtime import BEGIN, PARTS

Tick = Callable[[], None]


class Laps:
    """Times of the parts of ticks: a `Runtime`'s `on_part`.

    On a GPU they are those of the device, from events that are queued between the parts: nothing waits for them. `gate`
    then is the time that the device had nothing to do, while the candidates went to the host and the rulings came back.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._taking = False
        self._marks: list[tuple[str, Any]] = []
        self._times: dict[str, list[float]] = {part: [] for part in PARTS}

    def __call__(self, part: str) -> None:
        """A part has been launched."""
        if self._taking:
            self._marks.append((part, self._mark()))

    def take(self, tick: Tick) -> None:
        """Make a tick whose parts count."""
        self._taking = True
        tick()
        self._taking = False
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        before = None
        for part, mark in self._marks:
            if part != BEGIN:
                self._times[part].append(_milliseconds(before, mark))
            before = mark
        self._marks.clear()

    def clear(self) -> None:
        """Forget all ticks."""
        for times in self._times.values():
            times.clear()

    def medians(self) -> dict[str, float]:
        """Milliseconds of each part."""
        return {part: median(times) for part, times in self._times.items()}

    def _mark(self) -> Any:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()  # on the runtime's stream, which is the current one while it tells
        return event


def _milliseconds(start: Any, end: Any) -> float:
    return float((end - start) * 1e3 if isinstance(start, float) else start.elapsed_time(end))


def launches(tick: Tick, device: torch.device) -> tuple[int, int]:
    """What the host launches in one tick, and what is then computed: on a GPU calls of the driver (a graph is one) and
    kernels, on a CPU torch's operations twice."""
    if device.type != "cuda":
        with Counting() as counting:
            tick()
        return counting.operations, counting.operations
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        tick()
    events = profile.key_averages()
    calls = sum(int(event.count) for event in events if "Launch" in event.key)
    return calls, sum(int(event.count) for event in events if event.device_type == DeviceType.CUDA)


_VIEWS = frozenset(
    [
        *("_reshape_alias", "_unsafe_view", "alias", "as_strided", "chunk", "detach", "expand", "flatten", "narrow"),
        *("permute", "reshape", "select", "slice", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind"),
        *("unflatten", "unsqueeze", "view", "view_as", "view_as_complex", "view_as_real"),
    ]
)
"""Operations that only name memory anew."""


class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations that compute something."""

    def __init__(self) -> None:
        """None so far."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += function.overloadpacket.__name__ not in _VIEWS
        return function(*args, **(kwargs or {}))
