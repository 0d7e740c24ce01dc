"""Recordings of callers, ready to be sent: any WAV file becomes 8 kHz mu-law packets with their base64.

RIFF is read here because the packages at hand each leave out a kind that telephony uses: mu-law (format 7), 24-bit,
float, WAVE_FORMAT_EXTENSIBLE, and streamed files whose length field was never filled in.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pybase64

from bridge.audio import mulaw
from bridge.caller.errors import RecordingError
from bridge.facts.formats import PACKET_MS, PHONE_PACKET, PHONE_RATE, ULAW_SILENCE

SPEECH_DBFS: Final = -45.0
"""A 20 ms packet whose RMS lies above this counts as speech: under the quietest word endings, over line noise."""

MAX_SECONDS: Final = 600
"""Longest recording taken."""

_PCM, _EXTENSIBLE = 1, 0xFFFE
"""Format tags of RIFF (mmreg.h). Others are 3: IEEE float, 7: mu-law."""

Samples = npt.NDArray[np.float32]
"""Float32, shape (samples,), mono, full scale ±1."""


@dataclass(frozen=True, slots=True)
class Packet:
    """20 ms of caller audio: 160 bytes of mu-law, and their base64 as the media message carries it."""

    ulaw: bytes
    payload: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What a caller says. `speech_end_ms` is where the last speech ends, so that trailing silence is no delay."""

    name: str
    packets: tuple[Packet, ...]
    speech_end_ms: int

    @property
    def seconds(self) -> float:
        """Length with all its silence."""
        return len(self.packets) * PACKET_MS / 1000


def packet(ulaw: bytes) -> Packet:
    """A packet of these bytes, filled up with silence to 160."""
    ulaw = ulaw.ljust(PHONE_PACKET, bytes([ULAW_SILENCE]))
    return Packet(ulaw, pybase64.b64encode_as_string(ulaw))


SILENCE: Final = packet(b"")

_ENERGY: Final = np.square(mulaw.decode_float(bytes(range(256))).astype(np.float64))
_SPEECH_ENERGY: Final = PHONE_PACKET * 10.0 ** (SPEECH_DBFS / 10)


def is_speech(ulaw: bytes) -> bool:
    """Whether 20 ms of mu-law are louder than `SPEECH_DBFS`. A shorter packet counts as filled up with silence."""
    return bool(ulaw) and float(_ENERGY[np.frombuffer(ulaw, np.uint8)].sum()) > _SPEECH_ENERGY


def from_ulaw(name: str, ulaw: bytes) -> Recording:
    """A recording of 8 kHz mu-law bytes."""
    packets = tuple(packet(ulaw[at : at + PHONE_PACKET]) for at in range(0, len(ulaw), PHONE_PACKET))
    spoken = [number for number, one in enumerate(packets, 1) if is_speech(one.ulaw)]
    return Recording(name, packets, (spoken[-1] if spoken else len(packets)) * PACKET_MS)


def load_recording(path: Path) -> Recording:
    """Read a WAV file of any usual form. Raises `RecordingError` with what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        rate, samples = read_wav(data)
    except ValueError as error:
        raise RecordingError(f"{path} cannot be played: {error}") from None
    return from_ulaw(path.stem, mulaw.encode_float(to_phone(samples, rate)))


def to_phone(samples: Samples, rate: int) -> Samples:
    """Mono float32 at `rate` Hz to 8 kHz, whole signal at once (polyphase FIR, linear phase)."""
    if rate == PHONE_RATE:
        return samples
    from scipy.signal import resample_poly  # most of a second to import, and most commands never need it

    common = math.gcd(rate, PHONE_RATE)
    return np.asarray(resample_poly(samples, PHONE_RATE // common, rate // common), np.float32)


def read_wav(data: bytes) -> tuple[int, Samples]:
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
    samples = _decode(body, tag, bits)
    frames = samples.size // channels
    if frames == 0:
        raise ValueError("it holds no audio")
    if frames > MAX_SECONDS * rate:
        raise ValueError(f"it is {frames / rate:.0f} seconds long; at most {MAX_SECONDS} can be played")
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


def speech_like(seconds: float, seed: int) -> Recording:
    """Noise in the rhythm and band of speech, for load: syllables of 200 ms, every fourth one silent, −20 dBFS."""
    rng = np.random.default_rng(seed)
    count = int(seconds * PHONE_RATE)
    time = np.arange(count) / PHONE_RATE
    voice = np.sin(2 * np.pi * 140 * time) + 0.5 * rng.standard_normal(count)
    envelope = np.abs(np.sin(np.pi * time / 0.2)) * (time // 0.2 % 4 != 3)
    return from_ulaw("speech-like", mulaw.encode_float((0.14 * voice * envelope).astype(np.float32)))


def stereo_wav(left: bytes, right: bytes) -> bytes:
    """Two rows of 8 kHz mu-law as one 16-bit stereo WAV file; the shorter is filled up with silence."""
    length = max(len(left), len(right))
    silence = bytes([ULAW_SILENCE])
    pair = np.stack([mulaw.decode(left.ljust(length, silence)), mulaw.decode(right.ljust(length, silence))], axis=1)
    body = pair.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", _PCM, 2, PHONE_RATE, PHONE_RATE * 4, 4, 16)
    return b"".join(
        [b"RIFF", struct.pack("<I", 36 + len(body)), b"WAVEfmt ", struct.pack("<I", 16), form,
         b"data", struct.pack("<I", len(body)), body]
    )  # fmt: skip


BUNDLED: Final = Path(__file__).parent.parent / "assets" / "callers"
"""Recordings of callers that come with the package; `texts.tsv` there says what is said."""

LOAD_NAMES: Final = ("u02", "u05", "u13", "u17", "u01", "u11")
"""Those that neither end the call nor ask for a transfer, in the order in which `callbridge load` plays them."""


def bundled(names: Sequence[str] = LOAD_NAMES) -> list[Recording]:
    """Recordings that come with the package."""
    return [load_recording(BUNDLED / f"{name}.wav") for name in names]
