"""The music on hold, measured."""

import numpy as np

from bridge.audio import mulaw
from bridge.audio.music import LEVEL_DB, hold_music, hold_music_ulaw
from bridge.facts.formats import PHONE_FRAME


def level_db(samples):
    return 20 * np.log10(np.sqrt(np.mean((samples / 32768) ** 2)))


def test_the_phrase_is_whole_frames_long_and_a_caller_on_hold_need_not_hear_it_for_long():
    assert len(hold_music()) % PHONE_FRAME == 0
    assert len(hold_music()) == 8 * 8000


def test_its_level_is_soft_and_as_stated_and_nothing_of_it_is_clipped():
    assert abs(level_db(hold_music()) - LEVEL_DB) < 0.1
    assert np.abs(hold_music()).max() < 0.35 * 32768
    assert abs(level_db(mulaw.decode(hold_music_ulaw())) - LEVEL_DB) < 0.2


def test_no_second_of_it_is_silent():
    for second in hold_music().reshape(8, 8000):
        assert abs(level_db(second) - LEVEL_DB) < 4


def test_it_can_be_played_again_and_again_without_a_click():
    twice = np.tile(hold_music(), 2).astype(int)
    assert np.abs(np.diff(twice[63_990:64_010])).max() < 150
    assert np.abs(hold_music()[-80:]).max() < 50


def test_a_telephone_carries_it():
    power = np.abs(np.fft.rfft(hold_music())) ** 2
    hertz = np.fft.rfftfreq(64_000, 1 / 8000)
    assert power[(hertz > 300) & (hertz < 3400)].sum() > 0.8 * power.sum()
    assert power[hertz > 3400].sum() < 1e-6 * power.sum()


def test_it_is_the_same_each_time_and_nobody_can_change_it():
    assert hold_music() is hold_music()
    assert not hold_music().flags.writeable
