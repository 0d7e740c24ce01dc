"""The numbers that must not be called: a table beside the index of calls. All functions block."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.server.database import StoreError, open_database, reason
from bridge.transcript.records import utc_text

_metadata = sa.MetaData()
_numbers = sa.Table(
    "do_not_call",
    _metadata,
    sa.Column("number", sa.String(16), primary_key=True),
    sa.Column("added_at", sa.String(32), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)


class Listed(msgspec.Struct, frozen=True):
    """One number, since when it is on the list (ISO 8601, UTC), and what was noted with it."""

    number: str
    added_at: str
    note: str = ""


class DoNotCall:
    """The list in the database of an SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        """Raises `StoreError` if there is no such database."""
        self._engine = open_database(url, _metadata)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def add(self, number: str, note: str = "") -> bool:
        """Put a number on the list. False if it is on it already."""
        listed = {"number": number, "added_at": utc_text(datetime.now(UTC)), "note": note}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_numbers).values(listed))
        except sa.exc.IntegrityError:
            return False
        except SQLAlchemyError as error:
            raise StoreError(f"The do-not-call list takes no entry: {reason(error)}.") from None
        return True

    def remove(self, number: str) -> bool:
        """Take a number off the list. False if it is not on it."""
        try:
            with self._engine.begin() as connection:
                return bool(connection.execute(sa.delete(_numbers).where(_numbers.c.number == number)).rowcount)
        except SQLAlchemyError as error:
            raise StoreError(f"The do-not-call list cannot be changed: {reason(error)}.") from None

    def listed(self, number: str | None = None) -> Sequence[Listed]:
        """The whole list, the latest first; or the entry of one number. Raises `StoreError` if it cannot be read."""
        query = sa.select(_numbers).order_by(_numbers.c.added_at.desc(), _numbers.c.number)
        if number is not None:
            query = query.where(_numbers.c.number == number)
        try:
            with self._engine.connect() as connection:
                return [Listed(**row) for row in connection.execute(query).mappings()]
        except SQLAlchemyError as error:
            raise StoreError(f"The do-not-call list cannot be read: {reason(error)}.") from None
