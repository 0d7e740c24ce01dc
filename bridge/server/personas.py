"""The personas on duty: read from their folder, routed by number, picked up again when their files change.

A changed file is noticed before the next call is answered and, between calls, each second. A version that cannot be
used is reported and the one before it stays on duty. Calls in progress keep the version they began with.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.facts.errors import PersonaError
from bridge.persona.load import MAX_BYTES, parse
from bridge.persona.schema import Persona

log = logging.getLogger("bridge.personas")

POLL_SECONDS: Final = 1.0

Prepare = Callable[[str, Persona], Awaitable[str]]
"""Has the engine prepare a persona under a key; gives the words of what prevents it, or nothing."""

Stamp = tuple[int, int, int]
"""Time of change, size and inode: two versions written within one tick of the file system's clock are two files."""


@dataclass(frozen=True, slots=True)
class OnDuty:
    """A version of a persona that calls may begin with, and the key under which the engine knows it.

    `calling` is the same for calls that the persona places, if it places any.
    """

    persona: Persona
    key: str
    calling: OnDuty | None = None


class PersonaBook:
    """Owner of the current versions. `refresh` is cheap while nothing has changed."""

    def __init__(self, folder: Path, prepare: Prepare, forget: Callable[[str], None]) -> None:
        """Nothing is on duty before the first `refresh`; `read` says that it is over."""
        self.folder = folder
        self.problems: dict[str, str] = {}
        self.read = False
        self._prepare, self._forget = prepare, forget
        self._on_duty: dict[str, OnDuty] = {}
        self._seen: dict[str, Stamp] = {}
        self._refreshing = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the personas on duty, in order."""
        return sorted(self._on_duty)

    def by_name(self, name: str) -> OnDuty | None:
        """The persona called `name`, looked up and never made into a path."""
        return self._on_duty.get(name)

    def by_number(self, number: str) -> OnDuty | None:
        """The persona that lists `number`."""
        return next((duty for duty in self._on_duty.values() if number in duty.persona.numbers), None)

    async def refresh(self) -> None:
        """Take up what has changed in the folder since the last time."""
        async with self._refreshing:
            files = _stamps(self.folder)
            if files == self._seen:
                self.read = True  # an empty folder has been read as well
                return
            changed = [name for name, stamp in files.items() if self._seen.get(name) != stamp]
            gone = [name for name in self._seen if name not in files]
            self._seen = files
            for name in gone:
                self._retire(name)
            for name in changed:
                await self._take_up(name)
            self.read = True

    async def watch(self) -> None:
        """Refresh each second until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    async def _take_up(self, name: str) -> None:
        try:
            persona = await asyncio.to_thread(_read, self.folder / f"{name}.yaml", name)
            self._refuse_shared_numbers(persona)
        except (PersonaError, OSError) as error:
            self._report(name, str(error))
            return
        text = persona.model_dump_json()
        key = f"{name}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        before = self._on_duty.get(name)
        if before and before.key == key:
            self.problems.pop(name, None)
            return
        if problem := await self._prepare(key, persona):
            self._report(name, problem)
            return
        calling = None
        if out := persona.calling():
            calling = OnDuty(out, f"{key}:out")
            if problem := await self._prepare(calling.key, out):
                self._report(name, problem)
                return
        self._on_duty[name] = OnDuty(persona, key, calling)
        self.problems.pop(name, None)
        if before:
            self._drop(before)
        log.info("persona %s: %s", name, "the new version answers from the next call on" if before else "on duty")

    def _refuse_shared_numbers(self, persona: Persona) -> None:
        for duty in self._on_duty.values():
            if duty.persona.name != persona.name and (shared := set(duty.persona.numbers) & set(persona.numbers)):
                raise PersonaError(f"numbers: {', '.join(sorted(shared))} is answered by {duty.persona.name} already")

    def _drop(self, duty: OnDuty) -> None:
        self._forget(duty.key)
        if duty.calling:
            self._forget(duty.calling.key)

    def _report(self, name: str, problem: str) -> None:
        self.problems[name] = problem
        kept = "the version before it stays on duty" if name in self._on_duty else "it does not answer calls"
        log.error("persona %s cannot be used; %s:\n%s", name, kept, problem)

    def _retire(self, name: str) -> None:
        self.problems.pop(name, None)
        if duty := self._on_duty.pop(name, None):
            self._drop(duty)
            log.info("persona %s: its file is gone; it answers no more calls", name)


def _stamps(folder: Path) -> dict[str, Stamp]:
    """What tells the versions of each persona file apart, by the file's name without its ending."""
    stamps = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            status = path.stat()
        except OSError:  # removed between the listing and the look, or a link to nowhere
            continue
        if not stat.S_ISREG(status.st_mode):  # nobody may ever write into a pipe
            continue
        stamps[path.stem] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return stamps


def _read(path: Path, name: str) -> Persona:
    """A file's persona. It takes 30 ms, and the longest files half a second: not for the event loop."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PersonaError(f"{path.name}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    return parse(text, name)
