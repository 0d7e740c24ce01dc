"""Starting a call: voice, silence, persona, silence, taken in as one parallel prefill.

Every token of the prompt is known beforehand, so its positions need not be stepped through one by one: a single pass
gives the same keys and values, and the resulting `Snapshot` is copied into a slot when a call arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bridge.engine.personaplex.config import LMConfig, PersonaPlexError, PromptConfig
from bridge.engine.personaplex.lm import LanguageModel
from bridge.engine.personaplex.slots import Snapshot, initial_ring
from bridge.engine.personaplex.window import Prefill


@dataclass(frozen=True)
class VoiceCodes:
    """A voice as the codec's codes of some speech, int64 [codebooks, N]."""

    codes: Tensor

    @property
    def frames(self) -> int:
        return self.codes.shape[1]


@dataclass(frozen=True)
class VoiceEmbeddings:
    """A voice of N frames as saved: what the temporal transformer reads, and the tokens to go on from.

    embeddings [N − 1, dim]: its inputs at positions 0 … N − 2; ring int64 [rows, W]: column q mod W holds the tokens
    at position q, for the last positions up to N − 1, and at N those rows that are delayed.
    """

    embeddings: Tensor
    ring: Tensor

    @property
    def frames(self) -> int:
        return self.embeddings.shape[0] + 1


Voice = VoiceCodes | VoiceEmbeddings


class PromptError(PersonaPlexError):
    """A voice or a prompt that this model cannot take in."""


@dataclass(frozen=True)
class Prompt:
    """The tokens of a whole prompt, and a saved voice's embeddings where the tokens themselves are not known.

    columns int64 [rows, frames + max_delay]: what stands at each position; past the last one only the delayed rows
    are known.
    """

    columns: Tensor
    frames: int
    embeddings: Tensor | None


def lay_out(
    config: LMConfig,
    prompt: PromptConfig,
    voice: Voice | None,
    text: Sequence[int],
    silence: Sequence[int],
    sine: Sequence[int],
) -> Prompt:
    """Put the prompt's frames at their positions.

    text: the persona as token ids; silence and sine: codes [codebooks] of the agent's and the caller's rows.
    Raises `PromptError` for a voice of other dimensions and for ids that the model does not have.
    """
    _check(config, voice, text)
    books, pad = config.codebooks, prompt.text_padding_id
    spoken = 0 if voice is None else voice.frames
    texts = [pad] * (spoken + prompt.silence_frames) + list(text) + [pad] * prompt.silence_frames
    frames = torch.empty(config.rows, len(texts), dtype=torch.int64)  # one column per frame, not yet delayed
    frames[0] = torch.tensor(texts)
    frames[1 : 1 + books] = torch.tensor(silence)[:, None]
    frames[1 + books :] = torch.tensor(sine)[:, None]
    if isinstance(voice, VoiceCodes):
        frames[1 : 1 + books, :spoken] = voice.codes

    columns = torch.tensor(config.initial)[:, None].repeat(1, len(texts) + config.max_delay)
    for row, delay in enumerate(config.delays):
        columns[row, delay : delay + len(texts)] = frames[row]
        if isinstance(voice, VoiceEmbeddings):
            for position in range(max(0, spoken - 1), spoken + delay):
                columns[row, position] = voice.ring[row, position % voice.ring.shape[1]]
        columns[row, : delay + 1] = config.initial[row]
    return Prompt(columns, len(texts), voice.embeddings if isinstance(voice, VoiceEmbeddings) else None)


def prefill(lm: LanguageModel, prompt: Prompt) -> Snapshot:
    """One pass over a whole prompt."""
    config = lm.config
    columns = prompt.columns.to(lm.device)
    x = lm.embed(columns[:, : prompt.frames].T)[None]  # [1, frames, dim]
    if prompt.embeddings is not None:
        x[0, : len(prompt.embeddings)] = prompt.embeddings.to(x)
    window = Prefill(
        length=prompt.frames,
        context=config.context,
        head_dim=config.dim // config.num_heads,
        max_period=config.max_period,
        device=lm.device,
    )
    hidden = lm.temporal(x, window.attend)[0, -1]
    return Snapshot(window.kv, initial_ring(config, columns, prompt.frames), hidden, prompt.frames)


def embed_voice(lm: LanguageModel, prompt: Prompt, frames: int) -> VoiceEmbeddings:
    """A voice of `frames` frames in the form in which voices are saved, from a prompt that begins with its codes."""
    config = lm.config
    width = config.max_delay + 3  # as in the published voices
    ring = torch.tensor(config.initial)[:, None].repeat(1, width)
    for row, delay in enumerate(config.delays):
        for position in range(max(0, frames + delay - width), frames + delay):
            ring[row, position % width] = prompt.columns[row, position]
    columns = prompt.columns[:, : frames - 1].T.to(lm.device)
    return VoiceEmbeddings(lm.embed(columns), ring)


def _check(config: LMConfig, voice: Voice | None, text: Sequence[int]) -> None:
    outside = [token for token in text if not 0 <= token < config.text_card]
    if outside:
        raise PromptError(f"text ids {outside[:5]} are outside this model's 0 … {config.text_card - 1}")
    if isinstance(voice, VoiceCodes):
        if voice.codes.ndim != 2 or voice.codes.shape[0] != config.codebooks or voice.frames < 1:
            raise PromptError(f"voice codes must be [{config.codebooks}, frames], and are {list(voice.codes.shape)}")
        _check_codes(voice.codes, config.card)
    if isinstance(voice, VoiceEmbeddings):
        shape, ring = list(voice.embeddings.shape), voice.ring
        if len(shape) != 2 or shape[1] != config.dim:
            raise PromptError(f"voice embeddings must be [frames, {config.dim}] for this model, and are {shape}")
        if ring.ndim != 2 or ring.shape[0] != config.rows or ring.shape[1] <= config.max_delay:
            raise PromptError(
                f"a voice's token ring must be [{config.rows}, more than {config.max_delay}] for this model, "
                f"and is {list(ring.shape)}"
            )
        _check_codes(ring[0], config.text_card + 1)
        _check_codes(ring[1:], config.card + 1)


def _check_codes(codes: Tensor, card: int) -> None:
    if int(codes.min()) < 0 or int(codes.max()) >= card:
        raise PromptError(f"a voice holds codes outside this model's 0 … {card - 1}: it was made for another one")
