"""What has been made ready for calls of their own kind: kept until such a call is seated, and for few of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Once(Generic[Value]):
    """Up to `most` values, each of which is taken once. For any thread.

    Two calls may want the same, so that a key may have several values.
    """

    def __init__(self, most: int) -> None:
        """Nothing is kept."""
        self._kept: deque[tuple[Hashable, Value]] = deque(maxlen=most)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def values(self) -> list[Value]:
        """All that are kept, oldest first."""
        with self._lock:
            return [value for _, value in self._kept]

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value; the oldest one makes room."""
        with self._lock:
            self._kept.append((key, value))

    def take(self, key: Hashable) -> Value | None:
        """The oldest value of `key`, which is kept no longer; None if there is none, or it has made room."""
        with self._lock:
            for place, (kept, value) in enumerate(self._kept):
                if kept == key:
                    del self._kept[place]
                    return value
        return None
