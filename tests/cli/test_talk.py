"""`callbridge talk`: a recording in, the agent's side out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from scipy.io import wavfile
from typer.testing import CliRunner, Result

from bridge.cli.talk import talk
from bridge.facts.errors import BridgeError

TINY = Path(__file__).parents[1] / "engine" / "personaplex" / "tiny"
PERSONAS = Path(__file__).parents[2] / "personas"
PROMPT = ("--text-prompt", "You are kind.", "--voice", "GOLD0")

app = typer.Typer()
app.command()(talk)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODEL_DIR", str(TINY))
    monkeypatch.setenv("PERSONAS_DIR", str(PERSONAS))
    noise = np.random.default_rng(0).integers(-3000, 3000, 8123).astype(np.int16)
    wavfile.write(tmp_path / "in.wav", 8000, noise)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def answer(*arguments: str) -> np.ndarray:
    result = run("in.wav", "out.wav", *arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    rate, pcm = wavfile.read("out.wav")
    assert (rate, pcm.dtype) == (24_000, np.int16)
    return pcm


def error_of(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, BridgeError), result.output
    return str(result.exception)


def test_the_answer_is_exactly_as_long_as_the_recording_whatever_its_rate(home: Path) -> None:
    assert len(answer(*PROMPT)) == 3 * 8123
    wavfile.write(home / "in.wav", 48_000, np.zeros((48_000, 2), np.float32))
    assert len(answer(*PROMPT)) == 24_000


def test_the_agents_words_are_written_with_their_times() -> None:
    answer(*PROMPT, "--text", "out.json", "--seed", "7")
    written = json.loads(Path("out.json").read_text())
    assert (written["voice"], written["seed"], written["seconds"]) == ("GOLD0", 7, pytest.approx(1.015, abs=1e-3))
    assert all(piece["start_ms"] % 80 == 0 and piece["text"] for piece in written["pieces"])
    assert written["text"] == "".join(piece["text"] for piece in written["pieces"]).strip()


def test_the_seed_repeats_an_answer_and_greedy_needs_none() -> None:
    first, again, other = (answer(*PROMPT, "--seed", seed) for seed in ("1", "1", "2"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(*(answer(*PROMPT, "--greedy", "--seed", seed) for seed in ("1", "2")))
    cold = ("--text-temperature", "0", "--audio-temperature", "0")
    assert np.array_equal(answer(*PROMPT, *cold), answer(*PROMPT, "--greedy"))


def test_a_text_prompt_is_put_between_the_trained_tags() -> None:
    bare = answer(*PROMPT)
    assert np.array_equal(bare, answer("--voice", "GOLD0", "--text-prompt", "<system> You are kind. <system>"))
    assert not np.array_equal(bare, answer("--voice", "GOLD0", "--text-prompt", "<system> You are kind."))


def test_offloaded_layers_compute_the_same() -> None:
    assert np.array_equal(answer(*PROMPT), answer(*PROMPT, "--cpu-offload", "--device", "cpu"))


def test_a_persona_brings_its_prompt_voice_and_sampling(home: Path) -> None:
    (home / "own").mkdir()
    text = (PERSONAS / "dental.yaml").read_text("utf-8")
    (home / "own" / "dental.yaml").write_text(f"{text}\nsampling:\n  text_temperature: 0\n  audio_temperature: 0\n")
    shutil.copytree(TINY, home / "model")
    shutil.copy(TINY / "voices" / "GOLD0.pt", home / "model" / "voices" / "NATF1.pt")
    voice = next(line.split()[1] for line in text.splitlines() if line.startswith("voice:"))
    shutil.copy(TINY / "voices" / "GOLD0.pt", home / "model" / "voices" / f"{voice}.pt")
    settings = {"PERSONAS_DIR": str(home / "own"), "MODEL_DIR": str(home / "model")}
    result = CliRunner().invoke(app, ["in.wav", "out.wav", "--persona", "dental", "--text", "out.json"], env=settings)
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads(Path("out.json").read_text())["voice"] == voice
    own = Path("out.wav").read_bytes()
    result = CliRunner().invoke(
        app, ["in.wav", "out.wav", "--persona", "dental", "--greedy", "--seed", "1"], env=settings
    )
    assert Path("out.wav").read_bytes() == own


def test_mistakes_are_told_before_the_model_is_loaded(home: Path) -> None:
    assert "name a persona with --persona" in error_of("in.wav", "out.wav")
    assert "there are: appliances, dental" in error_of("in.wav", "out.wav", "--persona", "nobody")
    assert "there is no voice 'ann'" in error_of("in.wav", "out.wav", "--text-prompt", "x", "--voice", "ann")
    assert "not downloaded" in error_of("in.wav", "out.wav", "--text-prompt", "x")
    assert "none.wav cannot be read: No such file" in error_of("none.wav", "out.wav", *PROMPT)
    wavfile.write(home / "empty.wav", 8000, np.zeros(0, np.int16))
    assert "holds no audio" in error_of("empty.wav", "out.wav", *PROMPT)
    assert "callbridge model download" in error_of("in.wav", "out.wav", *PROMPT, "--model", "nowhere")
    assert "it must be auto, cpu, cuda or cuda:N" in error_of("in.wav", "out.wav", *PROMPT, "--device", "tpu")
    assert "cannot be written" in error_of("in.wav", "nowhere/out.wav", *PROMPT)
