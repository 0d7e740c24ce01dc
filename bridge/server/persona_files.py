"""The files of personas, as the API reads and changes them: whole or not at all, and nothing that was changed unseen.

A version has an entity tag, the hash of its bytes. Who changes a file says which version they have seen; if the file is
another by then, it stays as it is. The version before is kept beside it as NAME.yaml.bak. A name is a persona's name or
it is refused, links that lead out of the folder are not followed, and through no link is anything written.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from bridge.facts.errors import PersonaError
from bridge.persona.document import MAX_BYTES
from bridge.persona.template import check_name

MAX_FILES: Final = 500
"""Personas that the API lets a folder have. Each is prepared by the engine and looked at each second."""

Why = Literal["absent", "unlike", "unconditional", "untouchable", "too_many", "unwritable"]


class PersonaFileRefusedError(PersonaError):
    """A file that is not there, has changed, or is not the API's to touch: `why` says which."""

    def __init__(self, why: Why, text: str) -> None:
        """The text is told to whoever asked."""
        super().__init__(text)
        self.why = why


@dataclass(frozen=True, slots=True)
class PersonaFile:
    """One version of a file. `changed_at` is ISO 8601 in UTC; of a file that is too long `data` is its beginning."""

    name: str
    data: bytes
    changed_at: str

    @property
    def etag(self) -> str:
        """The entity tag, quotes included."""
        return etag_of(self.data)

    @property
    def text(self) -> str:
        """The file's text. PersonaFileRefusedError if it is too long, or not UTF-8."""
        if len(self.data) > MAX_BYTES:
            raise PersonaFileRefusedError(
                "untouchable", f"{self.name}.yaml is too long: a persona may have {MAX_BYTES:,} bytes"
            )
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise PersonaFileRefusedError(
                "untouchable", f"{self.name}.yaml is not UTF-8 text (byte {error.start + 1}); save it as UTF-8"
            ) from None


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be so before a file is changed (RFC 9110, 13.1): the entity tags of `If-Match`, `If-None-Match`."""

    match: Collection[str] | None = None
    none_match: Collection[str] | None = None

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return self.match is not None or self.none_match is not None

    def holds(self, etag: str | None) -> bool:
        """Whether a file of this entity tag may be changed, or one be made where there is none."""
        return (self.match is None or _among(etag, self.match)) and not (
            self.none_match is not None and _among(etag, self.none_match)
        )


def _among(etag: str | None, tags: Collection[str]) -> bool:
    return etag is not None and (etag in tags or "*" in tags)


def etag_of(data: bytes) -> str:
    """The entity tag of a version."""
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def tags_of(header: str | None) -> tuple[str, ...] | None:
    """The entity tags of a header. A weak one is equal to none of ours, as the strong comparison has it."""
    if header is None:
        return None
    return tuple(tag for tag in (part.strip() for part in header.split(",")) if tag)


class PersonaFiles:
    """Owner of the changes that the API makes to a folder. All methods block; any thread may call them."""

    def __init__(self, folder: Path) -> None:
        """A folder that is missing is made when the first persona is written."""
        self.folder = folder
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """The names that files of the folder have, in order, whatever is in them."""
        return sorted(path.stem for path in self.folder.glob("*.yaml"))

    def read(self, name: str) -> PersonaFile:
        """The current version. PersonaError if there is none, or it is none of ours to show."""
        path = self._path(name)
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self.folder.resolve()):
                raise PersonaFileRefusedError(
                    "untouchable", f"{name}.yaml is a link that leads out of the folder of personas: change it there"
                )
            # A pipe in the place of a file must not hold us up.
            with os.fdopen(os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise PersonaFileRefusedError("untouchable", f"{name}.yaml is not a file")
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise PersonaFileRefusedError("absent", f"there is no persona {name}") from None
        except (OSError, RuntimeError) as error:  # the latter is a link to itself
            why = error.strerror if isinstance(error, OSError) else "it is a link to itself"
            raise PersonaFileRefusedError("untouchable", f"{name}.yaml cannot be read: {why}") from None
        return PersonaFile(name, data, datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds"))

    def write(self, name: str, data: bytes, condition: Condition) -> bool:
        """Write a version; whether it is the first. PersonaFileRefusedError, and nothing is written, if it may not."""
        with self._lock:
            before = self._version(name)
            if not condition.given:
                raise PersonaFileRefusedError("unconditional", _say_condition(name, there=before is not None))
            self._demand(name, condition, before)
            if before is None and len(self.names()) >= MAX_FILES:
                raise PersonaFileRefusedError("too_many", f"there are {MAX_FILES} personas; delete one first")
            with _telling(name):
                self.folder.mkdir(parents=True, exist_ok=True)
                path = self._path(name)
                mode = stat.S_IMODE(path.stat().st_mode) if before else 0o644
                if before:
                    _replace(self._backup(name), before.data, mode)
                _replace(path, data, mode)
        return before is None

    def delete(self, name: str, condition: Condition) -> None:
        """Take a persona out of the folder; its last version stays as NAME.yaml.bak. PersonaFileRefusedError."""
        with self._lock:
            before = self._version(name)
            if before is None:
                raise PersonaFileRefusedError("absent", f"there is no persona {name}")
            self._demand(name, condition, before)
            with _telling(name):
                self._path(name).replace(self._backup(name))
                _sync(self.folder)

    def _version(self, name: str) -> PersonaFile | None:
        """What is to be changed, which must be a file itself."""
        if self._path(name).is_symlink():
            raise PersonaFileRefusedError("untouchable", f"{name}.yaml is a link: change the file that it leads to")
        try:
            return self.read(name)
        except PersonaFileRefusedError as error:
            if error.why == "absent":
                return None
            raise

    def _demand(self, name: str, condition: Condition, before: PersonaFile | None) -> None:
        if condition.holds(before.etag if before else None):
            return
        if before is None:
            raise PersonaFileRefusedError("unlike", f"there is no persona {name} any more")
        if condition.match is None:
            raise PersonaFileRefusedError("unlike", f"there is a persona {name} already; it was not changed")
        raise PersonaFileRefusedError(
            "unlike", f"the persona {name} has been changed by somebody else since it was read; read it again"
        )

    def _path(self, name: str) -> Path:
        try:
            return self.folder / f"{check_name(name)}.yaml"
        except PersonaError:
            raise PersonaFileRefusedError("absent", "there is no persona of that name, and none can have it") from None

    def _backup(self, name: str) -> Path:
        path = self._path(name)
        return path.with_name(f"{path.name}.bak")


def _say_condition(name: str, *, there: bool) -> str:
    if there:
        return f"there is a persona {name}: send its ETag as If-Match, so that nobody's change is lost"
    return f"there is no persona {name}: send If-None-Match: * to make one"


@contextlib.contextmanager
def _telling(name: str) -> Iterator[None]:
    """A disk's refusal, in words."""
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise PersonaFileRefusedError("unwritable", f"{name}.yaml cannot be written: {why}") from None


def _replace(path: Path, data: bytes, mode: int) -> None:
    """Put a file in the place of another, or of none, so that a power cut leaves one of the two. Raises OSError."""
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have renamings survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
