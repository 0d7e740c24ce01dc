"""Finding calls by what was said in them.

The transcripts themselves are read, the newest first, and nothing is kept of what they say: an index of words would be
a second copy of callers' words, which every way of deletion would have to reach, and which other databases than SQLite
have none of. So a search is bounded work: it reads so many transcripts, says how many, and gives the place to go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bridge.server.journal import CALL_ID, JournalError, read_transcript
from bridge.server.rows import CallEntry
from bridge.server.store import CallStore
from bridge.server.wanted import Place, Wanted, is_number
from bridge.transcript.search import fold, holds, said, words_of

MOST_READ: Final = 500
"""Transcripts that one search reads: a tenth of a second on a core of its own, some tenths on a busy machine."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of transcripts that one search reads; one of an hour of lively talk has a million."""

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class CallPage:
    """Calls, the newest first, and the place where the next ones begin, if there may be more.

    `searched` is the number of transcripts that were read for it, none where none had to be. A page of a search may
    have fewer calls than were asked for, even none, and a place to go on from.
    """

    calls: Sequence[CallEntry]
    next: Place | None
    searched: int | None = None


def find_calls(
    store: CallStore, data_dir: Path, wanted: Wanted, query: str, after: Place | None, limit: int
) -> CallPage:
    """A page of the calls that are wanted and have what `query` looks for: a number, a call's id, or words. Blocks.

    Raises `StoreError`.
    """
    query = query.strip()
    if CALL_ID.fullmatch(query):
        return _listed(store, replace(wanted, call_id=query), after, limit)
    if is_number(query):
        return _listed(store, replace(wanted, number=query), after, limit)
    if not (words := words_of(query)):
        return _listed(store, wanted, after, limit)
    return _Search(store, data_dir, words).run(wanted, after, limit)


def _listed(store: CallStore, wanted: Wanted, after: Place | None, limit: int) -> CallPage:
    found = store.page(wanted, after, limit + 1)
    return CallPage(found[:limit], _place(found[limit - 1]) if len(found) > limit else None)


def _place(entry: CallEntry) -> Place:
    return Place(entry.started_at, entry.call_id)


class _Search:
    """One search: what it has found, and what it has read."""

    def __init__(self, store: CallStore, data_dir: Path, words: Sequence[str]) -> None:
        self._store, self._data_dir, self._words = store, data_dir, words
        self._read = self._bytes = 0

    def run(self, wanted: Wanted, place: Place | None, limit: int) -> CallPage:
        found: list[CallEntry] = []
        while True:
            batch = self._store.page(wanted, place, _BATCH)
            for entry in batch:
                place = _place(entry)
                if self._fits(entry):
                    found.append(entry)
                if len(found) == limit or self._read >= MOST_READ or self._bytes >= MOST_BYTES:
                    more = self._store.page(wanted, place, 1)
                    return CallPage(found, place if more else None, self._read)
            if len(batch) < _BATCH:
                return CallPage(found, None, self._read)

    def _fits(self, entry: CallEntry) -> bool:
        numbers = fold(f"{entry.from_number} {entry.to_number}")
        if holds(numbers, self._words) or entry.call_id.startswith(self._words[0]):
            return True
        self._read += 1
        try:
            self._bytes += (self._data_dir / entry.transcript).stat().st_size
            text = said(read_transcript(self._data_dir, entry.transcript).records)
        except (JournalError, OSError):  # deleted meanwhile, or moved away
            return False
        return holds(text, self._words)
