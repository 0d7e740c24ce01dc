"""What this machine is, and how many calls it can hold: asked of the system and of the GPU's driver, without torch."""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import psutil

from bridge.engine.personaplex.capacity import Gpu, forecast
from bridge.engine.personaplex.device import gpus_by_driver

WEIGHTS: Final = ("bf16", "int8", "fp8")
KV: Final = ("bf16", "fp8")

_MODEL: Final = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def find_hardware() -> tuple[str, list[Gpu]]:
    """The processor's name, and the GPUs. May take a second, and changes only with the hardware."""
    return _processor(), gpus_by_driver()


def memory() -> dict[str, int]:
    """Bytes of main memory: of the machine, and those a program could have now."""
    told = psutil.virtual_memory()
    return {"total_bytes": told.total, "available_bytes": told.available}


def processor(name: str) -> dict[str, Any]:
    """Its name and cores, and those that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"name": name, "cores": os.cpu_count() or 1, "usable_cores": usable or 1}


def disk(folder: Path, purpose: str) -> dict[str, Any]:
    """Room where `folder` lies or would be made."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    told = shutil.disk_usage(place)
    return {"for": purpose, "total_bytes": told.total, "free_bytes": told.free}


def gpu_object(gpu: Gpu) -> dict[str, Any]:
    """A GPU, and what it can hold of PersonaPlex with each kind of weights, keys and values."""
    return {
        "name": gpu.name,
        "memory_bytes": gpu.memory,
        "bandwidth_bytes_per_second": gpu.bandwidth,
        "compute_capability": None if gpu.capability is None else ".".join(map(str, gpu.capability)),
        "forecast": [
            asdict(told) | {"calls": told.calls, "limit": told.limit, "real_time": told.real_time}
            for kv in KV
            for weights in WEIGHTS
            for told in (forecast(gpu, weights, kv),)
        ],
    }


def _processor() -> str:
    try:
        found = _MODEL.search(Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()
