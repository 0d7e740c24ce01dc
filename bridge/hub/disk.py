"""What is on the disk of the model's files. Asks nobody, changes nothing, imports no client."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from bridge.engine.personaplex.config import LM_FILE, MIMI_FILE, TOKENISER_FILE
from bridge.hub.errors import HubError
from bridge.hub.files import FILES, PAGE, REPO, VOICES_ARCHIVE, ModelFile, part_of, size_text, voices_dir
from bridge.hub.manifest import Manifest, read_manifest

VOICE_SUFFIXES: Final = {".pt", ".safetensors"}

_LOADED: Final = {LM_FILE, MIMI_FILE, TOKENISER_FILE}
_MAX_HEADER: Final = 100_000_000
"""The safetensors library refuses larger headers, too."""


class _Tensor(msgspec.Struct):
    """What matters here of an entry in a safetensors header; `__metadata__` has no offsets."""

    data_offsets: tuple[int, int] = (0, 0)


class Status(StrEnum):
    """How a file, or a whole model, is on the disk."""

    DOWNLOADED = "downloaded"
    PARTIAL = "partial"
    MISSING = "missing"
    WRONG_SIZE = "wrong_size"


@dataclass(frozen=True, slots=True)
class Found:
    """One file, or the folder of voices. `expected` is in bytes; it is a round figure unless `exact`."""

    name: str
    what: str
    path: Path
    status: Status
    expected: int
    exact: bool
    present: int
    required: bool
    note: str = ""


def look(directory: Path) -> list[Found]:
    """How each of the model's files is on the disk, the unpacked voices last.

    A size is wrong if it is not the hub's, which is known after a download, or not the one that a safetensors file
    tells in its own header. Raises `HubError` for a damaged manifest.
    """
    manifest = read_manifest(directory)
    files = [_look_at(directory, file, manifest) for file in FILES]
    voices = _voices(directory, next(file for file in files if file.name == VOICES_ARCHIVE))
    unpacked = voices.status is Status.DOWNLOADED
    return [
        replace(file, required=file.required and not (unpacked and file.name == VOICES_ARCHIVE)) for file in files
    ] + [voices]


def overall(found: list[Found]) -> Status:
    """The model's status, of what a call needs."""
    needed = [file.status for file in found if file.required]
    for status in (Status.WRONG_SIZE, Status.PARTIAL):
        if status in needed:
            return status
    if Status.MISSING not in needed:
        return Status.DOWNLOADED
    return Status.PARTIAL if Status.DOWNLOADED in needed else Status.MISSING


def require_model(directory: Path) -> None:
    """Raise `HubError` unless the model can be loaded from there.

    The message lists what belongs there, what is there, and where else the files seem to be.
    """
    found = look(directory)
    if all(file.status is Status.DOWNLOADED for file in found if file.name in _LOADED):
        return
    lines = [f"{directory.absolute()} does not hold the whole model:"]
    lines += [f"  {describe(file)}" for file in found]
    raise HubError("\n".join([*lines, *advice(directory)]))


def describe(file: Found) -> str:
    """One file in a line: what it should be, and what there is."""
    about = "" if file.exact else "about "
    size = f", {about}{size_text(file.expected)}" if file.expected else ""
    there = {
        Status.DOWNLOADED: "there",
        Status.PARTIAL: f"{size_text(file.present)} so far",
        Status.MISSING: "missing",
        Status.WRONG_SIZE: f"wrong size: {file.present} bytes instead of {file.expected}",
    }[file.status]
    return f"{file.name} ({file.what}{size}): {there}" + (f", {file.note}" if file.note else "")


def advice(directory: Path) -> list[str]:
    """What to do where the model is not whole: a place in which it lies, or how to get it."""
    places = elsewhere(directory)
    if places:
        return [
            f"A model lies in {place.absolute()}: set MODEL_DIR to that folder if it is this one." for place in places
        ]
    return [
        f"`callbridge model download` fetches what is missing. The model's page is {PAGE}.",
        "If the files lie elsewhere, set MODEL_DIR to their folder.",
    ]


def elsewhere(directory: Path) -> list[Path]:
    """Other folders that hold the language model's file, of those where downloads by other means end up."""
    below = sorted(path for path in directory.glob("*") if path.is_dir())
    places = [*below, directory.parent, Path("models"), Path(), *_cached()]
    found = {place.resolve(): place for place in places if (place / LM_FILE).is_file()}
    return [place for resolved, place in found.items() if resolved != directory.resolve()]


def _cached() -> list[Path]:
    """Snapshots that the hub's own client keeps for all programs of this user."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return sorted((home / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots").glob("*"))


def _look_at(directory: Path, file: ModelFile, manifest: Manifest | None) -> Found:
    path, part = directory / file.name, part_of(directory / file.name)
    entry = manifest.files.get(file.name) if manifest else None
    expected = entry.size if entry else _own_size(path) if path.is_file() else None
    present, status = 0, Status.MISSING
    if path.is_file():
        present = path.stat().st_size
        wrong = present == 0 or (expected is not None and present != expected)
        status = Status.WRONG_SIZE if wrong else Status.DOWNLOADED
    elif part.is_file():
        present, status = part.stat().st_size, Status.PARTIAL
    exact = expected is not None
    return Found(
        file.name,
        file.what,
        path,
        status,
        file.about_bytes if expected is None else expected,
        exact,
        present,
        file.required,
    )


def _voices(directory: Path, archive: Found) -> Found:
    """The voices that can be selected; they come out of the archive together or not at all."""
    folder = voices_dir(directory)
    files = [path for path in folder.glob("*") if path.suffix in VOICE_SUFFIXES and path.is_file()]
    present = sum(path.stat().st_size for path in files)
    names = {path.stem for path in files}
    note = f"{len(names)} voice{'s' if len(names) != 1 else ''}"
    if not names and archive.status is Status.DOWNLOADED:
        note = f"{VOICES_ARCHIVE} is not unpacked; `callbridge model download` does that"
    status = Status.DOWNLOADED if names else Status.MISSING
    return Found(f"{folder.name}/", "unpacked voices", folder, status, 0, False, present, True, note)


def _own_size(path: Path) -> int | None:
    """The size that a safetensors file claims: 8 bytes, its header, and the furthest end of its tensors.

    None for files of other kinds. https://huggingface.co/docs/safetensors/index#format
    """
    if path.suffix != ".safetensors":
        return None
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, _MAX_HEADER))
    try:
        tensors = msgspec.json.decode(header, type=dict[str, _Tensor])
    except msgspec.DecodeError:
        return 8 + length  # cut off within its header, or something else altogether
    return 8 + length + max((tensor.data_offsets[1] for tensor in tensors.values()), default=0)
