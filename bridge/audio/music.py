"""The music that a caller hears who waits: one calm phrase, made of sums of sines, that can be played again and again.

Four chords of two seconds, each as a held chord that swells and fades under four plucked notes. It begins and ends
in silence, so that it may be looped, or stopped between two rounds, without a click.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.audio import mulaw
from bridge.facts.formats import PHONE_RATE

SECONDS: Final = 8.0
"""Length of the phrase: 100 frames. A caller on hold is asked after between two rounds, so it must not be long."""

LEVEL_DB: Final = -23.0
"""Root mean square of the phrase in dB of full scale: 10 dB and more below the lines spoken on either side of it."""

_CHORD_SECONDS: Final = 2.0
_CHORDS: Final = (
    (53, 60, 64, 69),  # F major seventh, the fifth in the middle
    (50, 57, 60, 65),  # D minor seventh
    (55, 58, 62, 65),  # G minor seventh
    (48, 58, 64, 67),  # C seventh, which leads back to the beginning
)
"""Notes as MIDI numbers (69 is 440 Hz), low to high. A telephone carries 300 to 3400 Hz: most lies there."""

_PLUCKED: Final = ((0.0, 1), (0.5, 2), (1.0, 3), (1.5, 2))
"""Second within the chord, and which of its notes is plucked there, an octave higher."""

_PLUCK_DECAY: Final = 0.45
"""Seconds in which a plucked note falls to 1/e."""

_PARTIALS: Final = (1.0, 0.22, 0.06)
"""Amplitudes of a note's first partials: nearly a sine, a little warmer."""

_FADE_SECONDS: Final = 0.35
"""At the end, so that the last note is over when the phrase is."""


@cache
def hold_music() -> npt.NDArray[np.int16]:
    """The phrase: 16-bit samples, 8 kHz, mono, shape (64000,). Read-only; made once, in 40 ms."""
    length = round(SECONDS * PHONE_RATE)
    mixed = np.zeros(length)
    for place, chord in enumerate(_CHORDS):
        start = place * _CHORD_SECONDS
        for note in chord:
            _add(mixed, start, 0.16 * _held(note))
        for after, which in _PLUCKED:
            _add(mixed, start + after, 0.5 * _plucked(chord[which] + 12))
    fade = round(_FADE_SECONDS * PHONE_RATE)
    mixed[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    mixed *= 10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(mixed**2))
    phrase = np.rint(mixed * 32768).astype(np.int16)
    phrase.setflags(write=False)
    return phrase


@cache
def hold_music_ulaw() -> bytes:
    """The phrase as 8 kHz mu-law."""
    return mulaw.encode(hold_music())


def _held(note: int) -> npt.NDArray[np.float64]:
    """A note that swells and fades over its chord, and a little into the next one."""
    length = round(1.1 * _CHORD_SECONDS * PHONE_RATE)
    held: npt.NDArray[np.float64] = _tone(note, length) * np.sin(np.linspace(0, np.pi, length)) ** 2
    return held


def _plucked(note: int) -> npt.NDArray[np.float64]:
    """A note that is struck softly and dies away."""
    time = np.arange(round(5 * _PLUCK_DECAY * PHONE_RATE)) / PHONE_RATE
    attack = np.minimum(1.0, time / 0.015)
    plucked: npt.NDArray[np.float64] = _tone(note, len(time)) * attack * np.exp(-time / _PLUCK_DECAY)
    return plucked


def _tone(note: int, length: int) -> npt.NDArray[np.float64]:
    phase = 2 * np.pi * 440.0 * 2 ** ((note - 69) / 12) * np.arange(length) / PHONE_RATE
    tone = np.zeros(length)
    for place, share in enumerate(_PARTIALS, 1):
        tone += share * np.sin(place * phase)
    return tone


def _add(mixed: npt.NDArray[np.float64], seconds: float, sound: npt.NDArray[np.float64]) -> None:
    """Mix a sound in from that second on; what would go beyond the end is left out."""
    start = round(seconds * PHONE_RATE)
    room = mixed[start : start + len(sound)]
    room += sound[: len(room)]
