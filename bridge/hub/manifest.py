"""`download.json`: what the hub said of the files in a model's folder, and which of them were checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from bridge.hub.errors import HubError

MANIFEST: Final = "download.json"


class Entry(msgspec.Struct, frozen=True):
    """One file as the hub has it. `checked` is the modification time (ns) at which its bytes were found right."""

    size: int
    etag: str
    checked: int | None = None


class Manifest(msgspec.Struct, frozen=True):
    """Which revision was downloaded; files by name."""

    repo: str
    revision: str
    files: dict[str, Entry]


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of a folder; None where the files came some other way. Raises `HubError` if it is damaged."""
    path = directory / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HubError(f"{path} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise HubError(f"{path} is damaged ({error}). Remove it; the next download writes it anew.") from None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write it, whole or not at all."""
    temporary = directory / f"{MANIFEST}.{os.getpid()}.tmp"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    temporary.replace(directory / MANIFEST)


def is_checked(path: Path, entry: Entry | None) -> bool:
    """Whether this file's bytes were found right, and nobody has touched it since."""
    if entry is None or entry.checked is None or not path.is_file():
        return False
    found = path.stat()
    return found.st_size == entry.size and found.st_mtime_ns == entry.checked
