"""From the server's settings to a loaded engine, with words for everything that may be missing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import torch

from bridge.engine.hearing.scribe import Scribe
from bridge.engine.messages import Configure
from bridge.engine.personaplex import capacity
from bridge.engine.personaplex.config import LM_FILE, MIMI_FILE, TOKENISER_FILE, LMConfig, PersonaPlexError
from bridge.engine.personaplex.device import choose_device
from bridge.engine.personaplex.engine import PersonaPlexEngine
from bridge.engine.personaplex.model import Model, load_model
from bridge.engine.personaplex.packing import Keys
from bridge.engine.personaplex.quantise import Weights
from bridge.facts.errors import EngineError

log = logging.getLogger(__name__)

_CPU_SLOTS: Final = 2
"""Calls at once on a CPU, which serves only the tiny models of tests."""

_CPU_BYTES: Final = 1 << 30
"""Weights that a CPU may be asked to serve: it reads some 20 GB a second, and a frame lasts 80 ms."""

_MOST_SLOTS: Final = 32
"""Calls at once on a GPU where SLOTS does not say more: a step computes all slots, whether they are taken or not."""

_PROMPTS_SHARE: Final = 0.1
"""Share of the memory left beside the weights in which prompts are kept ready for calls."""

_CPU_PROMPTS_BYTES: Final = 1 << 30


def load_engine(configuration: Configure) -> PersonaPlexEngine:
    """Load model, slots and hearing. Raises `EngineError` in words: files, device, memory, settings."""
    directory = Path(configuration.model_dir)
    _require(directory)
    try:
        device = choose_device(configuration.device)
        if device.type == "cpu":
            _refuse_on_cpu(directory)
        # On a CPU the models are tiny ones, which are exact in float32.
        dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        model = load_model(directory, device=device, dtype=dtype, weights=_weights(configuration.weights))
        return _engine(model, configuration)
    except PersonaPlexError as error:
        raise EngineError(f"{error}. `callbridge model status` says what MODEL_DIR={directory} holds.") from None
    except torch.OutOfMemoryError:
        raise EngineError(
            "the GPU's memory is too small for the model and its calls. Set WEIGHTS=int8, KV=fp8 or a smaller SLOTS; "
            "`callbridge doctor` says what fits."
        ) from None


def _engine(model: Model, configuration: Configure) -> PersonaPlexEngine:
    # One thread for each caller of torch: small matrix products gain nothing from more, and the step and the taking in
    # of a prompt would wait for each other's threads.
    torch.set_num_threads(1)
    free, keys = _free_bytes(model.device), _keys(configuration.kv)
    room = _room_for(model, free, keys, configuration.slots)
    slots = room.slots if room else configuration.slots or _CPU_SLOTS
    custom = configuration.custom_voice_dir
    return PersonaPlexEngine(
        model,
        slots,
        model_dir=Path(configuration.model_dir),
        custom_voice_dir=Path(custom) if custom else None,
        closing_tag=configuration.closing_tag,
        scribe=Scribe(slots) if configuration.caller_transcript else None,
        prompt_bytes=_CPU_PROMPTS_BYTES if free is None else int(free * _PROMPTS_SHARE),
        most_pages=room.pages if room else None,
        keys=keys,
        graphs=configuration.cuda_graphs,
    )


def _room_for(model: Model, free: int | None, keys: Keys, slots: int) -> capacity.Room | None:
    """How the memory left beside the weights is shared out on a GPU; `slots` of 0: as many as it holds."""
    if free is None:
        return None
    width = 1 if keys is Keys.FP8 else model.lm.dtype.itemsize
    beside = free * _PROMPTS_SHARE + max(free * capacity.RESERVED, _working_bytes(model))
    for_calls = max(0, int(free - beside))
    room = capacity.room(model.config, for_calls, width=width, slots=slots or None, most_slots=_MOST_SLOTS)
    if capacity.room(model.config, for_calls, width=width, slots=None).slots < 1:
        window = capacity.load(model.config.lm, width=width).window
        raise EngineError(
            f"beside the model {free / 1e9:.1f} GB of GPU memory are free, and a call needs up to {window / 1e9:.1f} "
            "GB. Set WEIGHTS=int8 or KV=fp8, or end what else uses this GPU; `callbridge doctor` says what fits."
        )
    return room


def _working_bytes(model: Model) -> float:
    """Of a model of the published size; smaller ones need less in proportion."""
    return capacity.WORKING_BYTES * model.config.lm.dim / LMConfig().dim


def _free_bytes(device: torch.device) -> int | None:
    """Memory that is free on a GPU once the weights are there; None on a CPU."""
    if device.type == "cpu":
        return None
    torch.cuda.synchronize(device)
    return int(torch.cuda.mem_get_info(device)[0])


def _require(directory: Path) -> None:
    missing = [name for name in (LM_FILE, MIMI_FILE, TOKENISER_FILE) if not (directory / name).is_file()]
    if missing:
        what = f"lacks {', '.join(missing)}" if directory.is_dir() else "does not exist"
        raise EngineError(
            f"MODEL_DIR={directory} {what}. `callbridge model download` brings the model, `callbridge model status` "
            "says what is there."
        )


def _refuse_on_cpu(directory: Path) -> None:
    size = (directory / LM_FILE).stat().st_size
    if size > _CPU_BYTES:
        raise EngineError(
            f"a CPU cannot run this model in real time: its {size / 1e9:.1f} GB would have to be read 12.5 times a "
            "second. Use a machine with a GPU (`callbridge doctor` says which calls it can hold), or --engine cascade."
        )
    log.info("the personaplex engine runs on the CPU")


def _keys(name: str) -> Keys:
    try:
        return Keys(name)
    except ValueError:
        raise EngineError(f"KV is {name!r}; it must be one of {', '.join(Keys)}") from None


def _weights(name: str) -> Weights:
    try:
        return Weights(name)
    except ValueError:
        raise EngineError(f"WEIGHTS is {name!r}; it must be one of {', '.join(Weights)}") from None
