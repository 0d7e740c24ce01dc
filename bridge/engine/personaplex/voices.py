"""The voices there are: the packaged ones by name, and those in a directory of one's own. No torch, no safetensors.

A voice's name is looked up in directory listings and never becomes part of a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from bridge.engine.personaplex.config import VOICES_DIR, PersonaPlexError

PACKAGED = (
    *(f"NAT{sex}{number}" for sex in "FM" for number in range(4)),
    *(f"VAR{sex}{number}" for sex in "FM" for number in range(5)),
)
GOLDEN_VOICE = "GOLD0"  # of snapshots that carry golden vectors
SUFFIXES = (".safetensors", ".pt")  # the first is preferred where a voice has both
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MAX_HEADER = 1 << 20  # of a voice's file; its two tensors need some hundred bytes


class VoiceKind(StrEnum):
    CUSTOM = "custom"
    PACKAGED = "packaged"


class Category(StrEnum):
    NATURAL = "natural"
    VARIED = "varied"
    CUSTOM = "custom"


class VoiceError(PersonaPlexError):
    """A voice that does not exist, cannot be read, or may not be made."""


@dataclass(frozen=True)
class VoiceInfo:
    """One selectable voice. `language` is a BCP 47 tag, where it is known; `path` is None until it is downloaded."""

    name: str
    kind: VoiceKind
    category: Category
    language: str | None
    path: Path | None


class _Header(msgspec.Struct):
    """What matters here of a safetensors header."""

    metadata: dict[str, str] = msgspec.field(name="__metadata__", default_factory=dict)


def list_voices(model_dir: Path | None, custom_dir: Path | None = None) -> list[VoiceInfo]:
    """All voices, custom ones first, each group by name.

    The packaged voices are listed even before they are downloaded; a custom voice hides a packaged one of its name.
    """
    custom = [_custom(name, path) for name, path in _files(custom_dir)]
    present = dict(_files(model_dir / VOICES_DIR)) if model_dir else {}
    names = sorted(set(PACKAGED) | set(present))
    taken = {voice.name for voice in custom}
    return custom + [_packaged(name, present.get(name)) for name in names if name not in taken]


def find_voice(name: str, model_dir: Path | None, custom_dir: Path | None = None) -> VoiceInfo:
    """The voice of that name, with or without a suffix `.pt`. Raises `VoiceError` saying which ones there are."""
    wanted = name.removesuffix(".pt").removesuffix(".safetensors")
    voices = list_voices(model_dir, custom_dir)
    for voice in voices:
        if voice.name == wanted:
            if voice.path is None:
                raise VoiceError(f"voice {voice.name} is not downloaded: it comes in voices.tgz of the model")
            return voice
    known = ", ".join(voice.name for voice in voices if voice.path) or "none"
    raise VoiceError(f"there is no voice {name!r}; there are: {known}")


def check_new_name(name: str) -> None:
    """Raises `VoiceError` if a custom voice may not have this name."""
    if not _NAME.fullmatch(name):
        raise VoiceError(f"a voice's name is up to 64 letters, digits, '-' and '_', not {name!r}")
    if name in PACKAGED:
        raise VoiceError(f"{name} is a packaged voice; give yours another name")


def _files(directory: Path | None) -> Iterator[tuple[str, Path]]:
    """Name and file of the voices in a directory, by name."""
    if directory is None or not directory.is_dir():
        return
    files = {(path.stem, path.suffix): path for path in directory.iterdir() if path.is_file()}
    for name in sorted({stem for stem, suffix in files if suffix in SUFFIXES}):
        yield name, next(files[name, suffix] for suffix in SUFFIXES if (name, suffix) in files)


def _custom(name: str, path: Path) -> VoiceInfo:
    return VoiceInfo(name, VoiceKind.CUSTOM, Category.CUSTOM, _language(path), path)


def _packaged(name: str, path: Path | None) -> VoiceInfo:
    category = {"NAT": Category.NATURAL, "VAR": Category.VARIED}.get(name[:3], Category.CUSTOM)
    return VoiceInfo(name, VoiceKind.PACKAGED, category, "en" if name in PACKAGED else None, path)


def _language(path: Path) -> str | None:
    """What a made voice's file says of its language, in its header: 8 bytes of length, then JSON.

    https://huggingface.co/docs/safetensors/index#format
    """
    if path.suffix != ".safetensors":
        return None
    try:
        with path.open("rb") as file:
            header = file.read(min(int.from_bytes(file.read(8), "little"), _MAX_HEADER))
        return msgspec.json.decode(header, type=_Header).metadata.get("language")
    except (OSError, msgspec.DecodeError):
        return None  # listed all the same; using it says what is wrong with it
