"""The server's own deleting of what has been kept for its time: an errand of some milliseconds each hour."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from bridge.server.erasure import BATCH, Erased, Keep, Plan, erase, expired
from bridge.server.store import CallStore, StoreError

log = logging.getLogger("bridge.retention")

PERIOD_SECONDS: Final = 3600.0
"""Time from one look at the clock to the next: a day of retention is a day and an hour at most."""

PAUSE_SECONDS: Final = 1.0
"""Between two batches, so that a long absence is made up for without keeping the disk from the calls."""


class Retention:
    """Deletes calls and recordings after their days. Owner: the server."""

    def __init__(
        self,
        store: CallStore,
        data_dir: Path,
        keep: Keep,
        utc_now: Callable[[], datetime],
        also: Callable[[Collection[str]], object] = lambda call_ids: None,
    ) -> None:
        """See `bridge.server.erasure.erase` for `also`."""
        self._store, self._data_dir, self._keep, self._utc_now, self._also = store, data_dir, keep, utc_now, also
        self._failed: frozenset[str] = frozenset()
        self.calls = 0
        self.recordings = 0

    async def run(self) -> None:
        """Look each hour until cancelled."""
        while not self._keep.forever:
            more = False
            try:
                more = await asyncio.to_thread(self.batch)
            except StoreError as error:
                log.error("nothing expires now, and it is tried again in an hour: %s", error)
            await asyncio.sleep(PAUSE_SECONDS if more else PERIOD_SECONDS)

    def batch(self) -> bool:
        """Delete some of what has expired; whether there is more that can be. Blocks. Raises `StoreError`."""
        limit = BATCH + len(self._failed)
        plan = expired(self._store, self._data_dir, self._keep, self._utc_now(), limit)
        part = self._part(plan)
        if part.empty:
            self._failed = frozenset()  # in an hour the disk may let go of them
            return False
        erased = erase(part, self._store, self._data_dir, self._also)
        self._store.compact()
        self._note(part, erased)
        return True

    def _part(self, plan: Plan) -> Plan:
        """A batch of each, without those that could not be deleted a moment ago."""
        return replace(
            plan,
            calls=[entry for entry in plan.calls if entry.call_id not in self._failed][:BATCH],
            recordings=[entry for entry in plan.recordings if entry.call_id not in self._failed][:BATCH],
            strays=[name for name in plan.strays if name not in self._failed][:BATCH],
        )

    def _note(self, part: Plan, erased: Erased) -> None:
        self.calls += erased.calls
        self.recordings += erased.recordings
        log.info("expired: %d calls, %d recordings alone, %d bytes", erased.calls, erased.recordings, erased.bytes)
        if erased.failures:
            log.error("some of what has expired could not be deleted:\n%s", "\n".join(erased.failures))
            tried = {entry.call_id for entry in (*part.calls, *part.recordings)}
            self._failed |= tried | set(part.strays)
