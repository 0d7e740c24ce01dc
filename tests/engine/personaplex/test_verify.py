from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bridge.engine.personaplex.verify import Rows, verify
from bridge.engine.personaplex.weights import WeightsError


@pytest.fixture
def copy(snapshot_of: Callable[[str], Path], tmp_path: Path) -> Path:
    shutil.copytree(snapshot_of("narrow"), tmp_path / "copy")
    return tmp_path / "copy"


def test_golden_vectors_are_reproduced_exactly(tiny: Path) -> None:
    report = verify(tiny)
    assert report.ok
    assert report.lm_unprompted == Rows(149, 149)
    assert report.lm_prompted_codes == report.lm_prompted_pt == Rows(35, 35)
    assert report.text_logits_max_error is not None and report.text_logits_max_error < 2e-4
    assert report.audio_logits_max_error is not None and report.audio_logits_max_error < 2e-4
    assert report.mimi_codes_equal == 1.0
    assert report.mimi_pcm_max_error is not None and report.mimi_pcm_max_error < 1e-6


@pytest.mark.parametrize("name", ["narrow", "delayed"])
def test_other_dimensions_agree_with_the_plain_reference(snapshot_of: Callable[[str], Path], name: str) -> None:
    report = verify(snapshot_of(name))
    assert report.ok, report
    for rows in (report.lm_unprompted, report.lm_prompted_codes, report.lm_prompted_pt):
        assert rows is not None and rows.frames > 10


def test_report_has_the_keys_that_are_printed(copy: Path) -> None:
    assert list(verify(copy).as_dict()) == [
        "lm_unprompted",
        "lm_prompted_codes",
        "lm_prompted_pt",
        "text_logits_max_error",
        "audio_logits_max_error",
        "mimi_codes_equal",
        "mimi_pcm_max_error",
        "ok",
    ]


def test_one_changed_weight_is_noticed(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    tensors["transformer.layers.1.self_attn.in_proj_weight"][5] *= 1.5
    save_file(tensors, copy / "model.safetensors")
    report = verify(copy)
    assert not report.ok
    assert report.lm_unprompted is not None and report.lm_unprompted.equal < report.lm_unprompted.frames
    assert report.mimi_codes_equal == 1.0


def test_missing_saved_voice_is_null_and_not_ok(copy: Path) -> None:
    (copy / "voices" / "GOLD0.pt").unlink()
    report = verify(copy)
    assert report.lm_prompted_pt is None
    assert report.lm_prompted_codes == Rows(15, 15)
    assert not report.ok


def test_case_that_the_snapshot_leaves_out_is_null_and_no_failure(copy: Path) -> None:
    cases = load_file(copy / "cases.safetensors")
    save_file({name: case for name, case in cases.items() if "mimi" not in name}, copy / "cases.safetensors")
    report = verify(copy)
    assert report.mimi_codes_equal is None and report.mimi_pcm_max_error is None
    assert report.ok


def test_case_that_is_there_in_part_is_an_error(copy: Path) -> None:
    cases = load_file(copy / "cases.safetensors")
    del cases["mimi.pcm_out"]
    save_file(cases, copy / "cases.safetensors")
    with pytest.raises(WeightsError, match="part of case `mimi`: it lacks pcm_out"):
        verify(copy)


def test_snapshot_without_any_case_is_not_ok(copy: Path) -> None:
    save_file({"unrelated": torch.zeros(1)}, copy / "cases.safetensors")
    assert not verify(copy).ok


@pytest.mark.parametrize("name", ["model.safetensors", "cases.safetensors"])
def test_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(WeightsError, match=f"lacks {name}"):
        verify(copy)
