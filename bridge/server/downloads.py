"""Downloading the model while calls go on: in a process of its own, one at a time, watched by anybody."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from bridge.facts.errors import BridgeError
from bridge.hub.errand import sizes_of
from bridge.server.errands import ErrandError, errand

log = logging.getLogger("bridge.models")

State = Literal["downloading", "checking", "done", "failed", "stopped"]
OVER: Final[frozenset[State]] = frozenset({"done", "failed", "stopped"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is.

    `have` of `total` bytes are done of what is being done with `file`; of all files `all_have` of `all_total` are
    there. Nothing has moved for `idle_seconds`. Where it failed, `error` is the kind of reason (`hub.errors.Kind`), and
    `advice` says what was wrong and what to do.
    """

    state: State
    file: str = ""
    have: int = 0
    total: int = 0
    all_have: int = 0
    all_total: int = 0
    idle_seconds: float = 0.0
    error: str | None = None
    advice: str | None = None


class BusyError(BridgeError):
    """A download is going on already."""


class Downloads:
    """Owner of the one download there can be, and of what became of the last one."""

    def __init__(self, directory: Path, token: str | None, clock: Callable[[], float]) -> None:
        """Into `directory`; `clock` gives seconds."""
        self._directory, self._token, self._clock = directory, token, clock
        self._task: asyncio.Task[None] | None = None
        self._progress: Progress | None = None
        self._files: dict[str, tuple[int, int]] = {}  # bytes that are there, and those expected
        self._moved_at = 0.0
        self._changed = asyncio.Event()

    @property
    def progress(self) -> Progress | None:
        """How far it is; None where none has been begun since the server started."""
        if self._progress is None or self._progress.state in OVER:
            return self._progress
        return replace(self._progress, idle_seconds=round(self._clock() - self._moved_at, 1))

    @property
    def busy(self) -> bool:
        """Whether a download is going on."""
        return self._task is not None and not self._task.done()

    async def begin(self) -> Progress:
        """Start, or go on where an earlier one was stopped. Raises `BusyError`; `HubError` for a damaged manifest."""
        sizes = await asyncio.to_thread(sizes_of, self._directory)
        if self.busy:
            raise BusyError("the model is being downloaded already; watch that download, or stop it")
        self._files = sizes
        self._set(Progress("downloading"))
        self._task = asyncio.create_task(self._run())
        assert self._progress is not None
        return self._progress

    async def stop(self) -> bool:
        """Stop it, if it goes on; what has arrived is kept. Whether there was something to stop."""
        if self._task is None or self._task.done():
            return False
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        return True

    async def follow(self, every: float = 0.25, silence: float = 15.0) -> AsyncIterator[Progress | None]:
        """The state now, then each change (of several within `every` seconds the last), to the end of the download.

        None after `silence` seconds without a change.
        """
        while True:
            changed, progress = self._changed, self.progress
            if progress is None:
                return
            yield progress
            if progress.state in OVER:
                return
            while not changed.is_set():
                try:
                    async with asyncio.timeout(silence):
                        await changed.wait()
                except TimeoutError:
                    yield None
            if self.busy:
                await asyncio.sleep(every)

    async def _run(self) -> None:
        log.info("downloading the model to %s", self._directory)
        try:
            order = {"directory": str(self._directory), "token": self._token}
            await errand("bridge.hub.errand", order, self._told)
        except ErrandError as error:
            log.warning("the download of the model has failed: %s", error)
            self._end("failed", error.kind, str(error))
        except asyncio.CancelledError:
            self._end("stopped")
            raise
        except Exception:
            log.exception("the download of the model has failed")
            self._end("failed", "other", "an error of the bridge; its log has the details")
        else:
            log.info("the model is downloaded")
            self._end("done")

    def _told(self, message: dict[str, object]) -> None:
        state, file, have, total = (message[key] for key in ("state", "file", "have", "total"))
        assert isinstance(file, str) and isinstance(have, int) and isinstance(total, int)
        if isinstance(sizes := message.get("sizes"), dict):
            self._files = {name: (there, expected) for name, (there, expected) in sizes.items()}
        if state == "downloading" and file in self._files:  # those that are not needed do not count
            self._files[file] = have, total
        self._set(Progress("checking" if state == "checking" else "downloading", file, have, total))

    def _end(self, state: State, error: str | None = None, advice: str | None = None) -> None:
        before = self._progress or Progress(state)
        self._set(replace(before, state=state, error=error, advice=advice, idle_seconds=0.0))

    def _set(self, progress: Progress) -> None:
        have, total = (sum(column) for column in zip(*self._files.values(), strict=True))
        self._progress = replace(progress, all_have=have, all_total=total)
        self._moved_at = self._clock()
        self._changed.set()
        self._changed = asyncio.Event()
