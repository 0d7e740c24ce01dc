"""Snapshots and models that the tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bridge.engine.personaplex.model import Model, load_model

from .snapshots import DELAYED, NARROW, write_snapshot

TINY = Path(__file__).parent / "tiny"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> Path:
    """The golden snapshot."""
    return TINY


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model(TINY)


@pytest.fixture(scope="session")
def snapshot_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The directory of a random snapshot, `narrow` or `delayed`, with golden vectors of the reference."""
    configs: dict[str, dict[str, Any]] = {"narrow": NARROW, "delayed": DELAYED}
    written: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in written:
            written[name] = tmp_path_factory.mktemp(name)
            write_snapshot(written[name], configs[name])
        return written[name]

    return get
