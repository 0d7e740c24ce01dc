"""The length of a saved voice is told without reading it, and without running anything that stands in it."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from bridge.engine.personaplex.prompt import VoiceEmbeddings
from bridge.engine.personaplex.voice_files import load_voice, save_voice
from bridge.engine.personaplex.voice_frames import saved_frames
from bridge.engine.personaplex.voices import VoiceError

TINY = Path(__file__).parent / "tiny/voices/GOLD0.pt"


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_what_the_runtime_reads(suffix: str, dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / f"ann{suffix}"
    save_voice(VoiceEmbeddings(torch.zeros(49, 8, dtype=dtype), torch.zeros(17, 4, dtype=torch.int64)), path)
    assert saved_frames(path) == load_voice(path).frames == 50
    assert saved_frames(TINY) == load_voice(TINY).frames


class Harm:
    """Would leave a file behind if it were unpickled as pickles are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    bad = {
        "harm": pickle.dumps({"embeddings": Harm(tmp_path / "harm")}),
        "other": pickle.dumps({"cache": 1}),
        "list": pickle.dumps([1, 2]),
        "words": pickle.dumps({"embeddings": "many"}),
        "cut": pickle.dumps({"embeddings": 1})[:5],
    }
    for name, content in bad.items():
        path = tmp_path / f"{name}.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
        with pytest.raises(VoiceError, match="cannot be read as a voice"):
            saved_frames(path)
    assert not (tmp_path / "harm").exists()
    (tmp_path / "text.pt").write_text("no archive")
    (tmp_path / "text.safetensors").write_text("none either")
    for path in (tmp_path / "text.pt", tmp_path / "text.safetensors", tmp_path / "missing.pt"):
        with pytest.raises(VoiceError, match="cannot be read as a voice"):
            saved_frames(path)
