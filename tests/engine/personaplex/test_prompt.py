from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from bridge.engine.personaplex.config import Sampling
from bridge.engine.personaplex.model import Model, load_model
from bridge.engine.personaplex.prompt import (
    Prompt,
    PromptError,
    VoiceCodes,
    VoiceEmbeddings,
    embed_voice,
    lay_out,
    prefill,
)
from bridge.engine.personaplex.slots import Slots
from bridge.engine.personaplex.step import listen, noise, speak
from bridge.engine.personaplex.verify import load_cases
from bridge.engine.personaplex.voice_files import load_voice, save_voice


def prompt_of(model: Model, voice: VoiceCodes | VoiceEmbeddings | None, text: list[int]) -> Prompt:
    return lay_out(model.config.lm, model.config.prompt, voice, text, model.silence, model.sine)


def step_through(model: Model, prompt: Prompt) -> Slots:
    """Take a prompt in one position at a time, as a call does, and stop where a snapshot stops."""
    config, slots = model.config.lm, Slots(model.lm, 1)
    slots.configure(0, 0, Sampling.greedy())
    slots.prompt_end[0] = prompt.frames
    run = torch.ones(1, dtype=torch.bool)
    for position in range(prompt.frames):
        for row, delay in enumerate(config.delays):  # what is known of the prompt at this position
            for column in range(position, position + delay + 1):
                if column < prompt.columns.shape[1]:
                    slots.tokens[0, row, column % slots.columns] = prompt.columns[row, column]
        caller = slots.tokens[:, 1 + config.codebooks :]
        ahead = (position + torch.tensor(config.delays[1 + config.codebooks :])) % slots.columns
        listen(model.lm, slots, caller[0, torch.arange(config.codebooks), ahead][None], run)
        if position < prompt.frames - 1:
            for row in range(1 + config.codebooks):
                slots.tokens[0, row, (position + 1) % slots.columns] = prompt.columns[row, position + 1]
            speak(model.lm, slots, torch.zeros(1, dtype=torch.int64), run, noise(slots))
    return slots


@pytest.mark.parametrize("name", ["tiny", "narrow", "delayed"])
def test_one_pass_equals_stepping_through(tiny: Path, snapshot_of: Callable[[str], Path], name: str) -> None:
    directory = tiny if name == "tiny" else snapshot_of(name)
    model, cases = load_model(directory), load_cases(directory)
    text = cases["prompted.text_prompt_tokens"].tolist() * 4  # past the window of the random snapshots
    prompt = prompt_of(model, VoiceCodes(cases["prompted.voice_codes"]), text)
    stepped, placed = step_through(model, prompt), Slots(model.lm, 1)
    placed.place(0, prefill(model.lm, prompt))
    assert torch.equal(placed.position, stepped.position)
    assert torch.equal(placed.input(), stepped.input())
    torch.testing.assert_close(placed.hidden, stepped.hidden, atol=1e-4, rtol=1e-4)
    for found, expected in zip(placed.window.pools, stepped.window.pools, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_saved_voice_gives_the_same_snapshot_as_its_codes(model: Model, tiny: Path, tmp_path: Path) -> None:
    cases = load_cases(tiny)
    text = cases["prompted.text_prompt_tokens"].tolist()
    model = Model(
        model.config,
        model.lm,
        model.mimi,
        model.tokeniser,
        tuple(cases["silence_codes"].tolist()),
        tuple(cases["sine_codes"].tolist()),
    )
    saved = load_voice(tiny / "voices" / "GOLD0.pt")
    save_voice(saved, tmp_path / "GOLD0.safetensors")
    expected = prefill(model.lm, prompt_of(model, VoiceCodes(cases["prompted.voice_codes"]), text))
    for voice in (saved, load_voice(tmp_path / "GOLD0.safetensors")):
        found = prefill(model.lm, prompt_of(model, voice, text))
        assert found.frames == expected.frames
        assert torch.equal(found.tokens, expected.tokens)
        torch.testing.assert_close(found.kv, expected.kv, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.hidden, expected.hidden, atol=1e-5, rtol=1e-5)


def test_voice_made_of_codes_is_what_the_published_tools_save(model: Model, tiny: Path) -> None:
    codes = VoiceCodes(load_cases(tiny)["prompted.voice_codes"])
    published = load_voice(tiny / "voices" / "GOLD0.pt")
    made = embed_voice(model.lm, prompt_of(model, codes, []), codes.frames)
    torch.testing.assert_close(made.embeddings, published.embeddings)
    assert torch.equal(made.ring, published.ring)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_voices_are_saved_and_replayed_too(model: Model, frames: int) -> None:
    codes = VoiceCodes(torch.arange(8 * frames).reshape(8, frames) % model.config.lm.card)
    prompt = prompt_of(model, codes, [5, 6])
    saved = embed_voice(model.lm, prompt, frames)
    found, expected = prefill(model.lm, prompt_of(model, saved, [5, 6])), prefill(model.lm, prompt)
    assert torch.equal(found.tokens, expected.tokens)
    torch.testing.assert_close(found.hidden, expected.hidden, atol=1e-5, rtol=1e-5)


def test_phases_stand_on_their_rows(model: Model) -> None:
    voice = VoiceCodes(torch.full((8, 2), 9))
    prompt = prompt_of(model, voice, [70, 71, 72])
    assert prompt.frames == 2 + 6 + 3 + 6
    text = prompt.columns[0, 1 : prompt.frames].tolist()
    assert text == [3] * 7 + [70, 71, 72] + [3] * 6
    assert prompt.columns[0, 0] == model.config.lm.text_card
    semantic = prompt.columns[1, 1 : prompt.frames].tolist()
    assert semantic == [9] + [model.silence[0]] * 15
    acoustic = prompt.columns[2].tolist()  # one position later, the first two positions initial
    assert acoustic == [model.config.lm.card] * 2 + [9] + [model.silence[1]] * 15
    assert prompt.columns[9, 1 : prompt.frames].unique().tolist() == [model.sine[0]]


def test_what_does_not_fit_the_model_is_said(model: Model) -> None:
    with pytest.raises(PromptError, match=r"text ids \[300\]"):
        prompt_of(model, None, [5, 300])
    with pytest.raises(PromptError, match="made for another"):
        prompt_of(model, VoiceCodes(torch.full((8, 3), 64)), [])
    with pytest.raises(PromptError, match=r"\[8, frames\]"):
        prompt_of(model, VoiceCodes(torch.zeros(4, 3, dtype=torch.int64)), [])
    with pytest.raises(PromptError, match=r"\[frames, 64\]"):
        prompt_of(model, VoiceEmbeddings(torch.zeros(3, 32), torch.zeros(17, 4, dtype=torch.int64)), [])
    with pytest.raises(PromptError, match="token ring"):
        prompt_of(model, VoiceEmbeddings(torch.zeros(3, 64), torch.zeros(9, 4, dtype=torch.int64)), [])


def test_prefill_leaves_no_trace_in_the_model(model: Model) -> None:
    before = {name: tensor.clone() for name, tensor in model.lm.state_dict().items()}
    prefill(model.lm, prompt_of(model, None, list(range(4, 60))))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.lm.state_dict().items())
    assert np.isfinite(prefill(model.lm, prompt_of(model, None, [])).hidden.numpy()).all()
