"""The keys that the bridge makes itself."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from bridge.facts.errors import BridgeError


def own_key(data_dir: Path, name: str, setting: str) -> str:
    """A key for those on this machine who may read DATA_DIR: made once, readable by its owner alone.

    Raises BridgeError if there is none and none can be made; `setting` is what may be given in its place.
    """
    path = data_dir / name
    try:
        write_once(path, (secrets.token_urlsafe(32) + "\n").encode())
        key = path.read_text().strip()
    except OSError as error:
        raise BridgeError(f"{path} can neither be read nor written: {error.strerror}. Set {setting} instead.") from None
    if not key:  # which anybody could give
        raise BridgeError(f"{path} is empty. Remove it: a new key is then made.")
    return key


def write_once(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, whole or not at all; one that is there already stays. Raises OSError."""
    if path.exists():
        return
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()
