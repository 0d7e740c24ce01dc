"""The resampler: the same bits however a stream is cut, equal to a whole-signal reference, and good to the ear."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audio.quality import measure
from bridge.audio.resample import Resampler, design, model_to_phone, phone_to_model

RATIOS = [(3, 1), (1, 3), (2, 3), (3, 2), (1, 2)]


def whole_signal_reference(up, down, samples):
    """Zero-stuff, convolve with the taps, take every `down`-th: the textbook, in one piece."""
    stuffed = np.zeros(len(samples) * up)
    stuffed[::up] = samples
    return np.convolve(stuffed, design(up, down))[: len(stuffed)][::down]


@pytest.mark.parametrize(("up", "down"), RATIOS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_chunking_changes_no_bit(up, down, data):
    chunks = data.draw(st.lists(st.integers(0, 700), min_size=1, max_size=12))
    seed = data.draw(st.integers(0, 2**32 - 1))
    level = data.draw(st.sampled_from([1e-4, 0.1, 1.0, 5.0]))
    total = sum(chunks) * down
    signal = (np.random.default_rng(seed).standard_normal(total) * level).astype(np.float32)
    stream = Resampler(up, down)
    edges = np.cumsum([0, *chunks]) * down
    pieces = [stream.process(signal[a:b]) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(pieces), Resampler(up, down).process(signal))


@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_equals_a_whole_signal_reference(up, down):
    signal = np.random.default_rng(7).standard_normal(7200).astype(np.float32)
    made = Resampler(up, down).process(signal)
    # The samples are held on a grid 120 dB below full scale; that is all they may differ by.
    assert np.abs(made - whole_signal_reference(up, down, signal)).max() < 3e-6


def test_160_phone_samples_become_480_and_a_model_frame_becomes_640():
    assert len(phone_to_model().process(np.zeros(160, np.float32))) == 480
    assert len(model_to_phone().process(np.zeros(1920, np.float32))) == 640


def test_a_length_with_a_remainder_is_refused():
    with pytest.raises(ValueError, match="without remainder"):
        model_to_phone().process(np.zeros(1919, np.float32))


def test_broken_samples_do_not_outlive_the_filter():
    stream = model_to_phone()
    stream.process(np.full(300, np.nan, np.float32))
    assert np.array_equal(stream.process(np.zeros(1920, np.float32)), np.zeros(640, np.float32))


def test_quality_meets_the_targets_for_a_telephone_line():
    quality = measure()
    assert quality.ripple_db <= 0.1
    assert quality.images_db <= -70
    assert quality.alias_of_4_khz_db <= -70
    assert quality.alias_of_5_khz_db <= -70
    assert quality.delay_ms < 0.6
    assert quality.bit_exact_in_any_chunking
