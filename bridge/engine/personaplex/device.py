"""The devices of this machine: which there are, what they are called, how fast their memory is.

torch is imported where it is needed, so that `callbridge doctor` can look before it is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.engine.personaplex.capacity import Gpu, known_bandwidth
from bridge.engine.personaplex.config import LM_FILE, PersonaPlexError

if TYPE_CHECKING:
    import torch

    from bridge.engine.personaplex.model import Model

_QUERY = "name,memory.total,compute_cap"
_COPY_BYTES = 1 << 28
_SMALL_BYTES = 4_000_000_000


class DeviceError(PersonaPlexError):
    """The device that was asked for is not there."""


def choose_device(wanted: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` as a device that is there. Raises `DeviceError`."""
    import torch

    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise DeviceError(f"DEVICE is {wanted!r}; it must be auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"DEVICE is {wanted!r}; it must be auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = torch.cuda.device_count()
        raise DeviceError(
            f"DEVICE is {wanted!r}, but torch {torch.__version__} sees {there} CUDA devices. `callbridge doctor` says "
            "what this machine has; a torch whose version ends in +cpu never sees any"
        )
    return device


def dtype_on(device: torch.device, file: Path) -> torch.dtype:
    """What the language model of this file is computed in: as published, in bfloat16.

    Small ones on a CPU take float32, in which they are exact; the published one would need 31 GB there.
    """
    import torch

    small = not file.is_file() or file.stat().st_size < _SMALL_BYTES
    return torch.float32 if small and device.type == "cpu" else torch.bfloat16


def load_on(directory: Path, wanted: str, weights: str, *, cpu_offload: bool = False) -> Model:
    """The model of a snapshot on the device `wanted` (see `choose_device`), with weights of bf16, int8 or fp8.

    With `cpu_offload` the temporal layers stay in the CPU's memory and visit the GPU one by one. Raises
    `config.PersonaPlexError`.
    """
    from bridge.engine.personaplex.model import load_model
    from bridge.engine.personaplex.offload import offload
    from bridge.engine.personaplex.quantise import Weights

    device = choose_device(wanted)
    dtype = dtype_on(device, directory / LM_FILE)
    if not cpu_offload:
        return load_model(directory, device=device, dtype=dtype, weights=Weights(weights))
    model = load_model(directory, dtype=dtype, weights=Weights(weights))
    offload(model, device)
    return model


def find_gpus() -> tuple[list[Gpu], str]:
    """The CUDA GPUs of this machine, and who knows of them: torch, nvidia-smi or nobody."""
    if find_spec("torch") is not None:
        found = _from_torch()
        if found:
            return found, "torch"
    found = gpus_by_driver()
    return found, "nvidia-smi" if found else "nobody"


def _from_torch() -> list[Gpu]:
    import torch

    if not torch.cuda.is_available():
        return []
    found = []
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        bandwidth = known_bandwidth(about.name) or measure_bandwidth(torch.device("cuda", index))
        found.append(Gpu(about.name, about.total_memory, bandwidth, (about.major, about.minor)))
    return found


def gpus_by_driver() -> list[Gpu]:
    """The GPUs that NVIDIA's driver knows of, by its tool nvidia-smi; none where it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run(
            [program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []  # a driver that does not answer is as good as none
    return parse_nvidia_smi(answer.stdout)


def parse_nvidia_smi(text: str) -> list[Gpu]:
    """GPUs from the lines `name, memory in MiB, compute capability`; lines of another form are left out."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and parts[1].isdigit():
            major, _, minor = parts[2].partition(".")
            capability = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
            found.append(Gpu(parts[0], int(parts[1]) << 20, known_bandwidth(parts[0]), capability))
    return found


def measure_bandwidth(device: torch.device, size: int = _COPY_BYTES, rounds: int = 5) -> float:
    """Bytes per second of the device's memory: the best of some copies of `size` bytes, each read and written."""
    import torch

    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(rounds + 1):  # the first touches the pages
        _finish(device)
        start = time.perf_counter()
        target.copy_(source)
        _finish(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size / best


def _finish(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
