"""Where packets without times belong."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.audio.dating import LOOK_MS, TOLERANCE_MS, Dating
from bridge.audio.intake import Intake

PACKET = 160


def send(dating, packets, now_ms, every_ms=20.0):
    """Packets of 20 ms, the first at `now_ms`; their dates, and when the next is due."""
    dates = []
    for _ in range(packets):
        dates.append(dating.date(PACKET, now_ms))
        now_ms += every_ms
    return dates, now_ms


@given(st.lists(st.floats(0, 200), min_size=1, max_size=60), st.floats(0, 1e9))
def test_packets_that_are_late_by_no_more_than_a_line_is_follow_each_other(delays, began_ms):
    dating = Dating()
    dates = [dating.date(PACKET, began_ms + 20 * number + delay) for number, delay in enumerate(delays)]
    assert dates == [20 * number for number in range(len(delays))]


def test_a_burst_after_a_stop_of_the_network_is_late_and_makes_no_gap():
    dating = Dating()
    _, now_ms = send(dating, 50, 20)
    burst, now_ms = send(dating, 150, now_ms + 3000, every_ms=0.1)
    after, _ = send(dating, 50, now_ms)
    assert burst == [1000 + 20 * number for number in range(150)]
    assert after[0] == 4000


def test_a_sender_that_has_paused_is_heard_again_within_half_a_second():
    dating, intake = Dating(), Intake()
    for number in range(50):
        list(intake.accept(dating.date(PACKET, 20 * number + 20), b"\x10" * PACKET, 20 * number + 20))
    heard = []
    for number in range(60):
        now_ms = 1000 + 5000 + 20 * number
        frames = [*intake.catch_up(now_ms), *intake.accept(dating.date(PACKET, now_ms), b"\x10" * PACKET, now_ms)]
        heard += [(now_ms, frame) for frame in frames if b"\x10" in frame.ulaw]
    assert heard[0][0] <= 6000 + LOOK_MS + 100
    assert 6000 <= intake.position_ms <= 7200 + 20
    assert intake.counters.late_ms <= LOOK_MS + 20


def test_a_slow_clock_of_the_sender_costs_a_gap_only_when_it_is_far_behind():
    dating = Dating()
    dates, _ = send(dating, 60_000, 20.0, every_ms=20.002)  # 100 ppm for twenty minutes
    steps = [second - first for first, second in pairwise(dates)]
    assert set(steps) == {20}
    dates, _ = send(dating, 120_000, 20.0 + 60_000 * 20.002, every_ms=20.002)
    gaps = [second - first - 20 for first, second in pairwise(dates) if second - first != 20]
    assert len(gaps) == 1
    assert abs(gaps[0] - TOLERANCE_MS) < 3
