"""Unpacking `voices.tgz` without trusting it: only voices come out, under names of our own making."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, Final

from bridge.hub.errors import HubError
from bridge.hub.fetch import disk_error

_VOICE: Final = re.compile(r"(?:\./)?voices/([A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(?:pt|safetensors))")
MAX_VOICE_BYTES: Final = 64 << 20
"""A published voice has less than 1 MB; a custom one of 20 s, in float32, 4 MB."""

MAX_MEMBERS: Final = 1000
MAX_TOTAL_BYTES: Final = 1 << 30


def unpack_voices(archive: Path, target: Path) -> list[str]:
    """Unpack the voices of `archive` into the folder `target`, and give their names.

    Nothing is taken unless the whole archive is harmless: no absolute names, no `..`, no links or devices, bounded in
    number and size. Regular files that are no voices are left where they are. Raises `HubError`.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="voices-", dir=archive.parent) as temporary:
            found = _extract(archive, Path(temporary))
            if not found:
                raise HubError(f"{archive} holds no voices (voices/NAME.pt). Remove it and download it again.")
            target.mkdir(parents=True, exist_ok=True)
            for name in found:
                (Path(temporary) / name).replace(target / name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise HubError(f"{archive} cannot be unpacked: {error}. Remove it and download it again.") from None
    except OSError as error:
        raise disk_error(error, archive) from None
    return found


def _extract(archive: Path, into: Path) -> list[str]:
    found: list[str] = []
    total = 0
    with tarfile.open(archive, "r:gz") as tar:
        for number, member in enumerate(tar):
            total += member.size
            _check(archive, member, number, total)
            voice = _VOICE.fullmatch(member.name)
            source = tar.extractfile(member) if voice and member.isreg() else None
            if voice and source is not None:
                _copy(source, into / voice[1])
                found.append(voice[1])
    return sorted(set(found))


def _check(archive: Path, member: tarfile.TarInfo, number: int, total: int) -> None:
    """Stricter than `tarfile.data_filter`, which mends some of what is refused here, and which 3.11.3 lacks."""
    parts = member.name.replace("\\", "/").split("/")
    if member.name.startswith(("/", "\\")) or ".." in parts or ":" in member.name:
        wrong = "would be written outside its folder"
    elif not (member.isreg() or member.isdir()):
        wrong = "is neither a file nor a folder"
    elif member.size > MAX_VOICE_BYTES or total > MAX_TOTAL_BYTES or number >= MAX_MEMBERS:
        wrong = "makes it larger than any set of voices"
    else:
        return
    raise HubError(f"{archive} is not unpacked: its entry {member.name!r} {wrong}. Get it from the model's page again.")


def _copy(source: IO[bytes], path: Path) -> None:
    with source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
