"""How many requests one key may send, and how many wrong keys one address may try.

The counting is the library's `limits`, over a sliding window. Addresses fall into a fixed number of groups, so that a
flood from many of them cannot fill memory.
"""

from __future__ import annotations

import ipaddress
import math
import secrets
import time
import zlib
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

GROUPS: Final = 4096
"""Groups of addresses; which addresses share one differs from process to process."""


class Pace:
    """Owner of the counters, which belong to one event loop."""

    def __init__(self, per_key: str | None, wrong_per_address: str | None) -> None:
        """Limits such as `1200/minute`; None is no limit. Raises `ValueError` for other texts."""
        self.refused = 0
        self._per_key = _Limit(per_key)
        self._wrong = _Limit(wrong_per_address)
        self._salt = secrets.token_bytes(8)

    async def take(self, key_id: str) -> float:
        """Count a request of a key: 0, or the seconds to wait, which is then not counted."""
        return self._told(await self._per_key.take(key_id))

    async def wait_of(self, address: str) -> float:
        """Seconds for which no key is taken from an address; 0 where it has not tried too many wrong ones."""
        return self._told(await self._wrong.wait(self._group(address)))

    async def wrong(self, address: str) -> None:
        """Count a wrong key."""
        await self._wrong.take(self._group(address))

    def _told(self, seconds: float) -> float:
        self.refused += seconds > 0
        return seconds

    def _group(self, address: str) -> str:
        """Whoever has one address of IPv6 has the 2⁶⁴ beside it."""
        try:
            ip = ipaddress.ip_address(address)
            packed = ip.packed if ip.version == 4 else ip.packed[:8]
        except ValueError:
            packed = address.encode()
        return str(zlib.crc32(self._salt + packed) % GROUPS)


class _Limit:
    """One limit, for many who are counted one by one."""

    def __init__(self, text: str | None) -> None:
        self._item: RateLimitItem | None = parse(text) if text else None
        self._counters = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def take(self, who: str) -> float:
        if self._item is None or await self._counters.hit(self._item, who):
            return 0.0
        return await self._seconds(self._item, who)

    async def wait(self, who: str) -> float:
        if self._item is None or await self._counters.test(self._item, who):
            return 0.0
        return await self._seconds(self._item, who)

    async def _seconds(self, item: RateLimitItem, who: str) -> float:
        stats = await self._counters.get_window_stats(item, who)
        return float(max(1, math.ceil(stats.reset_time - time.time())))
