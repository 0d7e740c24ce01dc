"""From packets of any kind to an unbroken row of frames."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.audio import mulaw
from bridge.audio.intake import MAX_AHEAD_MS, PATIENCE_MS, Intake, lead_in_ms
from bridge.audio.resample import phone_to_model

SILENCE = b"\xff"


def speech(samples, seed=1):
    codes = np.random.default_rng(seed).integers(0, 127, samples).astype(np.uint8)
    return codes.tobytes()


def heard(frames):
    return b"".join(frame.ulaw for frame in frames)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 900).map(lambda units: units * 8), max_size=20))
def test_any_packet_length_gives_the_same_frames_as_one_long_stream(lengths):
    signal = speech(sum(lengths))
    intake, frames, sent = Intake(), [], 0
    for length in lengths:
        frames += intake.accept(sent // 8, signal[sent : sent + length], now_ms=(sent + length) / 8)
        sent += length
    whole = sent // 640 * 640
    assert heard(frames) == signal[:whole]
    assert [frame.number for frame in frames] == list(range(whole // 640))
    pcm = np.concatenate([np.zeros(0, np.float32), *(frame.pcm for frame in frames)])
    assert np.array_equal(pcm, phone_to_model().process(mulaw.decode_float(signal[:whole])))
    assert intake.counters.filled_ms == intake.counters.late_ms == intake.counters.surplus_ms == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_lost_packets_become_silence_and_the_clock_stays_right(arrives):
    arrives = [True, *arrives, True]  # the first packet sets the origin, the last one shows the gap before it
    intake, frames = Intake(), []
    packets = [speech(160, seed) for seed in range(len(arrives))]
    for number, packet in enumerate(packets):
        if arrives[number]:
            frames += intake.accept(number * 20, packet, now_ms=number * 20 + 20)
    expected = b"".join(p if there else SILENCE * 160 for p, there in zip(packets, arrives, strict=True))
    assert heard(frames) == expected[: len(expected) // 640 * 640]
    assert intake.counters.filled_ms == 20 * arrives.count(False)
    assert intake.position_ms == 20 * len(arrives)


def test_a_stall_is_filled_so_that_the_agent_can_go_on():
    intake = Intake()
    list(intake.accept(0, speech(160), now_ms=20))
    assert list(intake.catch_up(now_ms=PATIENCE_MS)) == []
    frames = list(intake.catch_up(now_ms=1000))
    assert len(frames) == (1000 - PATIENCE_MS) // 80
    assert intake.position_ms == 1000 - PATIENCE_MS


def test_audio_that_comes_after_its_silence_is_dropped_and_no_lag_remains():
    intake = Intake()
    list(intake.accept(0, speech(160), now_ms=20))
    list(intake.catch_up(now_ms=1000))
    filled_to = intake.position_ms
    for at in range(20, 1000, 20):
        list(intake.accept(at, speech(160), now_ms=1000))
    assert intake.position_ms == 1000
    assert intake.counters.late_ms == filled_to - 20


def test_nothing_is_filled_before_the_first_packet():
    assert list(Intake().catch_up(now_ms=5000)) == []


def test_a_flood_cannot_run_ahead_of_real_time():
    intake = Intake()
    for number in range(1000):
        list(intake.accept(number * 20, speech(160), now_ms=20))
    assert intake.position_ms <= 20 + MAX_AHEAD_MS
    assert intake.counters.surplus_ms == 1000 * 20 - intake.position_ms


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 4000)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_wild_timestamps_never_make_more_audio_than_time_has_passed(packets):
    intake = Intake()
    made = sum(len(list(intake.accept(at, SILENCE * length, now_ms=500))) for at, length in packets)
    assert made * 80 <= 500 + MAX_AHEAD_MS


def test_the_first_timestamp_is_the_origin_wherever_it_lies():
    intake = Intake()
    frames = list(intake.accept(123_456, speech(640), now_ms=80))
    assert len(frames) == 1
    assert intake.counters.filled_ms == 0


@given(st.floats(0, 80, exclude_max=True), st.integers(0, 3))
def test_frames_are_complete_less_than_a_packet_before_a_tick(until_tick, packets_before):
    lead_in = lead_in_ms(until_tick, 20, packets_before * 20)
    assert lead_in in (0, 20, 40, 60)
    completes = [20 * number for number in range(9) if (lead_in + 20 * (packets_before + number + 1)) % 80 == 0]
    assert len(completes) >= 2
    assert all(0 <= (until_tick - after) % 80 < 20 for after in completes)


def test_a_call_that_is_lined_up_has_its_first_frame_complete_before_the_next_tick():
    for until_tick in range(80):
        first = 80 - lead_in_ms(until_tick, 20) - 20  # after the first packet
        assert 0 <= until_tick - first < 20


def test_silence_that_lines_frames_up_belongs_to_the_stream_and_moves_its_origin():
    intake = Intake()
    intake.line_up(5.0, 20)
    assert intake.shifted_ms == 60
    [frame] = intake.accept(5000, speech(160), now_ms=80)
    assert frame.ulaw == SILENCE * 480 + speech(160)
    assert list(intake.accept(5020, speech(160), now_ms=100)) == []
    intake.line_up(45.0, 20)
    assert intake.shifted_ms == 60  # now is the time for the second of four packets
    intake.line_up(25.0, 20)
    assert intake.shifted_ms == 80
    assert list(intake.accept(5040, speech(160), now_ms=120)) == []
    [frame] = intake.accept(5060, speech(160), now_ms=140)
    assert frame.ulaw == speech(160) + SILENCE * 160 + speech(160) * 2
    assert intake.position_ms == 160
    assert (intake.counters.filled_ms, intake.counters.late_ms) == (0, 0)
