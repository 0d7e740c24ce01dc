"""Dimensions of a snapshot, from its `config.json`, and the constants of the published model.

A snapshot may describe itself in the sections `lm`, `mimi` and `prompt`. Missing keys take the published value (the
published `config.json` has none of them), unknown keys are ignored, and a value that asks for an architecture this
runtime does not have is an error. Everything here is plain data: no torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

# Special text ids. Neither of the two paddings ends a sentence.
EPAD, BOS, EOS, PAD = 0, 1, 2, 3

# What the codec makes of silence, and of the tone that stands on the caller's rows while the prompt is taken in.
SILENCE_CODES = (948, 243, 1178, 546, 1736, 1030, 1978, 2008)
SINE_CODES = (430, 1268, 381, 1611, 1095, 1495, 56, 472)

CONFIG_FILE = "config.json"
LM_FILE = "model.safetensors"
MIMI_FILE = "tokenizer-e351c8d8-checkpoint125.safetensors"
TOKENISER_FILE = "tokenizer_spm_32k_3.model"
VOICES_DIR = "voices"
CASES_FILE = "cases.safetensors"


class PersonaPlexError(ValueError):
    """Something a person can put right: files, settings, voices, prompts. Its text says what and where."""


class ConfigError(PersonaPlexError):
    """`config.json` is unreadable, or describes a model that this runtime cannot run."""


@dataclass(frozen=True)
class LMConfig:
    """The language model: temporal transformer and depformer. Names are those of the `lm` section."""

    dim: int = 4096
    num_layers: int = 32
    num_heads: int = 32
    hidden_scale: float = 4.125
    context: int = 3000  # positions that the temporal transformer sees, the newest included
    max_period: float = 10000.0
    text_card: int = 32000
    card: int = 2048
    n_q: int = 16  # audio rows: the agent's codebooks, then as many of the caller's
    delays: tuple[int, ...] = (0, *(0, 1, 1, 1, 1, 1, 1, 1) * 2)
    depformer_dim: int = 1024
    depformer_num_layers: int = 6
    depformer_num_heads: int = 16
    depformer_dim_feedforward: int = 4224
    depformer_context: int = 8

    def __post_init__(self) -> None:
        if self.n_q % 2 or self.n_q < 2:
            raise ConfigError(f"lm.n_q is {self.n_q}: it must be even, half for the agent and half for the caller")
        if len(self.delays) != 1 + self.n_q or min(self.delays) < 0:
            raise ConfigError(f"lm.delays must hold {1 + self.n_q} numbers of frames, none below 0: {self.delays}")
        _check_heads("lm", self.dim, self.num_heads)
        _check_heads("lm.depformer", self.depformer_dim, self.depformer_num_heads)

    @property
    def codebooks(self) -> int:
        """Audio codebooks of one speaker, and steps of the depformer that are run."""
        return self.n_q // 2

    @property
    def rows(self) -> int:
        """Token rows: text, agent codebooks, caller codebooks."""
        return 1 + self.n_q

    @property
    def max_delay(self) -> int:
        return max(self.delays)

    @property
    def initial(self) -> tuple[int, ...]:
        """The id that stands on each row before its first frame."""
        return (self.text_card, *(self.card,) * self.n_q)

    @property
    def hidden(self) -> int:
        return _gated_hidden(self.dim, int(self.hidden_scale * self.dim))

    @property
    def depformer_hidden(self) -> int:
        return _gated_hidden(self.depformer_dim, self.depformer_dim_feedforward)


@dataclass(frozen=True)
class SeanetConfig:
    """The codec's convolutions. `ratios` are the decoder's strides; the encoder takes them in reverse."""

    dimension: int = 512
    n_filters: int = 64
    compress: int = 2
    kernel_size: int = 7
    residual_kernel_size: int = 3
    last_kernel_size: int = 3
    ratios: tuple[int, ...] = (8, 6, 5, 4)


@dataclass(frozen=True)
class QuantizerConfig:
    """The codec's codebooks: one semantic and `n_q` - 1 acoustic ones, of `bins` entries each."""

    dimension: int = 256
    n_q: int = 32
    bins: int = 2048


@dataclass(frozen=True)
class CodecTransformerConfig:
    """The codec's two transformers, one before the codebooks and one after."""

    d_model: int = 512
    num_heads: int = 8
    num_layers: int = 8
    dim_feedforward: int = 2048
    context: int = 250
    max_period: float = 10000.0

    def __post_init__(self) -> None:
        _check_heads("mimi.transformer", self.d_model, self.num_heads)


@dataclass(frozen=True)
class MimiConfig:
    """The codec. Sample rate in Hz, frame rate in frames per second."""

    seanet: SeanetConfig = field(default_factory=SeanetConfig)
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    transformer: CodecTransformerConfig = field(default_factory=CodecTransformerConfig)
    sample_rate: int = 24000
    frame_rate: float = 12.5
    num_codebooks: int = 8

    def __post_init__(self) -> None:
        hop = math.prod(self.seanet.ratios)
        if self.frame_samples != self.sample_rate / self.frame_rate or self.frame_samples % hop:
            raise ConfigError(f"mimi: a frame of {self.sample_rate / self.frame_rate} samples is no multiple of {hop}")
        if self.positions_per_frame < 2:
            raise ConfigError("mimi: the convolutions must give at least two positions per frame")
        if self.transformer.d_model != self.seanet.dimension:
            raise ConfigError("mimi: transformer.d_model and seanet.dimension must be equal")
        if not 2 <= self.num_codebooks <= self.quantizer.n_q:
            raise ConfigError(f"mimi.num_codebooks must be from 2 to quantizer.n_q, {self.quantizer.n_q}")

    @property
    def frame_samples(self) -> int:
        """Samples of one frame: 1920, 80 ms, as published."""
        return int(self.sample_rate / self.frame_rate)

    @property
    def positions_per_frame(self) -> int:
        """Positions of the codec's transformers in one frame: 2, as published."""
        return self.frame_samples // math.prod(self.seanet.ratios)


