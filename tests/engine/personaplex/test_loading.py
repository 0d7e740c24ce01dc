from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bridge.engine.factory import build
from bridge.engine.messages import Configure
from bridge.engine.personaplex import capacity, loading
from bridge.engine.personaplex.config import LM_FILE, MIMI_FILE, TOKENISER_FILE
from bridge.engine.personaplex.engine import PersonaPlexEngine
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.packing import Keys
from bridge.facts.errors import EngineError

from .conftest import TINY


def configured(directory: Path = TINY, **more: object) -> Configure:
    return Configure("personaplex", model_dir=str(directory), device="cpu", **more)  # type: ignore[arg-type]


def test_a_snapshot_becomes_an_engine_in_float32_on_a_cpu() -> None:
    engine = build(configured())
    assert isinstance(engine, PersonaPlexEngine)
    assert engine.capacity == 2
    assert engine._model.lm.dtype == torch.float32
    engine.shutdown()


def test_slots_are_those_that_were_asked_for() -> None:
    engine = build(configured(slots=5))
    assert engine.capacity == 5


@pytest.mark.parametrize("weights", ["int8", "fp8"])
def test_weights_may_be_packed(weights: str) -> None:
    assert build(configured(weights=weights)).capacity == 2


def test_a_missing_model_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"does not exist.*callbridge model download"):
        build(configured(tmp_path / "nowhere"))
    for name in (LM_FILE, TOKENISER_FILE):
        (tmp_path / name).symlink_to(TINY / name)
    with pytest.raises(EngineError, match=f"lacks {MIMI_FILE}.*callbridge model status"):
        build(configured(tmp_path))


def test_a_damaged_model_is_told_with_what_to_do(tmp_path: Path) -> None:
    for name in (LM_FILE, MIMI_FILE, TOKENISER_FILE, "config.json"):
        (tmp_path / name).symlink_to(TINY / name)
    (tmp_path / LM_FILE).unlink()
    (tmp_path / LM_FILE).write_bytes((TINY / LM_FILE).read_bytes()[:100_000])
    with pytest.raises(EngineError, match=f"{LM_FILE}.*callbridge model status"):
        build(configured(tmp_path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": "tpu"}, "DEVICE is 'tpu'"),
        ({"weights": "int4"}, "WEIGHTS is 'int4'"),
        ({"kv": "int4"}, "KV is 'int4'"),
    ],
)
def test_settings_that_cannot_be_are_named(change: dict[str, str], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        build(Configure("personaplex", model_dir=str(TINY), **change))  # type: ignore[arg-type]


def test_a_cpu_is_not_asked_to_serve_the_full_model(tmp_path: Path) -> None:
    for name in (MIMI_FILE, TOKENISER_FILE):
        (tmp_path / name).symlink_to(TINY / name)
    with (tmp_path / LM_FILE).open("wb") as file:
        file.truncate(16_740_000_000)  # sparse: takes no room on the disk
    with pytest.raises(EngineError, match=r"a CPU cannot run this model in real time.*callbridge doctor"):
        build(configured(tmp_path))


def test_slots_on_a_gpu_are_as_many_as_can_be_promised_memory_beside_the_weights(model: Model) -> None:
    working = int(loading._working_bytes(model))  # in proportion more than a real model's
    some = loading._room_for(model, working + 3_000_000, Keys.BF16, 0)
    assert some is not None
    assert 0 < some.slots < 32
    asked = loading._room_for(model, working + 20_000_000, Keys.BF16, 2)
    assert asked == capacity.Room(2, 1 + 2 * 8)  # whole windows
    most = loading._room_for(model, 1_000_000_000, Keys.BF16, 0)
    assert most is not None and most.slots == 32
    packed = loading._room_for(model, working + 3_000_000, Keys.FP8, 0)
    assert packed is not None and packed.slots > some.slots
    assert loading._room_for(model, None, Keys.BF16, 5) is None  # a CPU takes what it needs
    with pytest.raises(EngineError, match=r"a call needs.*WEIGHTS=int8 or KV=fp8"):
        loading._room_for(model, working, Keys.BF16, 5)


def test_a_missing_package_is_told_with_what_to_install() -> None:
    program = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from bridge.engine.factory import build\n"
        "from bridge.engine.messages import Configure\n"
        "from bridge.facts.errors import EngineError\n"
        "try:\n"
        "    build(Configure('personaplex'))\n"
        "except EngineError as error:\n"
        "    sys.exit(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "package torch is not installed" in done.stderr
    assert "pip install 'callbridge[personaplex]'" in done.stderr
