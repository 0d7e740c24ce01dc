"""The keys that were given out: a table beside the index of calls. All functions block and belong in a thread.

Of a key only a hash is kept. It is 256 random bits, so that SHA-256 without salt or rounds is hash enough: nobody can
try them all. In front stands an id that is no secret, by which the key is found and recognised: `cb_1f0a9c3e_…`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.server.access.scopes import ALL_SCOPES, Scope
from bridge.server.database import StoreError, open_database, reason
from bridge.transcript.records import utc_text

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What keys may be called."""

_KEY: Final = re.compile(r"cb_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")

_metadata = sa.MetaData()
_keys = sa.Table(
    "api_keys",
    _metadata,
    sa.Column("key_id", sa.String(8), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.String(32)),
)


class KeyEntry(msgspec.Struct, frozen=True):
    """A key as it is known afterwards: times are ISO 8601 in UTC, and without `expires_at` it works until revoked."""

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: str
    expires_at: str | None = None

    @property
    def prefix(self) -> str:
        """How the key begins, which is no secret."""
        return f"cb_{self.key_id}_"


class ApiKeys:
    """The table in the database of an SQLAlchemy URL. `now` gives the time of day, with its zone."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        """Raises `StoreError` if there is no such database."""
        self._engine = open_database(url, _metadata)
        self._now = now

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def create(self, name: str, scopes: Collection[Scope], valid: timedelta | None = None) -> tuple[str, KeyEntry]:
        """A new key, to be shown once, and its entry. Raises `StoreError`, also where the name is taken."""
        now, key_id = self._now(), secrets.token_hex(4)
        key = f"cb_{key_id}_{secrets.token_urlsafe(32)}"
        values = {
            "key_id": key_id,
            "name": name,
            "hash": _hash(key),
            "scopes": " ".join(sorted(scopes)),
            "created_at": utc_text(now),
            "expires_at": utc_text(now + valid) if valid else None,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_keys).values(values))
        except sa.exc.IntegrityError:
            raise StoreError(f"There is a key {name!r} already: revoke it first, or choose another name.") from None
        except SQLAlchemyError as error:
            raise StoreError(f"The keys take no entry: {reason(error)}.") from None
        return key, _entry(values)

    def revoke(self, name: str) -> bool:
        """Delete the key of that name. False if there is none."""
        try:
            with self._engine.begin() as connection:
                return bool(connection.execute(sa.delete(_keys).where(_keys.c.name == name)).rowcount)
        except SQLAlchemyError as error:
            raise StoreError(f"The keys cannot be changed: {reason(error)}.") from None

    def listed(self) -> Sequence[KeyEntry]:
        """Every key, the newest first, also those that have expired."""
        return [_entry(row) for row in self._rows(sa.select(_keys).order_by(_keys.c.created_at.desc(), _keys.c.name))]

    def find(self, key: str) -> KeyEntry | None:
        """The entry of a key that works; None for any other text. Raises `StoreError` if the table cannot be read."""
        if not (parts := _KEY.fullmatch(key)):
            return None
        for row in self._rows(sa.select(_keys).where(_keys.c.key_id == parts[1])):
            if secrets.compare_digest(_hash(key), str(row["hash"])):
                return self._valid(row)
        return None

    def get(self, key_id: str) -> KeyEntry | None:
        """The entry of that id, if its key still works. Raises `StoreError` if the table cannot be read."""
        rows = self._rows(sa.select(_keys).where(_keys.c.key_id == key_id))
        return self._valid(rows[0]) if rows else None

    def expired(self, entry: KeyEntry) -> bool:
        """Whether the key's time is over."""
        return entry.expires_at is not None and entry.expires_at <= utc_text(self._now())

    def _valid(self, row: sa.RowMapping) -> KeyEntry | None:
        entry = _entry(row)
        return None if self.expired(entry) else entry

    def _rows(self, query: sa.Select[tuple[object, ...]]) -> Sequence[sa.RowMapping]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).mappings().all()
        except SQLAlchemyError as error:
            raise StoreError(f"The keys cannot be read: {reason(error)}.") from None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _entry(row: sa.RowMapping | dict[str, str | None]) -> KeyEntry:
    """A row without its hash; scopes that this version does not know are good for nothing."""
    scopes = tuple(scope for scope in str(row["scopes"]).split() if scope in ALL_SCOPES)
    return KeyEntry(str(row["key_id"]), str(row["name"]), scopes, str(row["created_at"]), row["expires_at"])
