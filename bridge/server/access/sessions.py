"""Sessions of the console in a browser, and the links by which one begins.

Neither survives the process. What a session may do is looked up with each request by the key that it was begun with, so
that it ends with its key. Only hashes are held: finding one by its hash takes no longer for a good guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

IDLE_SECONDS: Final = 12 * 3600.0
"""A session that is not used for so long ends."""

LONGEST_SECONDS: Final = 7 * 86_400.0
"""No session lasts longer, however busy."""

LINK_SECONDS: Final = 120.0
"""How long a link works, once."""

MAX_SESSIONS: Final = 256
"""Sessions at once; the one that was not used for the longest time makes room."""

MAX_LINKS: Final = 16
"""Links that may be outstanding; the oldest makes room."""


@dataclass(frozen=True, slots=True)
class Session:
    """Whose key it was begun with; when it was begun and last used, in seconds of the clock."""

    key_id: str
    began: float
    used: float


class Sessions:
    """Owner of the sessions. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """None is open."""
        self._clock = clock
        self._sessions: dict[bytes, Session] = {}
        self._links: dict[bytes, tuple[float, str]] = {}

    def __len__(self) -> int:
        """Sessions that are open."""
        self._expire()
        return len(self._sessions)

    def begin(self, key_id: str) -> str:
        """The secret of a new session."""
        self._expire()
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        secret, now = secrets.token_urlsafe(32), self._clock()
        self._sessions[_hash(secret)] = Session(key_id, now, now)
        return secret

    def key_of(self, secret: str) -> str | None:
        """The id of the key of an open session, which is used now; None for any other text."""
        self._expire()
        if (session := self._sessions.pop(_hash(secret), None)) is None:
            return None
        self._sessions[_hash(secret)] = replace(session, used=self._clock())  # to the end: the order is that of use
        return session.key_id

    def end(self, secret: str) -> None:
        """Close a session, if there is one."""
        self._sessions.pop(_hash(secret), None)

    def issue_link(self, key_id: str) -> str:
        """The secret of a link with which one session may begin, soon."""
        self._expire()
        while len(self._links) >= MAX_LINKS:
            del self._links[next(iter(self._links))]
        secret = secrets.token_urlsafe(32)
        self._links[_hash(secret)] = (self._clock() + LINK_SECONDS, key_id)
        return secret

    def redeem(self, secret: str) -> str | None:
        """Use a link up: the id of its key. None if it was never issued, was used, or is too old."""
        self._expire()
        found = self._links.pop(_hash(secret), None)
        return found[1] if found else None

    def _expire(self) -> None:
        now = self._clock()
        for key, session in list(self._sessions.items()):
            if now >= min(session.used + IDLE_SECONDS, session.began + LONGEST_SECONDS):
                del self._sessions[key]
        for key, (until, _) in list(self._links.items()):
            if now >= until:
                del self._links[key]


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
