from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bridge.engine.personaplex.config import Sampling
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.prompt import PromptError
from bridge.engine.personaplex.talk import talk
from bridge.engine.personaplex.voice_files import load_voice

CALLER = np.random.default_rng(0).normal(size=24000).astype(np.float32) * 0.1


@pytest.mark.parametrize("samples", [1, 1920, 1921, 24000])
def test_answer_is_as_long_as_the_caller(model: Model, samples: int) -> None:
    answer = talk(model, CALLER[:samples], prompt="You are the best")
    assert answer.pcm.shape == (samples,) and answer.pcm.dtype == np.float32
    assert np.abs(answer.pcm).max() > 0


def test_text_carries_the_time_of_its_sound(model: Model, tiny: Path) -> None:
    answer = talk(model, CALLER, load_voice(tiny / "voices" / "GOLD0.pt"), "You are the best")
    times = [time for time, _ in answer.text]
    assert times and times == sorted(times)
    assert all(time % 80 == 0 and 0 <= time < 1000 for time in times)
    assert all(isinstance(piece, str) and piece for _, piece in answer.text)


def test_seed_repeats_a_conversation(model: Model) -> None:
    one, again, other = (talk(model, CALLER, prompt=[9], seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.pcm, again.pcm) and one.text == again.text
    assert not np.array_equal(one.pcm, other.pcm)


def test_greedy_needs_no_seed(model: Model) -> None:
    one, other = (talk(model, CALLER, prompt=[9], seed=seed, sampling=Sampling.greedy()) for seed in (1, 2))
    assert np.array_equal(one.pcm, other.pcm)


def test_prompt_of_ids_that_the_model_lacks_is_refused(model: Model) -> None:
    with pytest.raises(PromptError):
        talk(model, CALLER, prompt=[10**6])
