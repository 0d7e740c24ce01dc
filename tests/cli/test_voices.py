"""`callbridge voices`: list, add."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile
from typer.testing import CliRunner, Result

from bridge.cli.voices import app
from bridge.facts.errors import BridgeError

TINY = Path(__file__).parents[1] / "engine" / "personaplex" / "tiny"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODEL_DIR", str(TINY))
    monkeypatch.setenv("CUSTOM_VOICE_DIR", str(tmp_path / "own"))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Twelve seconds of noise, stereo, 16 kHz."""
    path = tmp_path / "my.wav"
    wavfile.write(path, 16_000, np.random.default_rng(0).integers(-3000, 3000, (12 * 16_000, 2)).astype(np.int16))
    return path


def run(*arguments: str, keys: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=keys)


def error_of(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, BridgeError), result.output
    return str(result.exception)


def test_packaged_voices_are_listed_before_they_are_downloaded() -> None:
    voices = {voice["name"]: voice for voice in json.loads(run("list", "--json").stdout)}
    assert len(voices) == 19
    assert voices["NATF2"] == {
        "name": "NATF2",
        "type": "packaged",
        "category": "natural",
        "language": "en",
        "available": False,
        "path": None,
    }
    assert voices["GOLD0"]["available"]
    assert "callbridge model download" in run("list").stdout


def test_a_voice_that_was_added_is_listed_first(wav: Path, tmp_path: Path) -> None:
    done = run("add", str(wav), "--name", "ann", "--language", "en", "--i-have-consent")
    assert done.exit_code == 0, done.output
    assert "The voice ann is made: 12.0 s" in done.stdout
    assert "`voice: ann`" in done.stdout
    first = json.loads(run("list", "--json").stdout)[0]
    assert (first["name"], first["type"], first["language"]) == ("ann", "custom", "en")
    assert first["path"] == str(tmp_path / "own" / "ann.safetensors")
    assert "there is a voice ann already" in error_of("add", str(wav), "--name", "ann", "--i-have-consent")
    assert run("add", str(wav), "--name", "ann", "--i-have-consent", "--replace").exit_code == 0


def test_no_voice_is_made_without_consent(wav: Path, tmp_path: Path) -> None:
    result = run("add", str(wav), "--name", "ann")
    assert "the speaker must have agreed, in writing" in result.stderr
    assert isinstance(result.exception, BridgeError)
    assert "--i-have-consent" in str(result.exception)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("name", "why"), [("NATF2", "is a packaged voice"), ("../evil", "letters, digits"), ("", "letters, digits")]
)
def test_a_name_that_may_not_be_is_told_first(wav: Path, name: str, why: str) -> None:
    assert why in error_of("add", str(wav), "--name", name, "--i-have-consent")


def test_a_recording_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello")
    wavfile.write(tmp_path / "short.wav", 8000, np.ones(4000, np.int16))
    assert "cannot be read as a WAV file" in error_of("add", "text.wav", "--name", "ann", "--i-have-consent")
    assert "10 to 20 s" in error_of("add", "short.wav", "--name", "ann", "--i-have-consent")


def test_without_the_model_it_is_told_how_to_get_it(wav: Path, tmp_path: Path) -> None:
    told = error_of("add", str(wav), "--name", "ann", "--i-have-consent", "--model", str(tmp_path / "nowhere"))
    assert "callbridge model download" in told
