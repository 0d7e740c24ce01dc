"""Voices as files: reading saved ones, and making one from a recording."""

from __future__ import annotations

import math
import os
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from scipy.io import wavfile
from scipy.signal import resample_poly
from torch import Tensor, nn

from bridge.engine.personaplex import lm as language_model
from bridge.engine.personaplex import mimi as codec
from bridge.engine.personaplex.config import CASES_FILE, LM_FILE, MIMI_FILE, load_config
from bridge.engine.personaplex.device import choose_device, dtype_on
from bridge.engine.personaplex.loudness import VOICE_LUFS, loudness, normalise
from bridge.engine.personaplex.mimi import encode_signal
from bridge.engine.personaplex.model import Model, blank, prompt_codes, require_files
from bridge.engine.personaplex.prompt import Voice, VoiceCodes, VoiceEmbeddings, embed_voice, lay_out
from bridge.engine.personaplex.voices import VoiceError, check_new_name
from bridge.engine.personaplex.weights import load_weights

# Shorter ones carry too little of a voice, longer ones take from the window that the call needs.
ADVISED_SECONDS = (10.0, 20.0)
SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 120.0
RATES = range(4_000, 384_001)
"""Sampling rates that recordings have. A header can claim others, whose filters would fill the memory."""


@dataclass(frozen=True)
class MadeVoice:
    """What `make_voice` did: the file, the recording's seconds and LUFS as given, and advice on it, if any."""

    path: Path
    seconds: float
    loudness: float
    advice: tuple[str, ...]


def load_voice(path: Path) -> VoiceEmbeddings:
    """A saved voice, from `.pt` or from `.safetensors` of the same content.

    Holds `embeddings` [N − 1, 1, 1, dim] and `cache` int64 [1, rows, W]. Nothing in a `.pt` is executed. Raises
    `VoiceError`.
    """
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _load_pt(path)
    except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise VoiceError(f"{path} cannot be read as a voice: {error}") from error
    embeddings, cache = content.get("embeddings"), content.get("cache")
    if not isinstance(embeddings, Tensor) or not isinstance(cache, Tensor):
        raise VoiceError(f"{path} is no voice: it must hold the tensors `embeddings` and `cache`")
    if embeddings.ndim != 4 or embeddings.shape[1:3] != (1, 1) or cache.ndim != 3 or cache.shape[0] != 1:
        raise VoiceError(
            f"{path} is no voice: `embeddings` is {list(embeddings.shape)} instead of [frames, 1, 1, dim], "
            f"or `cache` is {list(cache.shape)} instead of [1, rows, columns]"
        )
    return VoiceEmbeddings(embeddings[:, 0, 0], cache[0].to(torch.int64))


def read_voice(model: Model, path: Path) -> Voice:
    """A voice from a saved file, or from a WAV of any rate, which is brought to 24 kHz and −24 LUFS first.

    Raises `VoiceError`.
    """
    if path.suffix.lower() == ".wav":
        return voice_codes(model, read_wav(path, model.config.mimi.sample_rate))
    return load_voice(path)


