"""The outline of a recording, for drawing: the lowest and the highest sample of each stretch, on both sides."""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.call.recording import HEADER_BYTES
from bridge.facts.errors import BridgeError
from bridge.facts.formats import PHONE_RATE

MAX_POINTS: Final = 4000

_FRAME_BYTES: Final = 4
_CHUNK: Final = 1 << 18
"""Samples that are read at a time: 1 MiB, half a minute."""


class WaveformError(BridgeError):
    """A recording that is not there, or is none of ours."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """`seconds` of sound; for each stretch the lowest and the highest sample, int16, shape (points, 2)."""

    seconds: float
    caller: npt.NDArray[np.int16]
    agent: npt.NDArray[np.int16]


def waveform(path: Path, points: int) -> Waveform:
    """At most `points` stretches of equal length, but for the last, of a recording; that of a call in progress as long
    as it is by now. Blocks: 10 ms for a quarter of an hour. Raises `WaveformError`.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            header = file.read(HEADER_BYTES)
            if not stat.S_ISREG(status.st_mode) or not _is_ours(header):
                raise WaveformError("the recording is no WAV file of the bridge's")
            # The header is right once a second; behind it a full disk may have left some bytes.
            (told,) = struct.unpack_from("<I", header, HEADER_BYTES - 4)
            samples = min(told, status.st_size - HEADER_BYTES) // _FRAME_BYTES
            return _outline(file.fileno(), samples, points)
    except OSError as error:
        raise WaveformError(f"the recording cannot be read: {error.strerror}") from None


def _is_ours(header: bytes) -> bool:
    if len(header) < HEADER_BYTES or header[:4] != b"RIFF" or header[8:16] != b"WAVEfmt ":
        return False
    form, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", header, 20)
    ours = (1, 2, PHONE_RATE, _FRAME_BYTES, 16)
    return (form, channels, rate, frame, bits) == ours and header[HEADER_BYTES - 8 : HEADER_BYTES - 4] == b"data"


def _outline(fd: int, samples: int, points: int) -> Waveform:
    stretch = max(1, -(-samples // points))
    count = -(-samples // stretch)
    low = np.full((count, 2), np.iinfo(np.int16).max, np.int16)
    high = np.full((count, 2), np.iinfo(np.int16).min, np.int16)
    at = 0
    while at < samples:
        data = os.pread(fd, min(_CHUNK, samples - at) * _FRAME_BYTES, HEADER_BYTES + at * _FRAME_BYTES)
        frames = np.frombuffer(data[: len(data) // _FRAME_BYTES * _FRAME_BYTES], "<i2").reshape(-1, 2)
        if not len(frames):  # it was cut off while it was read
            break
        first = at // stretch
        starts = np.arange(first, -(-(at + len(frames)) // stretch)) * stretch - at
        bins = slice(first, first + len(starts))
        starts = np.maximum(starts, 0)
        low[bins] = np.minimum(low[bins], np.minimum.reduceat(frames, starts))
        high[bins] = np.maximum(high[bins], np.maximum.reduceat(frames, starts))
        at += len(frames)
    seen = -(-at // stretch)
    pairs = np.stack([low[:seen], high[:seen]], axis=-1)  # (points, sides, 2)
    return Waveform(at / PHONE_RATE, pairs[:, 0], pairs[:, 1])
