"""Deleting calls for good: after their time, or because a person asks for it.

What goes is looked up in the index or found in the folders of days, and never made into a path. Files go first and the
row last: a deletion that is cut short is finished by the next one. A call in progress is left alone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from bridge.server.journal import RECORDING, TRANSCRIPT, being_written
from bridge.server.pseudonym import Pseudonyms, number_forms
from bridge.server.rows import CallEntry
from bridge.server.store import CallStore
from bridge.transcript.redact import mask

BATCH: Final = 200
"""Calls that are deleted at a time, so that neither the disk nor the index is busy for long."""

SETTLING_SECONDS: Final = 10.0
"""A file that was written to so recently may belong to a call that is being put away."""


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days transcripts and recordings are kept; none: for ever. No recording outlives its transcript."""

    transcripts: int | None = None
    recordings: int | None = None

    @property
    def forever(self) -> bool:
        """Nothing ever expires."""
        return self.transcripts is None and self.recordings is None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be deleted: whole calls, recordings alone, and files (by name) that no call of the index has.

    `live` are calls that are in progress and therefore stay; `perhaps` those whose masked number may be the one that
    was asked for.
    """

    calls: Sequence[CallEntry] = ()
    recordings: Sequence[CallEntry] = ()
    strays: Sequence[str] = ()
    live: Sequence[CallEntry] = ()
    perhaps: Sequence[CallEntry] = ()

    @property
    def empty(self) -> bool:
        """There is nothing to delete."""
        return not (self.calls or self.recordings or self.strays)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted; `failures` are files that could not be, in words."""

    calls: int = 0
    recordings: int = 0
    files: int = 0
    bytes: int = 0
    failures: tuple[str, ...] = ()


def expired(store: CallStore, data_dir: Path, keep: Keep, now: datetime, limit: int | None = None) -> Plan:
    """What has been kept for its time, `limit` of each kind at most. A call's time begins when the call does."""
    calls: list[CallEntry] = []
    live: list[CallEntry] = []
    since = None
    if keep.transcripts is not None:
        since = now - timedelta(days=keep.transcripts)
        for entry in store.begun_before(since, limit=limit):
            (live if in_progress(data_dir, entry) else calls).append(entry)
    recordings: list[CallEntry] = []
    if keep.recordings is not None:
        before = now - timedelta(days=keep.recordings)
        old = store.begun_before(before, since=since, recorded=True, limit=limit)
        recordings = [entry for entry in old if not in_progress(data_dir, entry)]
    return Plan(calls, recordings, list(islice(_strays(store, data_dir, keep, now), limit)), live)


def of_person(
    store: CallStore, data_dir: Path, number: str, pseudonyms: Pseudonyms | None, *, perhaps: bool = False
) -> Plan:
    """All calls of the person at `number`.

    Masked numbers are found by their key. Those of transcripts that have none are `perhaps`: their last two digits are
    the same; with `perhaps` they are taken for the person's.
    """
    forms = number_forms(number)
    keys = [pseudonyms(number)] if pseudonyms else []
    found = list(store.of_person(forms, keys))
    sure = {entry.call_id for entry in found} | store.keyed()
    masks = [masked for form in forms if (masked := mask(form)) != form]
    alike = [entry for entry in store.of_person(masks, ()) if entry.call_id not in sure]
    if perhaps:
        found, alike = found + alike, []
    live = [entry for entry in found if in_progress(data_dir, entry)]
    return Plan([entry for entry in found if entry not in live], live=live, perhaps=alike)


def erase(
    plan: Plan,
    store: CallStore,
    data_dir: Path,
    also: Callable[[Collection[str]], object] = lambda call_ids: None,
    on_batch: Callable[[int], None] = lambda calls: None,
) -> Erased:
    """Delete what the plan names. Raises `StoreError` if the index refuses.

    `also` deletes what others keep of calls, by their ids; `on_batch` is told how many calls are done.
    """
    eraser = _Eraser(data_dir)
    done = _whole_calls(plan, store, eraser, also, on_batch)
    recordings = [entry for entry in plan.recordings if eraser.delete(entry.recording, RECORDING)]
    for at in range(0, len(recordings), BATCH):
        store.remove_recordings([entry.call_id for entry in recordings[at : at + BATCH]])
    for name in plan.strays:
        eraser.delete(name, RECORDING if name.endswith(".wav") else TRANSCRIPT)
    eraser.settle()
    return Erased(done, len(recordings), eraser.files, eraser.bytes, tuple(eraser.failures))


def _whole_calls(
    plan: Plan,
    store: CallStore,
    eraser: _Eraser,
    also: Callable[[Collection[str]], object],
    on_batch: Callable[[int], None],
) -> int:
    done = 0
    for at in range(0, len(plan.calls), BATCH):
        gone = [
            entry.call_id
            for entry in plan.calls[at : at + BATCH]
            if eraser.delete(entry.recording, RECORDING) and eraser.delete(entry.transcript, TRANSCRIPT)
        ]
        also(gone)
        store.remove(gone)
        done += len(gone)
        on_batch(done)
    return done


def in_progress(data_dir: Path, entry: CallEntry) -> bool:
    """Whether a call is going on, or is just being put away."""
    if entry.ended_how is not None or not TRANSCRIPT.fullmatch(entry.transcript):
        return False
    if being_written(data_dir, entry.transcript):
        return True
    try:
        written = (data_dir / entry.transcript).stat().st_mtime
    except OSError:
        return False
    return time.time() - written < SETTLING_SECONDS


def _strays(store: CallStore, data_dir: Path, keep: Keep, now: datetime) -> Iterator[str]:
    """Files in the folders of days long past that belong to no call: of unreadable transcripts, of deletions cut short.

    Their day is over, so that no call of it can still be on its way into the index.
    """
    if keep.forever:
        return
    limits = [days for days in (keep.transcripts, keep.recordings) if days is not None]
    for form, days in ((TRANSCRIPT, keep.transcripts), (RECORDING, min(limits))):
        if days is None:
            continue
        before = (now - timedelta(days=days + 1)).date().isoformat()
        for folder in sorted((data_dir / "calls").glob("*")):
            if folder.name < before:
                names = [path.relative_to(data_dir).as_posix() for path in sorted(folder.glob("*"))]
                ours = [name for name in names if form.fullmatch(name)]
                known = store.known_files([Path(name).stem for name in ours])
                yield from (name for name in ours if name not in known)


class _Eraser:
    """Deletes files below DATA_DIR and counts them."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._folders: set[Path] = set()
        self.files = self.bytes = 0
        self.failures: list[str] = []

    def delete(self, name: str | None, form: re.Pattern[str]) -> bool:
        """Delete a file of this name if it has the form of one of ours. False if it is still there."""
        if name is None:
            return True
        if not form.fullmatch(name):
            self.failures.append(f"{name!r} is no file of ours; the index was edited by hand")
            return False
        path = self._data_dir / name
        try:
            size = path.lstat().st_size
            path.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            self.failures.append(f"{path} cannot be deleted: {error.strerror}")
            return False
        self._folders.add(path.parent)
        self.files += 1
        self.bytes += size
        return True

    def settle(self) -> None:
        """Have the deletions survive a power cut; drop folders of days of which nothing is left."""
        for folder in self._folders:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            with suppress(OSError):  # something else is in it
                folder.rmdir()
