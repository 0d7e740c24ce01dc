"""How many calls a GPU can hold, computed from its memory and its bandwidth. No torch.

A step at small batches costs the time in which the weights are read from memory, and each call's keys and values. This
is a bound and a forecast; `callbridge bench engine` measures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bridge.engine.personaplex.config import Config, LMConfig, MimiConfig
from bridge.engine.personaplex.pages import page_of, promised

BUDGET_MS: Final = 80.0
"""One frame: a step that takes longer falls behind."""

EFFICIENCY: Final = 0.6
"""Share of the memory's bandwidth that captured graphs of small matrix products reach."""

RESERVED: Final = 0.05
"""Share of the memory for the CUDA context, activations, and prompts that are kept ready."""

WORKING_BYTES: Final = 1_500_000_000
"""What a step needs beside weights, keys and values: graphs, activations of all slots, workspaces of libraries."""

CODEC_BYTES: Final = 320_000_000
"""Mimi's 79 M parameters in float32."""

BF16_BYTES: Final = 2
_WIDENED_TRAFFIC: Final = 1 + 2 + 2
"""Bytes moved per 8-bit weight without matrix units for it: read as 8 bits, written as bfloat16, read again."""

FP8_UNITS_FROM: Final = (9, 0)
"""Compute capability of the first GPUs that multiply fp8 with a scale per row: Hopper."""

# Makers' data sheets, GB/s; the longest name that a GPU's name contains counts.
_BANDWIDTH: Final = {
    "B200": 8000.0,
    "H200": 4800.0,
    "GH200 480GB": 4000.0,
    "H100 NVL": 3900.0,
    "H100 PCIe": 2000.0,
    "H100": 3350.0,
    "H20": 4000.0,
    "A100 80GB PCIe": 1935.0,
    "A100-PCIE-80GB": 1935.0,
    "A100-SXM4-80GB": 2039.0,
    "A100-SXM4-40GB": 1555.0,
    "A100-PCIE-40GB": 1555.0,
    "A40": 696.0,
    "A30": 933.0,
    "A10G": 600.0,
    "A10": 600.0,
    "L40S": 864.0,
    "L40": 864.0,
    "L4": 300.0,
    "T4": 320.0,
    "V100": 900.0,
    "RTX PRO 6000": 1792.0,
    "RTX 6000 Ada": 960.0,
    "RTX A6000": 768.0,
    "RTX 5090": 1792.0,
    "RTX 5080": 960.0,
    "RTX 4090": 1008.0,
    "RTX 4080": 717.0,
    "RTX 3090 Ti": 1008.0,
    "RTX 3090": 936.0,
}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: memory in bytes, bandwidth in bytes per second where it is known, compute capability."""

    name: str
    memory: int
    bandwidth: float | None
    capability: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a GPU can do with weights, and keys and values, of one kind.

    `calls` have full windows (of window_bytes); `limit` says what allows no more: by_memory, or by_time, which is None
    where the bandwidth is not known.
    """

    weights: str
    weights_bytes: int
    kv: str
    window_bytes: int
    step_ms: float | None
    by_memory: int
    by_time: int | None

    @property
    def calls(self) -> int:
        """How many are held."""
        return self.by_memory if self.by_time is None else min(self.by_memory, self.by_time)

    @property
    def limit(self) -> str:
        """Memory or bandwidth."""
        if self.by_memory < 1:
            return "memory"
        if self.by_time is None:
            return "memory; its bandwidth is not known"
        return "bandwidth" if self.by_time < self.by_memory else "memory"

    @property
    def real_time(self) -> bool:
        """Whether one call can be held."""
        return self.calls > 0


@dataclass(frozen=True, slots=True)
class Load:
    """Bytes of a model: of weights held in memory, of weights moved in a step, of keys and values per call."""

    held: int
    moved: int
    window: int


def known_bandwidth(name: str) -> float | None:
    """Bytes per second of the GPU of this name, from its maker's data sheet; None if it is not in the table."""
    fitting = [known for known in _BANDWIDTH if re.search(rf"\b{re.escape(known)}\b", name, re.IGNORECASE)]
    return _BANDWIDTH[max(fitting, key=len)] * 1e9 if fitting else None


