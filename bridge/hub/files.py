"""The files that make up PersonaPlex, and where they are published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.engine.personaplex.config import CONFIG_FILE, LM_FILE, MIMI_FILE, TOKENISER_FILE, VOICES_DIR

REPO: Final = "nvidia/personaplex-7b-v1"
PAGE: Final = f"https://huggingface.co/{REPO}"
MODEL_NAME: Final = "personaplex-7b-v1"
VOICES_ARCHIVE: Final = "voices.tgz"

MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One published file. `about_bytes` is its size in round figures, for those who have not asked the hub yet."""

    name: str
    what: str
    about_bytes: int
    required: bool = True


FILES: Final = (
    ModelFile(LM_FILE, "language model", 16_740 * MB),
    ModelFile(MIMI_FILE, "audio codec", 385 * MB),
    ModelFile(TOKENISER_FILE, "text pieces", 553_000),
    ModelFile(VOICES_ARCHIVE, "18 voices", 7 * MB),
    ModelFile(CONFIG_FILE, "dimensions", 1_000, required=False),
)
"""In the order of their size. Published in January 2026; NVIDIA Open Model License."""


def voices_dir(directory: Path) -> Path:
    """Where the voices of `VOICES_ARCHIVE` lie once it is unpacked."""
    return directory / VOICES_DIR


def part_of(path: Path) -> Path:
    """Where a file is kept until it is whole."""
    return path.with_name(f"{path.name}.part")


def size_text(count: int) -> str:
    """Bytes for people, in decimal units: 16.74 GB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.2f} {unit}" if unit == "GB" else f"{count / scale:.0f} {unit}"
    return f"{count} bytes"
