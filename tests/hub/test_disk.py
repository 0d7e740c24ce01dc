from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bridge.hub.disk import Status, describe, elsewhere, look, overall, require_model
from bridge.hub.errors import HubError

from .conftest import LM, MIMI, SPM, safetensors

TINY = Path(__file__).parents[1] / "engine" / "personaplex" / "tiny"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that was copied there by hand."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TINY, tmp_path / "copy")
    return tmp_path / "copy"


def status_of(directory: Path) -> dict[str, str]:
    return {file.name: file.status.value for file in look(directory)}


def test_a_model_put_there_by_hand_counts_as_downloaded(copy: Path) -> None:
    assert overall(look(copy)) is Status.DOWNLOADED
    assert status_of(copy)["voices.tgz"] == "missing"
    require_model(copy)


@pytest.mark.parametrize("size", [0, 5, 100, 50_000, -1])
def test_a_safetensors_file_that_was_cut_off_has_the_wrong_size(copy: Path, size: int) -> None:
    (copy / LM).write_bytes((copy / LM).read_bytes()[:size])
    assert status_of(copy)[LM] == "wrong_size"
    assert overall(look(copy)) is Status.WRONG_SIZE


def test_a_safetensors_file_with_something_behind_it_has_the_wrong_size(tmp_path: Path) -> None:
    (tmp_path / MIMI).write_bytes(safetensors(100) + b"x")
    found = next(file for file in look(tmp_path) if file.name == MIMI)
    assert describe(found).endswith(f"wrong size: {found.expected + 1} bytes instead of {found.expected}")


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert set(status_of(tmp_path / "nowhere").values()) == {"missing"}
    assert overall(look(tmp_path / "nowhere")) is Status.MISSING


def test_a_model_in_part_is_partial(copy: Path) -> None:
    (copy / SPM).unlink()
    assert overall(look(copy)) is Status.PARTIAL


def test_what_is_missing_is_listed_with_sizes_and_the_place_that_was_searched(tmp_path: Path) -> None:
    with pytest.raises(HubError) as caught:
        require_model(tmp_path / "nowhere")
    text = str(caught.value)
    assert str(tmp_path / "nowhere") in text
    assert f"{LM} (language model, about 16.74 GB): missing" in text
    assert f"{MIMI} (audio codec, about 385 MB): missing" in text
    assert "callbridge model download" in text


def test_a_model_in_another_place_is_found_and_named(copy: Path, tmp_path: Path) -> None:
    cached = tmp_path / "hf/hub/models--nvidia--personaplex-7b-v1/snapshots/5555"
    shutil.copytree(copy, cached)
    shutil.move(copy, tmp_path / "models" / "copy" / "deeper")
    assert elsewhere(tmp_path / "models" / "copy") == [tmp_path / "models/copy/deeper", cached]
    with pytest.raises(HubError, match="set MODEL_DIR to that folder"):
        require_model(tmp_path / "models" / "copy")


def test_voices_that_are_not_unpacked_are_told(copy: Path) -> None:
    shutil.rmtree(copy / "voices")
    (copy / "voices.tgz").write_bytes(b"archive")
    voices = look(copy)[-1]
    assert voices.status is Status.MISSING
    assert "not unpacked" in describe(voices)
    assert overall(look(copy)) is Status.PARTIAL
