"""A stream with 24 kHz audio beside that at 8 kHz: whatever happens to one side happens to the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audio.intake import Intake
from bridge.facts.formats import MODEL_FRAME, PHONE_FRAME, ULAW_SILENCE, WIDE_BYTES

CODES = np.array([code for code in range(256) if code not in (ULAW_SILENCE, 0x7F)], np.uint8)


def packet(samples, seed):
    """Noise at 8 kHz, and beside it 24 kHz audio each sample of which tells the code it belongs to."""
    ulaw = np.random.default_rng(seed).choice(CODES, samples)
    wide = np.repeat(ulaw.astype("<i2") + 1, 3)
    return ulaw.tobytes(), wide.tobytes()


def told(frame):
    """The codes that the 24 kHz side of a frame belongs to; silence is 0 there."""
    wide = np.rint(frame.pcm * 32768).astype(int)
    assert wide.shape == (MODEL_FRAME,)
    assert np.array_equal(wide[::3], wide[1::3])
    assert np.array_equal(wide[::3], wide[2::3])
    return np.where(wide[::3] == 0, ULAW_SILENCE, wide[::3] - 1).astype(np.uint8).tobytes()


STEPS = st.one_of(
    st.tuples(st.just("packet"), st.integers(0, 900), st.integers(-400, 1500)),  # samples, milliseconds too late
    st.tuples(st.just("silence"), st.integers(0, 2000), st.just(0)),
    st.tuples(st.just("line_up"), st.integers(0, 79), st.just(0)),
    st.tuples(st.just("shift"), st.integers(-4, 4), st.just(0)),
)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=40), st.randoms(use_true_random=False))
def test_the_two_sides_never_differ_by_a_sample(steps, chance):
    intake, frames, at_ms, now_ms = Intake(wide=True), [], 0, 0.0
    for kind, amount, offset in steps:
        match kind:
            case "packet":
                ulaw, wide = packet(amount, chance.randrange(1000))
                now_ms += amount / 8
                frames += intake.accept(max(0, at_ms + offset), ulaw, now_ms, wide)
                at_ms += amount // 8
            case "silence":
                now_ms += amount
                frames += intake.catch_up(now_ms)
            case "line_up":
                intake.line_up(amount, 20)
            case "shift":
                intake.shift(amount)
    frames += intake.catch_up(now_ms + 1000)
    assert [frame.number for frame in frames] == list(range(len(frames)))
    for frame in frames:
        assert len(frame.ulaw) == PHONE_FRAME
        assert told(frame) == frame.ulaw


def test_the_engine_gets_the_callers_own_samples():
    wide = np.random.default_rng(1).integers(-32768, 32767, MODEL_FRAME).astype("<i2")
    [frame] = Intake(wide=True).accept(0, bytes(PHONE_FRAME), 80.0, wide.tobytes())
    assert np.array_equal(frame.pcm * 32768, wide.astype(np.float32))
    assert frame.pcm.dtype == np.float32


def test_a_packet_whose_sides_are_not_equally_long_is_refused():
    for intake, wide in ((Intake(wide=True), bytes(WIDE_BYTES * 160 - 2)), (Intake(), bytes(WIDE_BYTES * 160))):
        with pytest.raises(ValueError, match="160 samples at 8 kHz came with"):
            list(intake.accept(0, bytes(160), 20.0, wide))
    with pytest.raises(ValueError, match="with 0 bytes"):
        list(Intake(wide=True).accept(0, bytes(160), 20.0))
