"""When each letter is tried, and when it is given up."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from bridge.server.webhooks.delivery import Attempt
from bridge.server.webhooks.outbox import Letter, Outbox

log = logging.getLogger("bridge.webhooks")

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 4 * 3600.0
MAX_ATTEMPTS: Final = 16
"""Pauses of 5 s, 10 s, 20 s … 4 h, each shortened at random by up to a half: a letter is given up after 9 to 18 h."""

AT_ONCE: Final = 4
"""Attempts at the same time. A receiver that hangs keeps so many waiting, and no call."""

ROUND: Final = 40
"""Letters between two looks at the folder."""

LOOK_SECONDS: Final = 2.0
"""How often the folder is looked at for what `callbridge webhook resend` has put there."""


@dataclass(slots=True)
class DispatchCounters:
    """Since the start of the process."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


def pause_after(attempts: int, chance: random.Random) -> float:
    """Seconds until the next attempt, after so many that failed."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempts - 1))
    return longest * chance.uniform(0.5, 1.0)


class Dispatcher:
    """Owner of the queue's delivery. Of several servers with one DATA_DIR one delivers, and another when it ends."""

    def __init__(
        self,
        outbox: Outbox,
        attempt: Callable[[Letter], Awaitable[Attempt]],
        clock: Callable[[], float],
        chance: random.Random,
    ) -> None:
        """`clock` gives seconds since 1970, because it must go on counting over a restart."""
        self.counters = DispatchCounters()
        self._outbox, self._attempt, self._clock, self._chance = outbox, attempt, clock, chance
        self._due: dict[str, float] = {}  # name to the earliest time of its next attempt
        self._seen = -1
        self._held: set[str] = set()
        self._news = asyncio.Event()
        self._lock: int | None = None
        self._refusing = False

    def hold(self, name: str) -> None:
        """Do not send this letter yet: something is still to be added to it."""
        self._held.add(name)

    def release(self, name: str) -> None:
        """There is a new letter, or one that was held is complete."""
        self._held.discard(name)
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        await asyncio.to_thread(self._outbox.tidy)
        try:
            while True:
                self._news.clear()
                wait = await self.deliver_due()
                try:
                    async with asyncio.timeout(wait):
                        await self._news.wait()
                except TimeoutError:
                    pass
        finally:
            self.stop()

    def stop(self) -> None:
        """Let another server deliver."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def deliver_due(self) -> float:
        """Try every letter whose time has come, a round of them; seconds after which to look again."""
        try:
            due = self._ready() if await asyncio.to_thread(self._refresh) else []
        except OSError as error:
            self._complain(error)
            return LOOK_SECONDS
        self._complain(None)
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for name in due[:ROUND]:
                group.create_task(self._try(name, places))
        return 0.0 if len(due) > ROUND else LOOK_SECONDS

    def _ready(self) -> list[str]:
        """The letters whose time has come, the oldest first."""
        now = self._clock()
        return sorted(name for name, at in self._due.items() if at <= now and name not in self._held)

    def _refresh(self) -> bool:
        """Take notice of letters that others have put into the queue, or taken from it; whether we deliver."""
        if not self._claim():
            return False
        stamp = self._outbox.queue.stat().st_mtime_ns
        if stamp != self._seen:
            self._seen = stamp
            names = self._outbox.waiting()
            self._outbox.counters.waiting = len(names)
            known, self._due = self._due, {}
            for name in names:
                letter = None if name in known else self._outbox.read(self._outbox.queue, name)
                if name in known or letter:
                    self._due[name] = letter.not_before if letter else known[name]
        return True

    def _claim(self) -> bool:
        """Be the one that delivers, if nobody else is."""
        if self._lock is not None:
            return True
        self._outbox.queue.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._outbox.queue.parent / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._lock = fd
        return True

    async def _try(self, name: str, places: asyncio.Semaphore) -> None:
        async with places:
            letter = await asyncio.to_thread(self._outbox.read, self._outbox.queue, name)
            if letter is None:
                self._due.pop(name, None)
                return
            attempt = await self._attempt(letter)
            try:
                await (self._failed(letter, attempt) if attempt.error else self._taken(letter))
            except OSError as error:  # what is known of the attempt is known to this process alone
                self._complain(error)

    async def _taken(self, letter: Letter) -> None:
        self.counters.delivered += 1
        self._due.pop(letter.name, None)
        await asyncio.to_thread(self._outbox.remove, letter)

    async def _failed(self, letter: Letter, attempt: Attempt) -> None:
        self.counters.failed += 1
        attempts = letter.attempts + 1
        letter = msgspec.structs.replace(letter, attempts=attempts, last_error=attempt.error)
        if attempts >= MAX_ATTEMPTS:
            self.counters.given_up += 1
            self._due.pop(letter.name, None)
            log.error("webhook %s is given up after %d attempts: %s", letter.id, attempts, attempt.error)
            await asyncio.to_thread(self._outbox.bury, letter)
            return
        pause = max(pause_after(attempts, self._chance), attempt.retry_after)
        log.warning("webhook %s: attempt %d failed: %s; again in %.0f s", letter.id, attempts, attempt.error, pause)
        letter = msgspec.structs.replace(letter, not_before=self._clock() + pause)
        self._due[letter.name] = letter.not_before
        await asyncio.to_thread(self._outbox.save, letter)

    def _complain(self, error: BaseException | None) -> None:
        """Say once that the disk refuses, and once that it takes again."""
        if error is not None and not self._refusing:
            log.error("webhooks wait: %s cannot be used: %s", self._outbox.queue, error)
        if error is None and self._refusing:
            log.warning("webhooks are sent again")
        self._refusing = error is not None