@dataclass(frozen=True)
class PromptConfig:
    """How a call is started. Codes that the snapshot does not give are decided by `model.load_model`."""

    silence_frames: int = 6
    text_padding_id: int = PAD
    silence_codes: tuple[int, ...] = ()
    sine_codes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Config:
    """All dimensions of one snapshot; `Config()` is the published model."""

    lm: LMConfig = field(default_factory=LMConfig)
    mimi: MimiConfig = field(default_factory=MimiConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)


@dataclass(frozen=True)
class Sampling:
    """How one call's tokens are drawn; the defaults are those the model was trained for. Temperature 0 is greedy."""

    text_temperature: float = 0.7
    text_top_k: int = 25
    audio_temperature: float = 0.8
    audio_top_k: int = 250

    @classmethod
    def greedy(cls) -> Sampling:
        return cls(text_temperature=0.0, audio_temperature=0.0)


def load_config(directory: Path) -> Config:
    """Dimensions of the snapshot in `directory`; without a `config.json`, the published ones.

    Raises `ConfigError` with the place of the value that cannot be used.
    """
    path = directory / CONFIG_FILE
    if not path.exists():
        return Config()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a JSON object")
    try:
        return parse_config(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(data: Mapping[str, Any]) -> Config:
    """The same from the parsed JSON object."""
    lm, mimi, prompt = (_section(data, name) for name in ("lm", "mimi", "prompt"))
    parts = {name: _section(mimi, name) for name in ("seanet", "quantizer", "transformer")}
    _demand("lm", lm, _LM_IS)
    for name, required in _MIMI_IS.items():
        _demand(f"mimi.{name}", parts[name], required)
    return Config(
        lm=_take(LMConfig, "lm", lm),
        mimi=_take(
            MimiConfig,
            "mimi",
            mimi,
            seanet=_take(SeanetConfig, "mimi.seanet", parts["seanet"]),
            quantizer=_take(QuantizerConfig, "mimi.quantizer", parts["quantizer"]),
            transformer=_take(CodecTransformerConfig, "mimi.transformer", parts["transformer"]),
        ),
        prompt=_take(PromptConfig, "prompt", prompt),
    )


# Choices of architecture that a config may name: this runtime has the published one of each.
_LM_IS: Mapping[str, Any] = {
    "causal": True,
    "layer_scale": None,
    "gating": "silu",
    "norm": "rms_norm_f32",
    "positional_embedding": "rope",
    "depformer_layer_scale": None,
    "depformer_multi_linear": True,
    "depformer_gating": "silu",
    "depformer_pos_emb": "none",
    "depformer_weights_per_step": True,
}
_MIMI_IS: Mapping[str, Mapping[str, Any]] = {
    "seanet": {
        "channels": 1,
        "causal": True,
        "n_residual_layers": 1,
        "activation": "ELU",
        "norm": "none",
        "pad_mode": "constant",
        "true_skip": True,
    },
    "quantizer": {},
    "transformer": {"causal": True, "gating": "none", "norm": "layer_norm", "positional_embedding": "rope"},
}

T = TypeVar("T")


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = data.get(name, {})
    if not isinstance(section, dict):
        raise ConfigError(f"{name} must be an object")
    return section


def _demand(where: str, section: Mapping[str, Any], required: Mapping[str, Any]) -> None:
    for key, value in required.items():
        if section.get(key, value) != value:
            raise ConfigError(f"{where}.{key} is {section[key]!r}; this runtime has only {value!r}")


def _take(kind: type[T], where: str, section: Mapping[str, Any], **given: Any) -> T:
    """A dataclass from the keys that it knows, each checked against the type of its default."""
    published = kind()
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name not in given and item.name in section:
            given[item.name] = _as_type_of(getattr(published, item.name), section[item.name], f"{where}.{item.name}")
    return kind(**given)


def _as_type_of(default: Any, value: Any, where: str) -> Any:
    if isinstance(default, tuple):
        if isinstance(value, list) and all(type(one) is int for one in value):
            return tuple(value)
        raise ConfigError(f"{where} must be a list of whole numbers, and is {value!r}")
    number = type(value) in (int, float) if isinstance(default, float) else type(value) is int
    if not number or value < 0 or (value == 0 and default != 0 and not where.startswith("prompt.")):
        kind = "number" if isinstance(default, float) else "whole number"
        raise ConfigError(f"{where} must be a {kind} above 0, and is {value!r}")
    return value


def _check_heads(where: str, dim: int, heads: int) -> None:
    if dim % (2 * heads):
        raise ConfigError(f"{where}: {dim} dimensions do not divide into {heads} heads of even size")


def _gated_hidden(dim: int, feedforward: int) -> int:
    """Width between the two linears of a gated layer: two thirds, so that three matrices weigh as much as two.

    A feed-forward of exactly four times the width is rounded to 21/8 of it in models of this family.
    """
    return 21 * dim // 8 if feedforward == 4 * dim else 2 * feedforward // 3
