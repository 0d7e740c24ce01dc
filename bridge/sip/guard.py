"""Who has tried too many passwords: told from the lines of Asterisk's security log. No clock, no file."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from typing import Final

MAX_FAILURES: Final = 8
"""Failures of one address within `WINDOW_SECONDS`: a person who mistypes a password stays below, a scanner does not."""

WINDOW_SECONDS: Final = 300.0
BAN_SECONDS: Final = 3600.0
MAX_ADDRESSES: Final = 10_000
"""Addresses remembered; those that failed longest ago are forgotten beyond it."""

FAILURES: Final = ("InvalidPassword", "ChallengeResponseFailed", "InvalidAccountID")
"""Security events of Asterisk that a guessing stranger causes."""

_LINE: Final = re.compile(r'SecurityEvent="(\w+)".*?RemoteAddress="IPV[46]/\w+/([0-9A-Fa-f.:]{2,45})/\d+"')


class Guard:
    """Counts failures by address. Addresses of trunks are spared: a forged packet must not shut out the carrier."""

    def __init__(self, spared: frozenset[str] = frozenset()) -> None:
        """Nobody is banned."""
        self._spared = spared
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._banned: dict[str, float] = {}

    @property
    def banned(self) -> list[str]:
        """The addresses that are kept out, in order."""
        return sorted(self._banned)

    def note(self, line: str, now: float) -> str | None:
        """Take a line of the log at `now` (seconds); the address, if it is banned from now on."""
        found = _LINE.search(line)
        if not found or found[1] not in FAILURES:
            return None
        address = found[2]
        if address in self._spared or address in self._banned:
            return None
        failures = self._failures.setdefault(address, deque(maxlen=MAX_FAILURES))
        self._failures.move_to_end(address)
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        failures.append(now)
        if len(failures) < MAX_FAILURES or now - failures[0] > WINDOW_SECONDS:
            return None
        del self._failures[address]
        self._banned[address] = now + BAN_SECONDS
        return address

    def release(self, now: float) -> list[str]:
        """The addresses whose time is over at `now`; they may come again."""
        over = [address for address, until in self._banned.items() if until <= now]
        for address in over:
            del self._banned[address]
        return over

    def rules(self) -> str:
        """The lines of Asterisk's access list that keep the banned out."""
        return "".join(f"deny = {address}\n" for address in self.banned)