def save_voice(voice: VoiceEmbeddings, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a voice, whole or not at all; the suffix decides between `.safetensors` and `.pt`."""
    content = {
        "embeddings": voice.embeddings[:, None, None].cpu().contiguous(),
        "cache": voice.ring[None].cpu().contiguous(),
    }
    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    if path.suffix == ".safetensors":
        save_file(content, part, metadata=metadata)
    else:
        torch.save(content, part)
    part.replace(path)


def voice_model(directory: Path, device: str = "cpu") -> Model:
    """What of a snapshot makes voices: the codec, and the language model's tables of embeddings, 0.9 GB of its 17.

    Nothing else of the language model is read; it stays on the meta device, and cannot speak. `device` as in
    `choose_device`. Raises `config.PersonaPlexError` for files that are missing or damaged.
    """
    require_files(directory, LM_FILE, MIMI_FILE)
    config, on = load_config(directory), choose_device(device)
    lm, mimi = blank(config)
    tables = nn.ModuleDict({"text_emb": lm.text_emb, "emb": lm.emb})
    load_weights(
        tables,
        directory / LM_FILE,
        published_name=language_model.published_name,
        device=on,
        dtype=dtype_on(on, directory / LM_FILE),
    )
    load_weights(mimi, directory / MIMI_FILE, published_name=codec.published_name, device=on, dtype=torch.float32)
    mimi.finish()
    silence, sine = prompt_codes(config, directory / CASES_FILE)
    return Model(config, lm, mimi, None, silence, sine)


def make_voice(
    model: Model, recording: Path, directory: Path, name: str, *, language: str | None = None, replace: bool = False
) -> MadeVoice:
    """Make a custom voice of a WAV file of any rate, 10-20 s of one clean speaker advised.

    It is mixed to one channel, resampled to 24 kHz and brought to −24 LUFS for the user. Raises `VoiceError`: a name
    that may not be, one that exists (unless `replace`), a recording that cannot be read, is silent or too short.
    """
    check_new_name(name)
    path = directory / f"{name}.safetensors"
    if path.exists() and not replace:
        raise VoiceError(f"there is a voice {name} already")
    rate = model.config.mimi.sample_rate
    pcm = read_wav(recording, rate, LONGEST_SECONDS)
    voice = voice_of(model, pcm)
    directory.mkdir(parents=True, exist_ok=True)
    save_voice(voice, path, {"language": language} if language else None)
    seconds = len(pcm) / rate
    return MadeVoice(path, seconds, loudness(pcm, rate), _advice(seconds))


def voice_of(model: Model, pcm: NDArray[np.float32]) -> VoiceEmbeddings:
    """The voice of a sound, float32 [n] at the codec's rate, in the form in which voices are saved."""
    voice = voice_codes(model, pcm)
    prompt = lay_out(model.config.lm, model.config.prompt, voice, (), model.silence, model.sine)
    return embed_voice(model.lm, prompt, voice.frames)


def voice_codes(model: Model, pcm: NDArray[np.float32]) -> VoiceCodes:
    """The codes of a sound brought to −24 LUFS, one column per whole 80 ms. Raises `VoiceError`."""
    rate = model.config.mimi.sample_rate
    if len(pcm) < SHORTEST_SECONDS * rate:
        raise VoiceError(f"the recording has {len(pcm) / rate:.1f} s; 10 to 20 s of clean speech make a good voice")
    try:
        levelled = normalise(pcm, rate, VOICE_LUFS)
    except ValueError as error:
        raise VoiceError(str(error)) from error
    return VoiceCodes(encode_signal(model.mimi, torch.from_numpy(levelled)))


def read_wav(path: Path, rate: int, longest: float = math.inf) -> NDArray[np.float32]:
    """A WAV file as one channel, float32 [n] in −1 … 1, resampled to `rate` Hz.

    Raises `VoiceError`, also for one of more than `longest` seconds.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that scipy does not know
            found, data = wavfile.read(path)
    except OSError as error:
        raise VoiceError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise VoiceError(f"{path} cannot be read as a WAV file: {error}") from error
    if found not in RATES:
        raise VoiceError(f"{path} claims {found} samples a second; recordings have {RATES[0]} to {RATES[-1]}")
    if len(data) > longest * found:
        raise VoiceError(f"the recording has {len(data) / found:.0f} s; 10 to 20 s of clean speech make a good voice")
    if data.dtype == np.uint8:
        pcm = (data.astype(np.float64) - 128) / 128
    elif np.issubdtype(data.dtype, np.integer):
        pcm = data / -float(np.iinfo(data.dtype).min)
    else:
        pcm = data.astype(np.float64)
    if pcm.ndim == 2:
        pcm = pcm.mean(axis=1)
    if found != rate:
        divisor = int(np.gcd(found, rate))
        pcm = resample_poly(pcm, rate // divisor, found // divisor)
    return np.ascontiguousarray(pcm, dtype=np.float32)


def _load_pt(path: Path) -> dict[str, Tensor]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict):
        raise VoiceError(f"{path} is no voice: it must hold the tensors `embeddings` and `cache`")
    return content


def _advice(seconds: float) -> tuple[str, ...]:
    least, most = ADVISED_SECONDS
    if seconds < least:
        return (f"{seconds:.0f} s is short: {least:.0f} to {most:.0f} s of clean speech make a better voice",)
    if seconds > most:
        return (f"{seconds:.0f} s is long: each second takes from the window that the call needs",)
    return ()
