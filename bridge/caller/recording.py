"""Recordings of callers, ready to be sent: any WAV file becomes 8 kHz mu-law packets with their base64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pybase64

from bridge.audio import mulaw
from bridge.audio.wav import Samples, read_wav, resampled, wav_of
from bridge.caller.errors import RecordingError
from bridge.facts.formats import PACKET_MS, PHONE_PACKET, PHONE_RATE, ULAW_SILENCE

SPEECH_DBFS: Final = -45.0
"""A 20 ms packet whose RMS lies above this counts as speech: under the quietest word endings, over line noise."""


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
    return resampled(samples, rate, PHONE_RATE)


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
    return wav_of(pair, PHONE_RATE)


BUNDLED: Final = Path(__file__).parent.parent / "assets" / "callers"
"""Recordings of callers that come with the package; `texts.tsv` there says what is said."""

LOAD_NAMES: Final = ("u02", "u05", "u13", "u17", "u01", "u11")
"""Those that neither end the call nor ask for a transfer, in the order in which `callbridge load` plays them."""


def bundled(names: Sequence[str] = LOAD_NAMES) -> list[Recording]:
    """Recordings that come with the package."""
    return [load_recording(BUNDLED / f"{name}.wav") for name in names]
