"""Measures what the resamplers do to a call: delay, ripple, images and aliases. Used by `callbridge bench audio`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bridge.audio.resample import Resampler, model_to_phone, phone_to_model
from bridge.facts.formats import MODEL_RATE, PHONE_RATE

_SECONDS = 1.0
_BAND = (300, 1000, 2000, 3000, 3400)
"""Frequencies in hertz at which ripple is measured: the telephone band of ITU-T G.712."""


@dataclass(frozen=True, slots=True)
class AudioQuality:
    """Levels in dB relative to the tone that was put in; delay in milliseconds at 1 kHz, both directions together."""

    delay_ms: float
    ripple_db: float
    images_db: float
    alias_of_5_khz_db: float
    alias_of_4_khz_db: float
    bit_exact_in_any_chunking: bool

    def as_dict(self) -> dict[str, float | bool]:
        """For JSON."""
        return {name: value if isinstance(value, bool) else round(value, 3) for name, value in asdict(self).items()}

    def rows(self) -> list[tuple[str, str, str]]:
        """Property, measurement, target."""
        return [
            ("delay at 1 kHz, both directions", f"{self.delay_ms:.2f} ms", "< 1 ms"),
            ("ripple from 300 to 3400 Hz", f"{self.ripple_db:.3f} dB", "≤ 0.1 dB"),
            ("images above 4 kHz", f"{self.images_db:.1f} dB", "≤ −70 dB"),
            ("alias of 4 kHz", f"{self.alias_of_4_khz_db:.1f} dB", "≤ −70 dB"),
            ("alias of 5 kHz", f"{self.alias_of_5_khz_db:.1f} dB", "≤ −70 dB"),
            ("same bits in any chunking", "yes" if self.bit_exact_in_any_chunking else "no", "yes"),
        ]


def measure() -> AudioQuality:
    """Run tones through the two resamplers of a call."""
    up_levels = [_level(_run(phone_to_model(), _tone(f, PHONE_RATE)), f, MODEL_RATE) for f in _BAND]
    down_levels = [_level(_run(model_to_phone(), _tone(f, MODEL_RATE)), f, PHONE_RATE) for f in _BAND]
    both = np.add(up_levels, down_levels)
    return AudioQuality(
        delay_ms=_delay_ms(),
        ripple_db=float(both.max() - both.min()),
        images_db=max(_above_4_khz(_run(phone_to_model(), _tone(f, PHONE_RATE))) for f in (*_BAND, 3990)),
        alias_of_5_khz_db=_total(_run(model_to_phone(), _tone(5000, MODEL_RATE))),
        alias_of_4_khz_db=_total(_run(model_to_phone(), _tone(4001, MODEL_RATE))),
        bit_exact_in_any_chunking=_same_in_any_chunking(),
    )


def _tone(frequency: float, rate: int) -> npt.NDArray[np.float32]:
    return np.sin(2 * np.pi * frequency * np.arange(int(rate * _SECONDS)) / rate).astype(np.float32)


def _run(resampler: Resampler, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The settled middle of the output, as float64."""
    out = resampler.process(samples).astype(np.float64)
    return out[len(out) // 10 : -len(out) // 10]


def _level(samples: npt.NDArray[np.float64], frequency: float, rate: int) -> float:
    """Level of one frequency in dB of full scale, by correlation."""
    phase = np.exp(-2j * np.pi * frequency * np.arange(len(samples)) / rate)
    return float(20 * np.log10(2 * abs(np.mean(samples * phase)) + 1e-12))


def _total(samples: npt.NDArray[np.float64]) -> float:
    """Level of all that is left, in dB of a full-scale tone."""
    return float(10 * np.log10(2 * np.mean(samples**2) + 1e-24))


def _above_4_khz(samples: npt.NDArray[np.float64]) -> float:
    """Level of all above 4 kHz in dB of a full-scale tone, through a Blackman-Harris-like window (−92 dB)."""
    n = np.arange(len(samples))
    angle = 2 * np.pi * n / len(samples)
    window = 0.35875 - 0.48829 * np.cos(angle) + 0.14128 * np.cos(2 * angle) - 0.01168 * np.cos(3 * angle)
    power = np.abs(np.fft.rfft(samples * window)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / MODEL_RATE)
    total = np.mean(window**2) * len(samples) ** 2 / 4
    return float(10 * np.log10(power[frequency > 4005].sum() / total + 1e-24))


def _delay_ms() -> float:
    """Group delay of 8 → 24 → 8 kHz around 1 kHz, from the phases of two tones 20 Hz apart."""
    low, high = 990.0, 1010.0
    phases = []
    for frequency in (low, high):
        tone = _tone(frequency, PHONE_RATE)
        out = model_to_phone().process(phone_to_model().process(tone))
        reference = np.exp(-2j * np.pi * frequency * np.arange(len(tone)) / PHONE_RATE)
        middle = slice(len(tone) // 10, -len(tone) // 10)
        phases.append(np.angle(np.mean((out * reference)[middle]) / np.mean((tone * reference)[middle])))
    return float(-(phases[1] - phases[0]) / (2 * np.pi * (high - low)) * 1000)


def _same_in_any_chunking() -> bool:
    signal = np.random.default_rng(1).standard_normal(9600).astype(np.float32)
    whole = model_to_phone().process(signal)
    pieces = model_to_phone()
    cuts = [0, 3, 33, 513, 2433, 2436, 7200, 9600]
    parts = [pieces.process(signal[a:b]) for a, b in pairwise(cuts)]
    return bool(np.array_equal(whole, np.concatenate(parts)))
