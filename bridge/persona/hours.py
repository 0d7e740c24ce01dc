"""When a persona may call people: its days and hours, in its own time zone. The moment is passed in."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `datetime.weekday`."""

_SPAN: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])\s?-\s?([01]?[0-9]|2[0-4]):([0-5][0-9])")


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone of the IANA database, such as Europe/Berlin. Raises `ValueError` with words for an owner."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone of the IANA database, such as America/New_York") from None


def weekdays(days: str) -> frozenset[int]:
    """The days of a text such as `mon-fri` or `tue, thu-sat`; Monday is 0. Raises `ValueError` with words."""
    found: set[int] = set()
    for part in days.lower().split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        if first not in DAYS or (last or first) not in DAYS or bool(dash) != bool(last):
            raise ValueError(f"{days!r} are no days, such as mon-fri, sun")
        start, end = DAYS.index(first), DAYS.index(last or first)
        found.update(day % 7 for day in range(start, end + 1 if end >= start else end + 8))
    return frozenset(found)


def span(hours: str) -> tuple[int, int]:
    """Minutes of the day of a text such as `9:00-18:00`: the first, and the one after the last.

    Raises `ValueError` with words for an owner.
    """
    match = _SPAN.fullmatch(hours.strip())
    if match is None:
        raise ValueError(f"{hours!r} are no hours, such as 9:00-18:00")
    first, last = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
    if not first < last <= 24 * 60:
        raise ValueError(f"{hours!r} does not end after it begins, on the same day")
    return first, last


def closed(days: str, hours: str, timezone: str, moment: datetime) -> str:
    """Why `moment`, which knows its own zone, lies outside the hours, in words; nothing if it does not."""
    local = moment.astimezone(zone(timezone))
    first, last = span(hours)
    if local.weekday() in weekdays(days) and first <= local.hour * 60 + local.minute < last:
        return ""
    return f"it is {DAYS[local.weekday()]} {local:%H:%M} in {timezone}, and the persona calls {days}, {hours}"