def load(config: LMConfig, weights: str = "bf16", *, fp8_units: bool = False, width: int = BF16_BYTES) -> Load:
    """The bytes of a language model with `weights` of bf16, int8 or fp8; `width` is that of the others in bytes.

    A step reads every weight once, but of an embedding table only a row. With the published dimensions in bfloat16
    these are 15.4 GB held, 14.75 GB moved, 1.573 GB per window.
    """
    temporal, tables, others = _temporal_linears(config), _embeddings(config), _others(config)
    held = moved = width * temporal
    if weights != "bf16":
        held = temporal
        moved = temporal * (1 if weights == "fp8" and fp8_units else _WIDENED_TRAFFIC)
    window = 2 * config.num_layers * config.dim * width * config.context
    return Load(held + width * (tables + others), moved + width * others, window)


TYPICAL_PROMPT: Final = 300
"""Frames of a prompt where none is known: a voice of four seconds, a persona of 240 tokens."""


@dataclass(frozen=True, slots=True)
class Room:
    """How memory for calls is shared out: so many slots, and pages for all their windows (nobody's included)."""

    slots: int
    pages: int


def room(config: Config, free: int, *, width: int, slots: int | None = None, most_slots: int = 1 << 16) -> Room:
    """What `free` bytes hold: as many slots as can be promised their pages, or `slots` with the pages that are left.

    width: bytes of a key or value. No more pages than full windows of all slots need. With no slots at all, not one
    call can be promised its pages.
    """
    context, page = config.lm.context, page_of(config.lm.context)
    page_bytes = load(config.lm, width=width).window // context * page
    whole = -(-context // page)
    owed = -(-promised(context, min(TYPICAL_PROMPT, context)) // page)
    beside = codec_slot(config.mimi)
    if slots is None:
        slots = max(0, min(most_slots, (free - page_bytes) // (owed * page_bytes + beside)))
    pages = max(0, (free - slots * beside) // page_bytes)
    return Room(slots, min(pages, 1 + slots * whole))


def codec_slot(config: MimiConfig) -> int:
    """Bytes that the codec remembers of a call: the windows of both transformers, in float32."""
    transformer = config.transformer
    return 2 * transformer.num_layers * 2 * transformer.context * transformer.d_model * 4


def forecast(gpu: Gpu, weights: str, kv: str = "bf16", config: Config | None = None) -> Forecast:
    """How many calls fit into the memory, and how many into 80 ms at `EFFICIENCY` of the bandwidth.

    Keys and values of fp8 take half the memory, and are widened for each step.
    """
    config = config or Config()
    fp8_units = gpu.capability is not None and gpu.capability >= FP8_UNITS_FROM
    size = load(config.lm, weights, fp8_units=fp8_units)
    window = size.window // (2 if kv == "fp8" else 1)
    read = window * _WIDENED_TRAFFIC if kv == "fp8" else window
    left = gpu.memory * (1 - RESERVED) - size.held - CODEC_BYTES
    by_memory, by_time = max(0, int(left // (window + codec_slot(config.mimi)))), None
    if gpu.bandwidth is not None:
        by_time = max(0, int((BUDGET_MS / 1e3 * EFFICIENCY * gpu.bandwidth - size.moved) // read))
    return Forecast(weights, size.held, kv, window, _step_ms(gpu, size, 0), by_memory, by_time)


def bound_ms(size: Load, bandwidth: float, calls: int = 0) -> float:
    """The shortest possible step: all bytes at full bandwidth, with so many full windows."""
    return (size.moved + calls * size.window) / bandwidth * 1e3


def _step_ms(gpu: Gpu, size: Load, calls: int) -> float | None:
    return None if gpu.bandwidth is None else bound_ms(size, gpu.bandwidth, calls) / EFFICIENCY


def _temporal_linears(config: LMConfig) -> int:
    """Parameters that `WEIGHTS` packs: attention and gating of the temporal transformer."""
    return config.num_layers * (4 * config.dim**2 + 3 * config.dim * config.hidden)


def _embeddings(config: LMConfig) -> int:
    temporal = (config.text_card + 1 + config.n_q * (config.card + 1)) * config.dim
    return temporal + (config.text_card + 1 + (config.codebooks - 1) * (config.card + 1)) * config.depformer_dim


def _others(config: LMConfig) -> int:
    """Text head, norms, and the depformer with a set of weights for each of its steps."""
    dim, inner = config.dim, config.depformer_dim
    layer = 4 * inner**2 + 3 * inner * config.depformer_hidden
    step = config.depformer_num_layers * layer + dim * inner + inner * config.card
    norms = (2 * config.num_layers + 1) * dim + 2 * config.depformer_num_layers * inner
    return config.text_card * dim + config.codebooks * step + norms
