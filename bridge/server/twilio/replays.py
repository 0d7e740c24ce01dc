"""A request that comes twice is answered the same, and acted on once.

Twilio repeats a webhook whose answer it did not get; somebody else may repeat one that they have seen. Both carry a
valid signature. Twilio marks its own repetitions with an idempotency token. That header is not signed, so what must
not happen twice is known by more than it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response

MAX_ANSWERS: Final = 4096
"""Answers that are kept, the latest; one has about a kilobyte."""

KEEP_SECONDS: Final = 3600.0
"""How long an answer is kept. Twilio repeats within a minute."""


class Replays:
    """Owner of the answers. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing has been answered."""
        self.replayed = 0
        self._clock = clock
        self._answers: OrderedDict[str, tuple[float, asyncio.Future[Response]]] = OrderedDict()

    async def once(self, names: list[str], answer: Callable[[], Awaitable[Response]]) -> Response:
        """The answer to the request that any of `names` stands for: made now, or the one that was made before.

        A repetition that overtakes the making waits for it. An answer that could not be made is not kept.
        """
        self._forget_old()
        before = next((self._answers[name][1] for name in names if name in self._answers), None)
        made = before or asyncio.get_running_loop().create_future()
        for name in names:
            self._answers.setdefault(name, (self._clock() + KEEP_SECONDS, made))
        if before:
            self.replayed += 1
            return await asyncio.shield(before)
        try:
            made.set_result(await answer())
        except BaseException as error:
            for name in names:
                self._answers.pop(name, None)
            if isinstance(error, asyncio.CancelledError):
                made.cancel()
            else:
                made.set_exception(error)
                made.exception()  # whoever waits is told; that nobody does is no fault
            raise
        return made.result()

    def _forget_old(self) -> None:
        now = self._clock()
        while self._answers:
            until, _ = next(iter(self._answers.values()))  # all are kept equally long: the oldest is first
            if until > now and len(self._answers) <= MAX_ANSWERS:
                return
            self._answers.popitem(last=False)
