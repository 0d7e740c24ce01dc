"""What 8-bit weights, keys and values cost: logits and tokens beside the model's own, on golden vectors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from bridge.engine.personaplex.config import CASES_FILE, LM_FILE, MIMI_FILE
from bridge.engine.personaplex.device import dtype_on
from bridge.engine.personaplex.model import load_model, require_files
from bridge.engine.personaplex.packing import Keys
from bridge.engine.personaplex.quantise import Weights
from bridge.engine.personaplex.verify import load_cases, replay
from bridge.engine.personaplex.weights import WeightsError


@dataclass(frozen=True)
class QuantisationError:
    """How far a packed model is from its own self; both say the recorded tokens, so that steps stay comparable."""

    weights: Weights
    keys: Keys
    frames: int
    text_logits_max_error: float
    audio_logits_max_error: float
    text_logits_spread: float  # standard deviation of the model's own logits, to judge the errors by
    audio_logits_spread: float
    equal_tokens: float  # fraction of greedy choices, text and audio, that are the same

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def quantisation_error(
    directory: Path,
    weights: Weights = Weights.BF16,
    keys: Keys = Keys.BF16,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> QuantisationError:
    """Measure on the unprompted case of a snapshot with `cases.safetensors`. Raises `WeightsError`.

    dtype: of everything that is not packed; by default that which calls use on this device.
    """
    device = torch.device(device)
    dtype = dtype or dtype_on(device, directory / LM_FILE)
    require_files(directory, LM_FILE, MIMI_FILE, CASES_FILE)
    cases = load_cases(directory)
    if "unprompted.tokens" not in cases:
        raise WeightsError(f"{directory / CASES_FILE} has no unprompted case to measure on")
    caller, history = cases["unprompted.caller_codes"], cases["unprompted.tokens"]
    own, packed = (
        replay(load_model(directory, device=device, dtype=dtype, weights=kind), None, caller, history, held)
        for kind, held in ((Weights.BF16, Keys.BF16), (weights, keys))
    )
    same = torch.cat(
        (
            (own.text_logits.argmax(-1) == packed.text_logits.argmax(-1)).flatten(),
            (own.audio_logits.argmax(-1) == packed.audio_logits.argmax(-1)).flatten(),
        )
    )
    return QuantisationError(
        weights=weights,
        keys=keys,
        frames=len(own.text_logits),
        text_logits_max_error=float((own.text_logits - packed.text_logits).abs().max()),
        audio_logits_max_error=float((own.audio_logits - packed.audio_logits).abs().max()),
        text_logits_spread=float(own.text_logits.std()),
        audio_logits_spread=float(own.audio_logits.std()),
        equal_tokens=float(same.float().mean()),
    )
