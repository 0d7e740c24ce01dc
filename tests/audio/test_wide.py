"""What clients send without times, as dated audio at both rates: nothing lost, no lag that stays, no deafness."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bridge.audio import mulaw
from bridge.audio.intake import MAX_AHEAD_MS, PATIENCE_MS
from bridge.audio.resample import model_to_phone
from bridge.audio.wide import HELD_MS, LEAD_MS, WideStream
from bridge.call.inlet import Inlet

RNG = np.random.default_rng(3)


def speech(milliseconds):
    return RNG.uniform(0.1, 0.3, milliseconds * 24).astype(np.float32)


def silence(milliseconds):
    return np.zeros(milliseconds * 24, np.float32)


def opened(now_ms=0.0):
    stream = WideStream()
    assert stream.begin(now_ms) == []
    return stream


def wide(events):
    return np.frombuffer(b"".join(event.wide for event in events), "<i2")


@hypothesis(max_examples=25)
@given(st.lists(st.integers(0, 2000), max_size=20))
def test_pieces_of_any_length_come_out_whole_at_both_rates(lengths):
    stream, samples = opened(), np.clip(np.random.default_rng(1).normal(0, 0.3, sum(lengths)), -1, 1).astype(np.float32)
    events, begin, now_ms = [], 0, 0.0
    for length in lengths:
        now_ms += length / 24
        events += stream.take(samples[begin : begin + length], now_ms)
        begin += length
    whole = len(samples) // 24
    assert (wide(events) == mulaw.to_int16(samples[: whole * 24])).all()
    assert b"".join(event.ulaw for event in events) == mulaw.encode_float(
        model_to_phone().process(samples[: whole * 24])
    )
    for event, following in pairwise(events):
        assert following.at_ms == event.at_ms + len(event.ulaw) // 8


def test_who_is_silent_for_a_while_is_heard_at_once_afterwards():
    stream = opened()
    [first] = stream.take(speech(80), 80.0)
    [second] = stream.take(speech(80), 5080.0)
    assert (first.at_ms, second.at_ms) == (0, 5000)


def test_a_jitter_within_patience_leaves_the_times_as_they_are():
    stream = opened()
    [first] = stream.take(speech(20), 20.0)
    [late] = stream.take(speech(20), 40.0 + PATIENCE_MS)
    assert late.at_ms == first.at_ms + 20


def test_what_was_said_before_the_call_began_is_given_from_its_first_sound_on():
    stream = WideStream()
    for piece in (silence(500), speech(300), silence(60)):
        assert stream.take(piece, 0.0) == []
    events = stream.begin(2000.0)
    assert sum(len(event.ulaw) for event in events) // 8 >= 300
    assert stream.left_out_ms > 0
    assert np.abs(wide(events)[: 40 * 24]).max() > 3000


def test_of_what_was_said_long_before_the_call_the_newest_second_is_kept():
    stream = WideStream()
    said = speech(5000)
    for at in range(0, len(said), 1920):
        stream.take(said[at : at + 1920], at / 24)
    events = stream.begin(5000.0)
    assert (wide(events) == mulaw.to_int16(said[-HELD_MS * 24 :])).all()
    assert stream.forgotten_ms == 5000 - HELD_MS


def test_whoever_said_nothing_before_the_call_begins_without_a_lag():
    stream = WideStream()
    stream.take(silence(900), 0.0)
    assert stream.begin(900.0) == []
    [event] = stream.take(speech(80), 980.0)
    assert event.at_ms == 900


def test_a_lag_is_made_up_for_in_the_next_pause_and_speech_is_never_left_out():
    stream = WideStream()
    burst = speech(HELD_MS)
    stream.take(burst, 0.0)
    events = stream.begin(0.0)
    for at in range(20, 2000, 20):
        events += stream.take(silence(20), float(at))
    now = 2000
    [after] = stream.take(speech(20), now + 20.0)
    assert after.at_ms + 20 - (now + 20) <= LEAD_MS
    assert (wide(events)[: len(burst)] == mulaw.to_int16(burst)).all()


@hypothesis(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 60), st.booleans()), max_size=40))
def test_whatever_the_network_does_the_call_hears_the_client_again_within_patience(arrivals):
    """Each arrival: so long after the one before, so many packets of 20 ms, loud or not."""
    clock = [0.0]
    stream, inlet = opened(), Inlet(lambda: clock[0] / 1000, wide=True)

    def late_of(samples):
        before = inlet.counters.late_ms
        list(inlet.catch_up())
        for event in stream.take(samples, clock[0]):
            list(inlet.accept(event, None))
        return inlet.counters.late_ms - before

    for pause, packets, loud in arrivals:
        clock[0] += pause
        late_of((speech if loud else silence)(20 * packets))
    clock[0] += MAX_AHEAD_MS + 3000
    late = 0
    for _ in range(50):
        clock[0] += 20
        late += late_of(speech(20))
    assert late <= PATIENCE_MS


def test_of_a_file_no_pause_is_left_out_however_far_ahead_it_runs():
    stream = opened()
    file = np.concatenate((speech(300), silence(2000), speech(300)))
    events = stream.take(file, 0.0)
    assert (wide(events) == mulaw.to_int16(file)).all()
    assert events[-1].at_ms + len(events[-1].ulaw) // 8 == events[0].at_ms + 2600
    assert stream.left_out_ms == 0


def test_what_a_network_held_back_is_given_whole_and_its_pauses_left_out():
    stream = opened()
    stream.take(speech(80), 80.0)
    events = stream.take(np.concatenate((speech(300), silence(2000), speech(300))), 3000.0)
    assert stream.left_out_ms > 1500
    assert sum(len(event.ulaw) for event in events) // 8 == 2600 - stream.left_out_ms
