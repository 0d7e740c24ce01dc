"""The one database of a server: the index of calls, the do-not-call list; SQLite, or what DATABASE_URL names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bridge.facts.errors import BridgeError

BUSY_TIMEOUT_MS: Final = 2_000
"""How long SQLite waits for another process that writes, before it reports an error."""


class StoreError(BridgeError):
    """The database cannot be opened, read or written."""


def open_database(url: str, tables: sa.MetaData) -> sa.Engine:
    """Connect to an SQLAlchemy URL and create those `tables` that are missing. Raises `StoreError`."""
    try:
        engine = sa.create_engine(url)
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        tables.create_all(engine)
        _add_columns(engine, tables)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise StoreError(
            f"The database cannot be opened: {reason(error)}. "
            "Check DATABASE_URL (its driver must be installed) and that DATA_DIR is writable."
        ) from None
    return engine


def _add_columns(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Add the columns that the tables of an older version lack; each has a default of the database's own."""
    known = sa.inspect(engine)
    for table in tables.sorted_tables:
        there = {column["name"] for column in known.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                definition = sa.schema.CreateColumn(column).compile(dialect=engine.dialect)
                with engine.begin() as connection:
                    connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Create the file, readable by its owner alone, and let readers and one writer go on side by side."""
    if (file := engine.url.database) and file != ":memory:" and not file.startswith("file:"):
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(file).touch(mode=0o600)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten with zeros
        cursor.close()


def reason(error: Exception) -> str:
    """The driver's own words; never the statement, whose values are a caller's."""
    return str(getattr(error, "orig", None) or error).strip().rstrip(".")
