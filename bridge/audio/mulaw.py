"""G.711 mu-law by tables, exact for every input.

The encoder follows ITU-T G.711 (segments of a biased magnitude) on 14-bit input: the two lowest bits of a 16-bit
sample never reach the eight bits of a code, so one table of 16,384 entries covers all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BIAS = 0x84
"""G.711's bias of 33 on a 14-bit scale, times four for 16-bit samples."""

_CLIP = 32635
"""Largest 16-bit magnitude that still fits the top segment after the bias."""


def _decode_table() -> npt.NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << ((code & 0x70) >> 4)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encode_table() -> npt.NDArray[np.uint8]:
    sample = np.arange(-(1 << 13), 1 << 13, dtype=np.int32) << 2
    magnitude = np.minimum(np.where(sample < 0, -sample, sample), _CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F)
    sign = np.where(sample < 0, 0x80, 0)
    ulaw: npt.NDArray[np.uint8] = (~(code | sign) & 0xFF).astype(np.uint8)
    return ulaw


_DECODE = _decode_table()
_ENCODE = np.roll(_encode_table(), -(1 << 13))
"""Indexed by the upper 14 bits of the sample as an unsigned number, so that no offset has to be added."""

_DECODE_FLOAT = (_DECODE / np.float32(32768)).astype(np.float32)

_ENERGY = np.square(_DECODE_FLOAT)


def decode(ulaw: bytes | bytearray | memoryview) -> npt.NDArray[np.int16]:
    """Mu-law bytes to int16 samples at the same rate."""
    return _DECODE[np.frombuffer(ulaw, np.uint8)]


def decode_float(ulaw: bytes | bytearray | memoryview) -> npt.NDArray[np.float32]:
    """Mu-law bytes to float32 samples, full scale ±1."""
    return _DECODE_FLOAT[np.frombuffer(ulaw, np.uint8)]


def energy(ulaw: bytes) -> float:
    """Sum of the squares of samples at full scale ±1."""
    return float(_ENERGY[np.frombuffer(ulaw, np.uint8)].sum())


def encode(pcm: npt.NDArray[np.int16]) -> bytes:
    """Int16 samples to mu-law bytes at the same rate."""
    ulaw: npt.NDArray[np.uint8] = _ENCODE[pcm.view(np.uint16) >> 2]
    return ulaw.tobytes()


def encode_float(pcm: npt.NDArray[np.float32]) -> bytes:
    """Float32 samples (full scale ±1) to mu-law bytes. Clips: the decimator overshoots 1.21 times on a square wave."""
    return encode(to_int16(pcm))


def to_int16(pcm: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Float32 samples (full scale ±1) to int16, clipped; what is not a number becomes silence."""
    scaled = np.rint(np.nan_to_num(pcm, posinf=1.0, neginf=-1.0) * 32768.0)
    clipped: npt.NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return clipped
