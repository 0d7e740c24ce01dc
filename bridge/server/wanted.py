"""Which calls are wanted, as far as the index can tell, and the place in its list where a page begins."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from bridge.server.journal import CALL_ID
from bridge.server.rows import calls
from bridge.transcript.records import utc_text

IN_PROGRESS: Final = "in_progress"
"""`ended` of calls that go on."""

_PLACE: Final = re.compile(rf"(\d{{4}}-\d\d-\d\dT[\d:.]{{8,15}}Z) ({CALL_ID.pattern})")
_NUMBER: Final = re.compile(r"[+\d\s().\-/]+")
_FEWEST_DIGITS: Final = 5
"""Fewer may as well be a word that was said."""


@dataclass(frozen=True, slots=True)
class Place:
    """The call behind which a page begins. Calls that come meanwhile do not move it."""

    started_at: str
    call_id: str

    def __str__(self) -> str:
        """As a cursor, which means nothing to whoever gets it."""
        return base64.urlsafe_b64encode(f"{self.started_at} {self.call_id}".encode()).decode().rstrip("=")

    @classmethod
    def of(cls, cursor: str) -> Place:
        """Raises ValueError for what is no cursor of ours."""
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        except (binascii.Error, ValueError):
            text = ""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise ValueError("after must be the `next` of another page")
        return cls(*found.groups())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What calls must be. `number` is found in either number by its digits, `caller` in that of the person who calls.

    `ended` is one of `bridge.transcript.records.How`, `interrupted` or `in_progress`.
    """

    persona: str | None = None
    caller: str | None = None
    number: str | None = None
    call_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ended: str | None = None
    verdicts: bool = False

    def clauses(self) -> Iterator[sa.ColumnElement[bool]]:
        """For the index's table."""
        if self.persona is not None:
            yield calls.c.persona == self.persona
        if self.caller is not None:
            yield _has(calls.c.from_number, self.caller)
        if self.number is not None:
            yield _has(calls.c.from_number, self.number) | _has(calls.c.to_number, self.number)
        if self.call_id is not None:
            yield calls.c.call_id == self.call_id
        if self.since is not None:
            yield calls.c.started_at >= utc_text(self.since)
        if self.until is not None:
            yield calls.c.started_at < utc_text(self.until)
        if self.ended is not None:
            yield calls.c.ended_how.is_(None) if self.ended == IN_PROGRESS else calls.c.ended_how == self.ended
        if self.verdicts:
            yield calls.c.verdicts > 0


def digits(text: str) -> str:
    """The digits of a number, however it is written."""
    return re.sub(r"\D", "", text)


def is_number(text: str) -> bool:
    """Whether somebody who looks for this looks for a number."""
    return bool(_NUMBER.fullmatch(text)) and len(digits(text)) >= _FEWEST_DIGITS


def _has(column: sa.Column[str], number: str) -> sa.ColumnElement[bool]:
    return column.contains(digits(number) or number, autoescape=True)
