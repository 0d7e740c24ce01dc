from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

NAMES = ("u01", "u02", "u05", "u10", "u13", "u20")


@pytest.fixture(scope="module")
def recogniser(tools):
    return tools.recogniser


def test_a_recorded_question_is_understood(recogniser, clip_16k):
    assert recogniser.recognise(clip_16k("u02")) == "What are your opening hours on Saturday?"


def test_silence_has_no_words(recogniser):
    assert recogniser.recognise(np.zeros(16000, np.float32)) == ""


def test_threads_do_not_mix_up_their_callers(recogniser, clip_16k):
    clips = [clip_16k(name) for name in NAMES]
    alone = [recogniser.recognise(clip) for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(recogniser.recognise, clips * 2)) == alone * 2
