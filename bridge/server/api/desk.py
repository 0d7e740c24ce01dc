"""Work of requests that would hold up the event loop: in threads of their own, a bounded number of it waiting.

The threads that write calls down are others. One thread does what is pure Python, such as checking a persona: two would
keep the interpreter from the calls for twice as long.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from fastapi import HTTPException

T = TypeVar("T")

MAX_WAITING: Final = 32
"""Requests at a desk; a further one is answered 503."""


class Desk:
    """Owner of some threads for requests."""

    def __init__(self, name: str, threads: int = 1, most: int = MAX_WAITING) -> None:
        """Threads begin with the first work. `most` is how much may be under way or waiting."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(most)
        self.refused = 0

    async def do(self, work: Callable[..., T], *args: Any) -> T:
        """Do it in a thread. HTTPException 503 where too much waits already; what `work` raises is raised here."""
        if not self._places.acquire(blocking=False):
            self.refused += 1
            raise HTTPException(
                503, "too many requests of this kind at once; try again in a moment", {"Retry-After": "1"}
            )
        future = self._pool.submit(work, *args)
        future.add_done_callback(lambda _: self._places.release())  # also of work for somebody who has gone
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """No more work; what is under way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
