"""When people may be called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.persona.hours import closed, span, weekdays, zone

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon-fri", {0, 1, 2, 3, 4}), ("tue, thu-sat", {1, 3, 4, 5}), ("Sat-Mon", {5, 6, 0}), ("sun", {6})],
)
def test_days_are_named_one_by_one_and_from_to(text: str, days: set[int]) -> None:
    assert weekdays(text) == days


@pytest.mark.parametrize("text", ["", "monday", "mon-", "mon fri", "mon,,tue"])
def test_what_names_no_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="are no days, such as"):
        weekdays(text)


def test_hours_begin_and_end_on_one_day() -> None:
    assert span("9:00-18:30") == (540, 1110)
    assert span("0:00 - 24:00") == (0, 1440)
    for wrong in ("18:00-9:00", "9-18", "9:60-10:00", "0:00-24:01"):
        with pytest.raises(ValueError, match=r"hours|does not end"):
            span(wrong)


def test_a_time_zone_is_one_of_the_iana_database() -> None:
    assert zone("America/New_York").key == "America/New_York"
    for wrong in ("Springfield", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            zone(wrong)


@pytest.mark.parametrize(
    ("timezone", "hours", "open_"),
    [
        ("UTC", "9:00-18:00", True),
        ("UTC", "9:00-12:00", False),
        ("UTC", "12:00-12:01", True),
        ("America/Los_Angeles", "9:00-18:00", False),  # it is 4 a.m. there
        ("Asia/Tokyo", "9:00-18:00", False),  # and 9 p.m. there
        ("Pacific/Kiritimati", "0:00-24:00", True),  # where it is Tuesday already
    ],
)
def test_the_hours_count_where_the_persona_is(timezone: str, hours: str, open_: bool) -> None:
    assert (closed("mon-fri", hours, timezone, MONDAY_NOON) == "") is open_


def test_why_it_is_closed_is_told() -> None:
    why = closed("tue-fri", "9:00-18:00", "Europe/Berlin", MONDAY_NOON)
    assert why == "it is mon 13:00 in Europe/Berlin, and the persona calls tue-fri, 9:00-18:00"
