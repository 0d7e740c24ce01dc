from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bridge.engine.personaplex.model import load_model
from bridge.engine.personaplex.verify import verify
from bridge.engine.personaplex.weights import WeightsError

LM = "model.safetensors"
MIMI = "tokenizer-e351c8d8-checkpoint125.safetensors"


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny, tmp_path / "copy")
    return tmp_path / "copy"


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def eight_sets(tensors: dict[str, torch.Tensor]) -> None:
    """Cut the depformer to the agent's steps."""
    for name in list(tensors):
        numbered = re.match(r"(?:depformer_in|linears|depformer\.layers\.\d+\.gating|(depformer_emb))\.(\d+)\.", name)
        if numbered and int(numbered[2]) >= (7 if numbered[1] else 8):
            del tensors[name]
        elif re.match(r"depformer\.layers\.\d+\.self_attn", name):
            tensors[name] = tensors[name].chunk(2)[0].clone()


def test_eight_depformer_sets_load_like_sixteen(copy: Path) -> None:
    size = (copy / LM).stat().st_size
    rewrite(copy / LM, eight_sets)
    assert (copy / LM).stat().st_size < 0.8 * size
    assert verify(copy).ok


def test_missing_and_misshaped_tensors_are_listed_with_their_file(copy: Path) -> None:
    def damage(tensors: dict[str, torch.Tensor]) -> None:
        del tensors["out_norm.alpha"], tensors["linears.3.weight"]
        tensors["text_linear.weight"] = torch.zeros(299, 64)
        tensors["depformer.layers.0.self_attn.in_proj_weight"] = torch.zeros(700, 32)

    rewrite(copy / LM, damage)
    with pytest.raises(WeightsError) as caught:
        load_model(copy)
    text = str(caught.value)
    assert text.startswith(str(copy / LM))
    assert "missing: out_norm.alpha" in text and "missing: linears.3.weight" in text
    assert "mis-shaped: text_linear.weight is [299, 64] instead of [300, 64]" in text
    assert "in_proj_weight is [700, 32] instead of [768, 32]" in text


def test_tensors_that_are_not_needed_are_not_missed(copy: Path) -> None:
    rewrite(copy / MIMI, lambda tensors: [tensors.pop(name) for name in list(tensors) if "layers.10" in name])
    rewrite(copy / LM, lambda tensors: [tensors.pop(name) for name in list(tensors) if "gating.15" in name])
    load_model(copy)


def test_file_cut_short_is_called_incomplete(copy: Path) -> None:
    whole = (copy / LM).read_bytes()
    (copy / LM).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="is it complete"):
        load_model(copy)


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"lacks {LM}, {MIMI}"):
        load_model(tmp_path)


def test_language_model_is_in_the_dtype_asked_for_and_the_codec_in_float32(tiny: Path) -> None:
    model = load_model(tiny, dtype=torch.bfloat16)
    assert {p.dtype for p in model.lm.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.mimi.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in (*model.lm.parameters(), *model.mimi.parameters()))
