"""One file over HTTP: from where it was left, with patience for a line that stalls, checked before it counts."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

import httpx

from bridge.hub.errors import HubError, UnreachableError, unreachable
from bridge.hub.files import size_text
from bridge.hub.remote import RemoteFile

_BLOCK: Final = 1 << 20
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SHA1: Final = re.compile(r"[0-9a-f]{40}")

Moved = Callable[[int], None]
"""Told how many bytes are there now."""


@dataclass(frozen=True, slots=True)
class Patience:
    """When a download counts as stalled, and how often in a row it may before we give up."""

    stall_seconds: float = 30.0
    attempts: int = 5
    pause_seconds: float = 2.0


def fetch(
    ask: Callable[[], RemoteFile],
    part: Path,
    refusal: Callable[[int, dict[str, str], str], HubError],
    moved: Moved,
    patience: Patience,
) -> None:
    """Bring `part` to the file's full size, going on after the bytes it has.

    `ask` gives the file's present address; it is called before each attempt, because addresses expire. Attempts that
    bring at least one byte do not count. Raises `HubError`; what has arrived stays in `part`.
    """
    with _locked(part) as file:
        failures = 0
        while True:
            have = file.seek(0, 2)
            try:
                remote = ask()
                if have > remote.size:  # no beginning of this file
                    have = file.truncate(0)
                if have < remote.size:
                    _stream(remote, file, refusal, moved, patience.stall_seconds)
                if file.seek(0, 2) == remote.size:
                    return
                problem: HubError = UnreachableError(f"the server ends {remote.name} too early, again and again.")
            except UnreachableError as error:
                problem = error
            failures = 0 if file.seek(0, 2) > have else failures + 1
            if failures >= patience.attempts:
                raise problem
            time.sleep(patience.pause_seconds)


def _stream(
    remote: RemoteFile,
    file: FileIO,
    refusal: Callable[[int, dict[str, str], str], HubError],
    moved: Moved,
    stall_seconds: float,
) -> None:
    """Append what is missing, as far as it comes."""
    have = file.seek(0, 2)
    # Without this a server may compress, and a range would then count compressed bytes.
    headers = {**remote.headers, "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    host = httpx.URL(remote.url).host
    try:
        with httpx.stream("GET", remote.url, headers=headers, timeout=stall_seconds, follow_redirects=True) as answer:
            if answer.status_code >= 400:
                raise refusal(answer.status_code, dict(answer.headers), remote.name)
            if have and not _continues(answer, have):
                file.truncate(0)
                have = file.seek(0)
            moved(have)
            for block in answer.iter_raw():  # as it arrives, so that a stall loses nothing
                if have + len(block) > remote.size:
                    file.truncate(0)
                    raise HubError(f"{host} sends more of {remote.name} than the {remote.size} bytes it announced.")
                have += _write(file, block)
                moved(have)
    except httpx.TimeoutException:
        raise UnreachableError(
            f"the download of {remote.name} has stalled at {size_text(have)} of {size_text(remote.size)}: no byte for "
            f"{stall_seconds:g} s, several times in a row. A firewall, a proxy or the hub's rate limit may hold it "
            "back. Run the command again; it goes on from there.",
            "stalled",
        ) from None
    except httpx.TransportError as error:
        raise unreachable(host, type(error).__name__) from None
    except OSError as error:
        raise disk_error(error, Path(str(file.name))) from None


def _continues(answer: httpx.Response, have: int) -> bool:
    """Whether the answer goes on where we are (RFC 9110, 14.4), instead of starting afresh."""
    return answer.status_code == 206 and answer.headers.get("content-range", "").startswith(f"bytes {have}-")


def disk_error(error: OSError, path: Path) -> HubError:
    """What a failed write means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HubError(
            f"the disk is full: {path} could not be written. Free some space, or set MODEL_DIR to a larger disk and "
            "move the files there; then run the command again, which goes on from what is there.",
            "no_room",
        )
    return HubError(f"{path} cannot be written: {error.strerror or error}.")


def _write(file: FileIO, block: bytes) -> int:
    """Write all of it: a raw file may take less at once."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]
    return len(block)


@contextmanager
def _locked(part: Path) -> Iterator[FileIO]:
    """The part file, open for appending without a buffer, and no other process's meanwhile."""
    try:
        file = part.open("ab", buffering=0)
    except OSError as error:
        raise disk_error(error, part) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HubError(f"{part} is being written by another download. Wait for it, or stop it.") from None
        yield file


def is_whole(path: Path, size: int, etag: str, moved: Moved) -> bool:
    """Whether the file has the size and the hash that the hub announced. Reads it whole."""
    if path.stat().st_size != size:
        return False
    if _SHA256.fullmatch(etag):
        digest = hashlib.sha256()
    elif _SHA1.fullmatch(etag):
        # Small files are kept by git, which hashes them with this header: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    else:
        return True
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            moved(file.tell())
    return digest.hexdigest() == etag
