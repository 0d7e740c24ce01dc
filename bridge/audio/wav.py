"""WAV files read and written, and brought from one sample rate to another, whole.

RIFF is read here because the packages at hand each leave out a kind that telephony uses: mu-law (format 7), 24-bit,
float, WAVE_FORMAT_EXTENSIBLE, and streamed files whose length field was never filled in.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.audio import mulaw

MAX_SECONDS: Final = 600
"""Longest recording taken, unless a caller wants less."""

_PCM, _EXTENSIBLE = 1, 0xFFFE
"""Format tags of RIFF (mmreg.h). Others are 3: IEEE float, 7: mu-law."""

Samples = npt.NDArray[np.float32]
"""Float32, shape (samples,), mono, full scale ±1."""


def read_wav(data: bytes, max_seconds: int = MAX_SECONDS) -> tuple[int, Samples]:
    """Sample rate in Hz and mono samples of a RIFF/WAVE file; channels are averaged. Raises `ValueError`."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("it is not a WAV file")
    chunks = dict(_chunks(data))
    form, body = chunks.get(b"fmt "), chunks.get(b"data")
    if form is None or len(form) < 16:
        raise ValueError("it has no format description ('fmt ' chunk)")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        # The first two bytes of the sub-format's GUID are the plain format tag.
        tag = struct.unpack_from("<H", form, 24)[0]
    if not 1 <= channels <= 32:
        raise ValueError(f"it has {channels} channels")
    if not 4_000 <= rate <= 384_000:
        raise ValueError(f"its sample rate is {rate} Hz; 4,000 to 384,000 can be played")
    if not body:
        raise ValueError("it holds no audio")
    frames = len(body) // (channels * max(1, bits // 8))
    if frames == 0:
        raise ValueError("it holds no audio")
    if frames > max_seconds * rate:
        raise ValueError(f"it is {frames / rate:.0f} seconds long; at most {max_seconds} can be played")
    samples = _decode(body, tag, bits)
    mono = samples[: frames * channels].reshape(frames, channels).mean(axis=1)
    return rate, np.clip(np.nan_to_num(mono, posinf=1.0, neginf=-1.0), -1.0, 1.0).astype(np.float32)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        # A length beyond the end belongs to a file that was streamed or cut short: what is there is taken.
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _decode(body: bytes, tag: int, bits: int) -> Samples:
    """Interleaved samples as float32, full scale ±1. Raises `ValueError` for a coding that is not known."""
    width = bits // 8
    body = body[: len(body) - len(body) % width] if width else body
    match tag, bits:
        case (7, 8):
            return mulaw.decode_float(body)
        case (1, 8):
            return (np.frombuffer(body, np.uint8).astype(np.float32) - 128) / np.float32(128)
        case (1, 16):
            return np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32768)
        case (1, 24):
            raw = np.frombuffer(body, np.uint8).reshape(-1, 3)
            wide = np.zeros((len(raw), 4), np.uint8)
            wide[:, 1:] = raw
            return (wide.view("<i4")[:, 0] / 2147483648).astype(np.float32)
        case (1, 32):
            return (np.frombuffer(body, "<i4") / 2147483648).astype(np.float32)
        case (3, 32):
            return np.frombuffer(body, "<f4").astype(np.float32)
        case (3, 64):
            return np.frombuffer(body, "<f8").astype(np.float32)
    raise ValueError(
        f"its coding (format {tag}, {bits} bits) is not one of PCM 8/16/24/32, float 32/64, mu-law 8; "
        "`ffmpeg -i FILE -acodec pcm_s16le OUT.wav` makes one that is"
    )


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Mono float32 at `rate` Hz to `wanted` Hz, whole signal at once (polyphase FIR, linear phase)."""
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly  # most of a second to import, and most commands never need it

    common = math.gcd(rate, wanted)
    return np.asarray(resample_poly(samples, wanted // common, rate // common), np.float32)


def wav_of(samples: npt.NDArray[np.int16], rate: int) -> bytes:
    """A 16-bit WAV file of int16 samples, shape (samples,) or (samples, channels), at `rate` Hz."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    body = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", _PCM, channels, rate, rate * 2 * channels, 2 * channels, 16)
    return b"".join(
        [b"RIFF", struct.pack("<I", 36 + len(body)), b"WAVEfmt ", struct.pack("<I", 16), form,
         b"data", struct.pack("<I", len(body)), body]
    )  # fmt: skip
