"""A snapshot directory as a model: language model, codec, tokeniser and the codes of silence, on one device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from bridge.engine.personaplex import lm as language
from bridge.engine.personaplex import mimi as codec
from bridge.engine.personaplex.config import (
    CASES_FILE,
    LM_FILE,
    MIMI_FILE,
    SILENCE_CODES,
    SINE_CODES,
    TOKENISER_FILE,
    Config,
    load_config,
)
from bridge.engine.personaplex.lm import LanguageModel
from bridge.engine.personaplex.mimi import Mimi
from bridge.engine.personaplex.quantise import Weights, use_packed_linears
from bridge.engine.personaplex.tokeniser import Tokeniser
from bridge.engine.personaplex.weights import WeightsError, load_weights


@dataclass(frozen=True)
class Model:
    """Everything loaded of one snapshot. Weights are never written to after loading; state lives elsewhere."""

    config: Config
    lm: LanguageModel
    mimi: Mimi
    tokeniser: Tokeniser | None  # None where the snapshot carries none: prompts are then given as ids
    silence: tuple[int, ...]  # codes [codebooks] that sound like silence
    sine: tuple[int, ...]  # codes [codebooks] on the caller's rows during the prompt

    @property
    def device(self) -> torch.device:
        return self.lm.device


def load_model(
    directory: Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    weights: Weights = Weights.BF16,
) -> Model:
    """Load a snapshot in the published layout.

    dtype is that of the language model (bfloat16 on a GPU; the codec is always float32); `weights` other than `BF16`
    pack the temporal linears into 8 bits as they are read. Raises `WeightsError` (files missing, damaged or of other
    dimensions), `config.ConfigError` and `tokeniser.TokeniserError`.
    """
    require_files(directory, LM_FILE, MIMI_FILE)
    config, device = load_config(directory), torch.device(device)
    lm, mimi = blank(config, weights)
    load_weights(
        lm,
        directory / LM_FILE,
        published_name=language.published_name,
        device=device,
        dtype=dtype,
        leading_rows=lambda name: name.startswith("depformer.layers.") and ".self_attn." in name,
    )
    load_weights(mimi, directory / MIMI_FILE, published_name=codec.published_name, device=device, dtype=torch.float32)
    mimi.finish()
    tokeniser = directory / TOKENISER_FILE
    silence, sine = prompt_codes(config, directory / CASES_FILE)
    return Model(config, lm, mimi, Tokeniser(tokeniser) if tokeniser.exists() else None, silence, sine)


def blank(config: Config, weights: Weights = Weights.BF16) -> tuple[LanguageModel, Mimi]:
    """Both models on the meta device: shapes without memory."""
    with torch.device("meta"):
        lm, mimi = LanguageModel(config.lm), Mimi(config.mimi)
        if weights is not Weights.BF16:
            use_packed_linears(lm.transformer, weights)
    return lm.requires_grad_(False), mimi.requires_grad_(False)


def require_files(directory: Path, *names: str) -> None:
    """Raises `WeightsError` that names every file which is not there."""
    missing = [name for name in names if not (directory / name).is_file()]
    if missing:
        raise WeightsError(f"{directory} is no complete snapshot: it lacks {', '.join(missing)}")


def prompt_codes(config: Config, cases: Path | None = None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Codes of silence and of the sine: the config's, else a golden snapshot's own, else the published ones.

    A model with fewer codes than the published one takes the published ones modulo their number: it is a random
    model, whose silence sounds like anything else it says.
    """
    given = {"silence_codes": config.prompt.silence_codes, "sine_codes": config.prompt.sine_codes}
    if cases is not None and cases.is_file() and not all(given.values()):
        try:
            golden = load_file(cases)
        except SafetensorError as error:
            raise WeightsError(f"{cases} cannot be read as safetensors: {error}") from error
        given = {name: codes or tuple(golden[name].tolist() if name in golden else ()) for name, codes in given.items()}
    books = config.lm.codebooks
    fallback = {"silence_codes": SILENCE_CODES, "sine_codes": SINE_CODES}
    for name, published in fallback.items():
        codes = given[name] or tuple(published[book % len(published)] % config.lm.card for book in range(books))
        if len(codes) != books or max(codes) >= config.lm.card:
            raise WeightsError(f"{name} must be {books} codes below {config.lm.card}, and are {codes}")
        given[name] = codes
    return given["silence_codes"], given["sine_codes"]
