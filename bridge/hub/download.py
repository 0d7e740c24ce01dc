"""Bringing the model to the disk: ask, see whether there is room, fetch, check, unpack.

May be stopped at any moment, and then goes on from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from bridge.hub.archive import unpack_voices
from bridge.hub.errors import HubError
from bridge.hub.fetch import Patience, disk_error, fetch, is_whole
from bridge.hub.files import FILES, VOICES_ARCHIVE, ModelFile, part_of, size_text, voices_dir
from bridge.hub.manifest import Entry, Manifest, is_checked, read_manifest, write_manifest
from bridge.hub.remote import Hub, RemoteFile

SPARE_BYTES: Final = 512_000_000
"""What must stay free on the disk beside the files: a machine whose disk is full answers no calls."""

Doing = Literal["downloading", "checking"]
Progress = Callable[[Doing, str, int, int], None]
"""Told what is being done with which file, and how many of its bytes are done of how many."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came of it. `fetched` and `already` are names of files; `voices` were unpacked just now."""

    directory: Path
    revision: str
    fetched: tuple[str, ...]
    already: tuple[str, ...]
    voices: tuple[str, ...]


def download(
    hub: Hub,
    directory: Path,
    *,
    revision: str | None = None,
    replace: bool = False,
    progress: Progress = lambda *_: None,
    patience: Patience | None = None,
    files: Sequence[ModelFile] = FILES,
) -> Downloaded:
    """Download what is missing of the model's files into `directory`, which is made if need be.

    A file that is there already is checked against the hub's hash once, and then left alone. One of another size or
    content is an error unless `replace`. Raises `HubError`; what has arrived until then is kept in `NAME.part`, and
    the next call goes on from there.
    """
    remotes = _ask_all(hub, revision, files)
    commit = remotes[0].commit
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, directory) from None
    manifest = _renewed(directory, hub.repo, commit, remotes)
    already = [remote for remote in remotes if _is_there(directory, manifest, remote, replace, progress)]
    wanted = [remote for remote in remotes if remote not in already]
    _check_room(directory, wanted)
    manifest = _save(directory, manifest, already)
    for remote in wanted:
        _fetch_one(hub, remote, directory, progress, patience or Patience())
        manifest = _save(directory, manifest, [remote])
    voices: list[str] = []
    if (directory / VOICES_ARCHIVE).is_file() and (wanted or not _has_voices(directory)):
        voices = unpack_voices(directory / VOICES_ARCHIVE, voices_dir(directory))
    return Downloaded(directory, commit, _names(wanted), _names(already), tuple(voices))


def _ask_all(hub: Hub, revision: str | None, files: Sequence[ModelFile]) -> list[RemoteFile]:
    """All files at one commit: the one that the first was found at. Optional files may be missing."""
    remotes = [hub.ask(files[0].name, revision)]
    for file in files[1:]:
        found = (hub.ask if file.required else hub.find)(file.name, remotes[0].commit)
        if found is not None:
            remotes.append(found)
    return remotes


def _renewed(directory: Path, repo: str, commit: str, remotes: Sequence[RemoteFile]) -> Manifest:
    """The manifest for what is to be there; parts of other versions of a file are of no use any more."""
    old = read_manifest(directory)
    before = old.files if old else {}
    files: dict[str, Entry] = {}
    for remote in remotes:
        entry = before.get(remote.name)
        if entry is not None and (entry.size, entry.etag) != (remote.size, remote.etag):
            part_of(directory / remote.name).unlink(missing_ok=True)
            entry = None
        files[remote.name] = entry or Entry(remote.size, remote.etag)
    return Manifest(repo, commit, files)


def _is_there(directory: Path, manifest: Manifest, remote: RemoteFile, replace: bool, progress: Progress) -> bool:
    """Whether the file is on the disk as the hub has it. Raises `HubError` if another one is, unless `replace`."""
    path = directory / remote.name
    if not path.exists():
        return False
    if is_checked(path, manifest.files[remote.name]) or _check(path, remote, progress):
        return True
    if replace:
        return False
    found = path.stat().st_size
    differs = f"has {found} bytes instead of {remote.size}" if found != remote.size else "has other content"
    raise HubError(
        f"{path} is there already, but {differs} than the hub's file: it is cut off, damaged or of another revision. "
        "Add --replace to download it again, or move it away.",
        "damaged",
    )


def _check_room(directory: Path, wanted: Sequence[RemoteFile]) -> None:
    parts = [part_of(directory / remote.name) for remote in wanted]
    have = sum(part.stat().st_size for part in parts if part.is_file())
    missing = sum(remote.size for remote in wanted) - have
    free = shutil.disk_usage(directory).free
    if wanted and free < missing + SPARE_BYTES:
        raise HubError(
            f"{directory.absolute()} has room for {size_text(free)}, and {size_text(missing + SPARE_BYTES)} are needed "
            f"({size_text(missing)} to download, the rest to spare). Free some space, or choose a larger disk with "
            "--dir or MODEL_DIR. Nothing has been downloaded.",
            "no_room",
        )


def _fetch_one(hub: Hub, remote: RemoteFile, directory: Path, progress: Progress, patience: Patience) -> None:
    path, part = directory / remote.name, part_of(directory / remote.name)
    fetch(
        lambda: hub.ask(remote.name, remote.commit),
        part,
        hub.refusal,
        lambda have: progress("downloading", remote.name, have, remote.size),
        patience,
    )
    if not _check(part, remote, progress):
        part.unlink()
        raise HubError(
            f"{remote.name} came out with another hash than the hub announces, and was thrown away: something on the "
            "way changes downloads, or the file was renewed meanwhile. Run the command again.",
            "damaged",
        )
    part.replace(path)


def _check(path: Path, remote: RemoteFile, progress: Progress) -> bool:
    try:
        return is_whole(
            path, remote.size, remote.etag, lambda done: progress("checking", remote.name, done, remote.size)
        )
    except OSError as error:
        raise HubError(f"{path} cannot be read: {error.strerror}.") from None


def _save(directory: Path, manifest: Manifest, checked: Sequence[RemoteFile]) -> Manifest:
    """Note which files were found right, and keep the note on the disk."""
    stamps = {remote.name: (directory / remote.name).stat().st_mtime_ns for remote in checked}
    files = {
        name: msgspec.structs.replace(entry, checked=stamps.get(name, entry.checked))
        for name, entry in manifest.files.items()
    }
    manifest = msgspec.structs.replace(manifest, files=files)
    try:
        write_manifest(directory, manifest)
    except OSError as error:
        raise disk_error(error, directory) from None
    return manifest


def _has_voices(directory: Path) -> bool:
    return voices_dir(directory).is_dir() and any(voices_dir(directory).iterdir())


def _names(remotes: Sequence[RemoteFile]) -> tuple[str, ...]:
    return tuple(remote.name for remote in remotes)
