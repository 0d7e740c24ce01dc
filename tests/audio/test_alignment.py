"""A call stays lined up with the engine's ticks."""

import numpy as np
import pytest

from bridge.audio.alignment import LOOK, Alignment
from bridge.audio.intake import SHIFT_PACKETS, Intake
from bridge.engine.tick import Schedule
from bridge.facts.ticks import Ticks

SILENCE = b"\xff"
LOUD = bytes([0x10, 0x90]) * 80


def looked_at(*ahead, packet_ms=20):
    """What a call does that has seen these again and again."""
    alignment = Alignment()
    said = [alignment.note(ahead[number % len(ahead)], packet_ms) for number in range(LOOK)]
    assert not any(said[:-1])
    return said[-1]


def test_a_call_whose_frames_are_complete_in_the_last_packet_stays_as_it_is():
    assert looked_at(0.5) == looked_at(19.5) == looked_at(22.5) == 0
    assert looked_at(0.5, 15, 40) == 0


def test_what_no_frame_needed_is_left_out():
    assert looked_at(25) == -1
    assert looked_at(85, 120, 99) == -4


def test_no_more_than_a_frame_is_left_out_at_a_time():
    assert looked_at(700) == -4


def test_what_a_single_frame_needed_is_kept():
    alignment = Alignment()
    assert not any(alignment.note(4 if number == 30 else 95) for number in range(LOOK))


def test_frames_that_come_after_their_tick_are_to_come_earlier():
    assert looked_at(-3) == 1
    assert looked_at(-3, -2, 15) == 1
    assert looked_at(-45) == 3


def test_packets_of_a_client_are_left_out_and_put_in_by_their_own_length():
    assert looked_at(39, packet_ms=40) == 0
    assert looked_at(45, packet_ms=40) == -1
    assert looked_at(-3, packet_ms=40) == 1


def test_packets_that_complete_a_frame_whenever_they_come_are_not_shifted():
    """Their frames wait for a tick, however the stream is cut; silence would be put in again and again."""
    assert looked_at(60, packet_ms=80) == looked_at(99, packet_ms=100) == 0
    assert looked_at(-3, packet_ms=80) == looked_at(-30, packet_ms=100) == 0
    assert looked_at(165, packet_ms=80) == looked_at(165, packet_ms=100) == -1


def test_a_shift_is_made_where_the_caller_is_quiet():
    intake, frames = Intake(), []
    for number in range(40):
        if number == 4:
            intake.shift(-2)
        if number == 24:
            intake.shift(1)
        quiet = number in (10, 12, 30)
        frames += intake.accept(1000 + number * 20, SILENCE * 160 if quiet else LOUD, now_ms=number * 20 + 20)
    heard = b"".join(frame.ulaw for frame in frames)
    assert heard == (LOUD * 28 + SILENCE * 320 + LOUD * 9)[: len(heard)]
    assert (intake.counters.put_in_ms, intake.counters.left_out_ms, intake.shifted_ms) == (20, 40, -20)
    assert (intake.counters.filled_ms, intake.counters.late_ms) == (0, 0)
    assert intake.position_ms == 40 * 20 - 20


def test_a_shift_is_made_in_the_end_though_the_caller_is_never_quiet():
    intake = Intake()
    for number in range(SHIFT_PACKETS + 10):
        if number == 1:
            intake.shift(-4)
        list(intake.accept(number * 20, LOUD, now_ms=number * 20 + 20))
    assert intake.counters.left_out_ms == 80


class Line:
    """One call of some minutes on a made-up clock, beside others that let no second step fit into a period."""

    def __init__(self, minutes, *, clock=1.0, late=lambda second: 0.0, step=0.06):
        """The caller's clock runs `clock` times as fast as the engine's; a packet comes `late(second)` seconds late."""
        ticks = Ticks(100.0, 0.08)
        self.intake, self.alignment, self.schedule = Intake(), Alignment(), Schedule(ticks)
        self.schedule.open(1)
        self.waits, sent, now = [], {}, 0.0
        for packet in range(minutes * 3000):
            spoken = 101.003 + packet * 0.02 / clock
            comes = max(now, spoken + late(packet / 50))
            now = self._step_until(comes, sent, step)
            if packet == 0:
                self.intake.line_up(ticks.until(comes) * 1000, 20)
            elapsed_ms = (comes - 101.003) * 1000 + 20 + self.intake.shifted_ms
            for frame in self.intake.accept(packet * 20, SILENCE * 160, elapsed_ms):
                sent[frame.number] = comes
                self.schedule.add(1, frame.number, comes)

    def _step_until(self, comes, sent, step):
        now = self.now if sent else comes
        while (due := now + self.schedule.wait(now)) < comes:
            taken = self.schedule.take(due)[1]
            self.waits.append(taken.waited)
            if packets := self.alignment.note(taken.ahead * 1000):
                self.intake.shift(packets)
            self.schedule.stepped(due, due + step)
            now = due + step
        self.now = max(now, comes)
        return self.now if now > comes else comes

    def wait_ms(self, share, last=None):
        return 1000 * float(np.quantile(self.waits[-last:] if last else self.waits, share))


@pytest.mark.parametrize("clock", [1.0005, 0.9995])
def test_a_call_whose_clock_drifts_waits_no_longer_at_its_end(clock):
    """Five minutes at half a thousandth are 150 ms: as much as hours with the clocks of telephone exchanges."""
    line = Line(5, clock=clock)
    assert line.wait_ms(0.99) < 25
    assert line.wait_ms(1.0) < 45
    assert 80 <= abs(line.intake.shifted_ms) <= 240
    assert line.intake.counters.surplus_ms == line.intake.counters.filled_ms == 0


def test_a_call_that_fell_behind_once_catches_up():
    """A second in which everything comes 60 ms late costs a tick; ten seconds later it has been made up for."""
    line = Line(1, late=lambda second: 0.06 if 20 < second < 21 else 0.0)
    assert line.wait_ms(0.5, last=200) < 20
    assert line.wait_ms(1.0, last=200) < 40


def test_a_call_whose_first_packet_came_late_is_lined_up_by_the_others():
    line = Line(1, late=lambda second: 0.05 if second == 0 else 0.0)
    assert line.wait_ms(1.0, last=200) < 23
