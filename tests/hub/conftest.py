"""A stand-in hub with a small model in the published layout."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.hub.remote import Hub

from .standin import REPO, TOKEN, StandIn, archive, running

LM = "model.safetensors"
MIMI = "tokenizer-e351c8d8-checkpoint125.safetensors"
SPM = "tokenizer_spm_32k_3.model"


def safetensors(size: int) -> bytes:
    """A valid file of one tensor with `size` bytes."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(index % 251 for index in range(size))


@pytest.fixture
def standin() -> Iterator[StandIn]:
    files = {
        LM: safetensors(300_000),
        MIMI: safetensors(40_000),
        SPM: b"pieces" * 100,
        "voices.tgz": archive({"voices/NATF0.pt": b"one", "voices/VARM4.pt": b"two"}),
        "config.json": b'{"model_type": "personaplex"}',
    }
    with running(StandIn(files)) as hub:
        yield hub


@pytest.fixture
def hub(standin: StandIn) -> Hub:
    return Hub(REPO, TOKEN, standin.endpoint)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "personaplex-7b-v1"
