from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.prompt import lay_out, prefill
from bridge.engine.personaplex.voice_files import load_voice, make_voice, read_voice, read_wav, save_voice, voice_model
from bridge.engine.personaplex.voices import PACKAGED, Category, VoiceError, VoiceKind, find_voice, list_voices


def speech(seconds: float, rate: int, channels: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    time = np.arange(int(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2
    return (np.stack([tone] * channels, axis=-1).squeeze() * 32767).astype(np.int16)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "ann.wav"
    wavfile.write(path, 44100, speech(12, 44100, channels=2))
    return path


def test_eighteen_voices_are_packaged() -> None:
    voices = list_voices(None)
    assert len(PACKAGED) == len(voices) == 18
    assert {voice.name for voice in voices} >= {"NATF0", "NATM3", "VARF4", "VARM4"}
    assert {voice.category for voice in voices} == {Category.NATURAL, Category.VARIED}
    assert all(voice.language == "en" and voice.path is None for voice in voices)


def test_custom_voices_come_first_and_are_found_by_name(model: Model, tiny: Path, recording: Path) -> None:
    custom = recording.parent / "voices"
    made = make_voice(model, recording, custom, "ann", language="en-GB")
    first, *rest = list_voices(tiny, custom)
    assert (first.name, first.kind, first.category, first.language) == (
        "ann",
        VoiceKind.CUSTOM,
        Category.CUSTOM,
        "en-GB",
    )
    assert all(voice.kind is VoiceKind.PACKAGED for voice in rest)
    assert find_voice("ann", tiny, custom).path == made.path
    assert find_voice("GOLD0.pt", tiny, custom).path == tiny / "voices" / "GOLD0.pt"


@pytest.mark.parametrize("name", ["../GOLD0", "voices/GOLD0", "/etc/passwd", "", ".", "gold0", "GOLD0\0"])
def test_names_are_looked_up_never_joined(tiny: Path, name: str) -> None:
    with pytest.raises(VoiceError, match=r"there is no voice .*; there are: GOLD0"):
        find_voice(name, tiny)


def test_packaged_voice_that_is_not_there_yet_says_where_it_comes_from(tiny: Path) -> None:
    with pytest.raises(VoiceError, match=r"voices\.tgz"):
        find_voice("NATF2", tiny)


def test_made_voice_is_one_column_per_80_ms_and_can_be_called_with(model: Model, recording: Path) -> None:
    made = make_voice(model, recording, recording.parent, "ann")
    assert made.seconds == pytest.approx(12) and made.advice == () and -40 < made.loudness < -5
    voice = load_voice(made.path)
    assert voice.frames == 150 and voice.embeddings.shape == (149, 64) and voice.ring.shape == (17, 4)
    prompt = lay_out(model.config.lm, model.config.prompt, voice, [9], model.silence, model.sine)
    assert prefill(model.lm, prompt).hidden.isfinite().all()


def test_loudness_of_the_recording_makes_no_difference(model: Model, tmp_path: Path) -> None:
    voices = []
    for name, gain in (("loud", 1.0), ("quiet", 0.25)):
        wavfile.write(tmp_path / f"{name}.wav", 24000, (speech(3, 24000) / 32768 * gain).astype(np.float32))
        voices.append(load_voice(make_voice(model, tmp_path / f"{name}.wav", tmp_path, name).path))
    assert (voices[0].ring == voices[1].ring).float().mean() > 0.9
    assert torch.isclose(voices[0].embeddings, voices[1].embeddings, atol=1e-4).float().mean() > 0.9


def test_recording_is_the_same_voice_as_the_file_made_of_it(model: Model, recording: Path) -> None:
    made = read_voice(model, make_voice(model, recording, recording.parent, "ann").path)
    direct = read_voice(model, recording)
    one, other = (
        prefill(model.lm, lay_out(model.config.lm, model.config.prompt, voice, [9], model.silence, model.sine))
        for voice in (made, direct)
    )
    assert torch.equal(one.tokens, other.tokens) and one.frames == other.frames
    torch.testing.assert_close(one.kv, other.kv)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_every_kind_of_wav_reads_alike(tmp_path: Path, dtype: type) -> None:
    tone = speech(1, 24000) / 32768
    if dtype is np.uint8:
        data = np.round(tone * 128 + 128).astype(np.uint8)
    elif dtype is np.float32:
        data = tone.astype(np.float32)
    else:
        data = (tone * -float(np.iinfo(dtype).min)).astype(dtype)
    wavfile.write(tmp_path / "x.wav", 24000, data)
    np.testing.assert_allclose(read_wav(tmp_path / "x.wav", 24000), tone, atol=0.005)


def test_recording_is_resampled(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "x.wav", 8000, speech(2, 8000))
    found, expected = read_wav(tmp_path / "x.wav", 24000), speech(2, 24000) / 32768
    assert found.shape == expected.shape
    assert np.abs(found - expected)[500:-500].max() < 0.01


def test_what_may_not_become_a_voice_is_said(model: Model, recording: Path, tmp_path: Path) -> None:
    for name, reason in (("NATF0", "packaged"), ("../ann", "letters"), ("", "letters"), ("a" * 65, "64")):
        with pytest.raises(VoiceError, match=reason):
            make_voice(model, recording, tmp_path, name)
    make_voice(model, recording, tmp_path, "ann")
    with pytest.raises(VoiceError, match="already"):
        make_voice(model, recording, tmp_path, "ann")
    make_voice(model, recording, tmp_path, "ann", replace=True)
    for content, reason in ((np.zeros(48000), "silent"), (np.ones(1000), "10 to 20 s")):
        wavfile.write(tmp_path / "bad.wav", 24000, content.astype(np.float32))
        with pytest.raises(VoiceError, match=reason):
            make_voice(model, tmp_path / "bad.wav", tmp_path, "bad")
    (tmp_path / "bad.wav").write_bytes(b"not sound")
    with pytest.raises(VoiceError, match="cannot be read"):
        make_voice(model, tmp_path / "bad.wav", tmp_path, "bad")
    assert not list(tmp_path.glob("bad.s*")) and not list(tmp_path.glob("*.tmp"))


def test_short_recording_is_taken_with_advice(model: Model, tmp_path: Path) -> None:
    wavfile.write(tmp_path / "x.wav", 24000, speech(3, 24000))
    assert "10 to 20 s" in make_voice(model, tmp_path / "x.wav", tmp_path, "x").advice[0]


def test_voice_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "harmed",))

    (tmp_path / "harm.pt").write_bytes(pickle.dumps({"embeddings": Harm()}, protocol=2))
    with pytest.raises(VoiceError, match="cannot be read as a voice"):
        load_voice(tmp_path / "harm.pt")
    assert not (tmp_path / "harmed").exists()


def test_file_of_other_content_is_no_voice(tmp_path: Path) -> None:
    torch.save([1], tmp_path / "list.pt")
    torch.save({"embeddings": torch.zeros(2, 4), "cache": torch.zeros(1, 17, 4)}, tmp_path / "flat.pt")
    (tmp_path / "noise.safetensors").write_bytes(b"\0" * 100)
    for name in ("list.pt", "flat.pt", "noise.safetensors", "missing.pt"):
        with pytest.raises(VoiceError, match=name):
            load_voice(tmp_path / name)


def test_both_kinds_of_file_hold_the_same(tiny: Path, tmp_path: Path) -> None:
    voice = load_voice(tiny / "voices" / "GOLD0.pt")
    for suffix in (".pt", ".safetensors"):
        save_voice(voice, tmp_path / f"x{suffix}")
        copy = load_voice(tmp_path / f"x{suffix}")
        assert torch.equal(copy.embeddings, voice.embeddings) and torch.equal(copy.ring, voice.ring)
    assert find_voice("x", None, tmp_path).path == tmp_path / "x.safetensors"


def test_codec_and_tables_alone_make_the_same_voice_as_the_whole_model(
    model: Model, tiny: Path, recording: Path
) -> None:
    small = voice_model(tiny)
    assert small.lm.transformer.layers[0].norm1.alpha.device.type == "meta"  # 16 GB of the published model stay unread
    whole, light = (
        make_voice(each, recording, recording.parent, name).path for each, name in ((model, "a"), (small, "b"))
    )
    assert whole.read_bytes() == light.read_bytes()


@pytest.mark.parametrize(
    ("rate", "seconds", "why"),
    [(1, 12_000, "claims 1 samples a second"), (400_000, 0.1, "claims 400000"), (8_000, 121, "has 121 s")],
)
def test_recordings_that_would_fill_the_memory_are_refused(
    model: Model, tmp_path: Path, rate: int, seconds: float, why: str
) -> None:
    wavfile.write(tmp_path / "odd.wav", rate, np.ones(int(rate * seconds), np.int16))
    with pytest.raises(VoiceError, match=why):
        make_voice(model, tmp_path / "odd.wav", tmp_path, "odd")
