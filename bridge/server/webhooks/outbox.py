"""The queue of webhooks: one file each, so that they survive a restart and a crash.

    DATA_DIR/webhooks/queue/<id>.<call id>.json    what is still to be sent
    DATA_DIR/webhooks/dead/<id>.<call id>.json     what nobody took, to be sent again by `callbridge webhook resend`

Both are bounded: what finds the queue full is a dead letter at once, and of dead letters the oldest are deleted. Names
are found in these folders and never made from what somebody asks for. All functions block and belong in a thread.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.server.journal import CALL_ID

log = logging.getLogger("bridge.webhooks")

MAX_WAITING: Final = 10_000
"""Events in the queue: some days of calls."""

MAX_DEAD: Final = 10_000

FULL: Final = "the queue was full"

_ID: Final = r"[0-9]{13}-[0-9a-f]{16}"
_NAME: Final = re.compile(rf"({_ID})\.({CALL_ID.pattern}|test)\.json")


class Letter(msgspec.Struct, frozen=True):
    """One event on its way. `body` is what is sent; `not_before` seconds since 1970; `last_error` is in our words."""

    id: str
    event: str
    call_id: str
    body: dict[str, Any]
    attempts: int = 0
    not_before: float = 0.0
    last_error: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.id}.{self.call_id}.json"

    @property
    def payload(self) -> bytes:
        """The bytes of the request's body, the same at every attempt."""
        return msgspec.json.encode(self.body)


@dataclass(slots=True)
class OutboxCounters:
    """`waiting` and `dead` are gauges as of the last look."""

    waiting: int = 0
    dead: int = 0
    overflowed: int = 0
    dead_dropped: int = 0


def new_id(now: float) -> str:
    """An event's id, by which a receiver knows it again: milliseconds since 1970, so that ids sort by time."""
    return f"{int(now * 1000):013d}-{secrets.token_hex(8)}"


class Outbox:
    """The two folders. May be used by several threads, and by `callbridge webhook` beside a server."""

    def __init__(self, data_dir: Path) -> None:
        """Folders are made when they are needed."""
        self.queue = data_dir / "webhooks" / "queue"
        self.dead = data_dir / "webhooks" / "dead"
        self.counters = OutboxCounters()
        self._lock = threading.Lock()

    def tidy(self) -> None:
        """Remove what a crash has left half written, and count the rest."""
        for folder in (self.queue, self.dead):
            for path in folder.glob(".*.part"):
                path.unlink(missing_ok=True)
        with self._lock:
            self.counters.waiting, self.counters.dead = len(self.waiting()), len(self.dead_letters())

    def put(self, letter: Letter) -> bool:
        """Keep a new letter; false if the queue is full, and the letter a dead one. Raises `OSError`."""
        with self._lock:
            full = self.counters.waiting >= MAX_WAITING
            self.counters.waiting += not full
        if full:
            self.counters.overflowed += 1
            self.bury(msgspec.structs.replace(letter, last_error=FULL))
            return False
        _write(self.queue, letter)
        return True

    def save(self, letter: Letter) -> None:
        """Write a letter of the queue anew; one that has been deleted meanwhile stays so."""
        if (self.queue / letter.name).exists():
            _write(self.queue, letter)

    def remove(self, letter: Letter) -> None:
        """The letter has been taken."""
        (self.queue / letter.name).unlink(missing_ok=True)
        with self._lock:
            self.counters.waiting = max(0, self.counters.waiting - 1)

    def bury(self, letter: Letter) -> None:
        """The letter is given up."""
        _write(self.dead, letter)
        self._bound_dead()
        if (self.queue / letter.name).exists():
            self.remove(letter)

    def revive(self, letter: Letter) -> None:
        """Put a dead letter into the queue again, as if it were new."""
        _write(self.queue, msgspec.structs.replace(letter, attempts=0, not_before=0.0, last_error=""))
        (self.dead / letter.name).unlink(missing_ok=True)

    def forget(self, call_ids: Collection[str]) -> int:
        """Delete what is kept of these calls; the number of letters."""
        gone = 0
        for folder in (self.queue, self.dead):
            for name in _names(folder):
                found = _NAME.fullmatch(name)
                if found and found[2] in call_ids:
                    (folder / name).unlink(missing_ok=True)
                    gone += 1
        self.tidy()
        return gone

    def waiting(self) -> list[str]:
        """The names of the letters in the queue, the oldest first."""
        return _names(self.queue)

    def dead_letters(self) -> list[str]:
        """The names of the dead letters, the oldest first."""
        return _names(self.dead)

    def read(self, folder: Path, name: str) -> Letter | None:
        """A letter of one of the two folders; none where it is gone, or no letter."""
        try:
            return _decoder.decode((folder / name).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.error("%s cannot be read: %s. Delete it or put it right.", folder / name, type(error).__name__)
            return None

    def letters(self, folder: Path) -> Iterator[Letter]:
        """All letters of a folder, the oldest first."""
        found = (self.read(folder, name) for name in _names(folder))
        return (letter for letter in found if letter)

    def _bound_dead(self) -> None:
        names = self.dead_letters()
        for name in names[: max(0, len(names) - MAX_DEAD)]:
            (self.dead / name).unlink(missing_ok=True)
            self.counters.dead_dropped += 1
            log.error("the oldest dead letter was deleted: there are more than %d", MAX_DEAD)
        self.counters.dead = min(len(names), MAX_DEAD)


_decoder = msgspec.json.Decoder(Letter)


def _names(folder: Path) -> list[str]:
    try:
        found = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(name for name in found if _NAME.fullmatch(name))


def _write(folder: Path, letter: Letter) -> None:
    """Write whole or not at all, readable by its owner alone: it tells who called."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".{letter.name}.part"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(letter))
        file.flush()
        os.fsync(fd)
    part.replace(folder / letter.name)
