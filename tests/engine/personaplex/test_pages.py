from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.personaplex.pages import NOBODYS, PageTable, bucket_of

SLOTS, PER_SLOT = 4, 6

steps = st.lists(st.tuples(st.integers(0, SLOTS - 1), st.integers(0, PER_SLOT)), max_size=40)


@given(steps)
def test_no_page_has_two_owners_and_none_is_lost(calls: list[tuple[int, int]]) -> None:
    """A count of 0 stands for the end of a call."""
    table, wanted = PageTable(SLOTS, PER_SLOT), [0] * SLOTS
    for slot, count in calls:
        if count:
            assert table.reserve(slot, count)
            wanted[slot] = max(wanted[slot], count)
        else:
            table.release(slot)
            wanted[slot] = 0
        owned = table.table[table.table != NOBODYS].tolist()
        assert len(owned) == len(set(owned)) == table.used == sum(wanted)
        assert (table.table != NOBODYS).sum(axis=1).tolist() == wanted
        for page in range(1, len(table.owner)):
            mine = table.table[table.owner[page], table.place[page]] == page
            assert mine if page in owned else (table.owner[page], table.place[page]) == (0, 0)
        assert table.bucket > max(owned, default=0)


@given(st.integers(2, 1 + SLOTS * PER_SLOT), steps)
def test_promised_pages_are_there_when_they_are_wanted(most: int, calls: list[tuple[int, int]]) -> None:
    """A call begins with a promise or not at all, then grows a page at a time, and ends with a count of 0."""
    table, promised = PageTable(SLOTS, PER_SLOT, most), [0] * SLOTS
    for slot, count in calls:
        if not count:
            table.release(slot)
            promised[slot] = 0
        elif promised[slot]:
            grown = table.reserve(slot, min(PER_SLOT, table.held(slot) + 1))
            assert grown or table.stuck[slot]
        elif table.promise(slot, count):
            promised[slot] = count
        assert table.used + table.owed < table.most <= most
        assert not any(table.stuck[slot] and table.held(slot) < promised[slot] for slot in range(SLOTS))
    for slot in range(SLOTS):
        assert table.reserve(slot, promised[slot])


def test_slot_that_finds_no_page_stays_with_what_it_has_until_it_is_free() -> None:
    table = PageTable(2, PER_SLOT, most=6)
    assert table.promise(0, 2)
    assert table.promise(1, 2)
    assert table.room(1) == 1
    assert table.reserve(0, 3)
    assert not table.reserve(0, 4)  # the other two are promised
    assert (table.held(0), table.stuck.tolist(), table.room(1)) == (3, [True, False], 0)
    table.release(1)
    assert not table.reserve(0, 4)
    table.release(0)
    assert table.reserve(0, 5)


@given(steps)
def test_pages_close_up_where_calls_have_ended(calls: list[tuple[int, int]]) -> None:
    table = PageTable(SLOTS, PER_SLOT)
    for slot, count in calls:
        if count:
            table.reserve(slot, count)
        else:
            table.release(slot)
    content = of_each_page(table)
    while (move := table.lower()) is not None:
        last, first = move
        assert first < last and first not in content
        content[first] = content.pop(last)
    assert table.bucket == min(bucket_of(1 + table.used), table.most)
    assert content == of_each_page(table)
    assert all((table.owner[page], table.place[page]) == where for page, where in content.items())


def of_each_page(table: PageTable) -> dict[int, tuple[int, int]]:
    """Slot and place of each page in use."""
    return {int(table.table[at]): (int(at[0]), int(at[1])) for at in zip(*np.nonzero(table.table), strict=True)}


def test_what_the_device_must_be_told_is_marked() -> None:
    table = PageTable(SLOTS, PER_SLOT)
    for change, told in ((lambda: table.reserve(1, 2), True), (lambda: table.reserve(1, 1), False),
                         (lambda: table.release(0), False), (lambda: table.release(1), True)):  # fmt: skip
        table.changed = False
        change()
        assert table.changed == told
    assert not np.any(table.table)


def test_pages_that_come_back_are_given_out_again_from_the_lowest() -> None:
    table = PageTable(SLOTS, PER_SLOT)
    for slot in range(3):
        table.reserve(slot, 2)
    table.release(1)
    table.release(0)
    table.reserve(3, 3)
    assert table.table[3, :3].tolist() == [1, 2, 3]
    assert table.bucket == 8  # page 6 is still in use


def test_no_more_memory_is_asked_for_than_all_full_windows_need() -> None:
    table = PageTable(SLOTS, PER_SLOT)
    for slot in range(SLOTS):
        table.reserve(slot, PER_SLOT)
    assert bucket_of(1 + SLOTS * PER_SLOT) > table.bucket == 1 + SLOTS * PER_SLOT


def test_reserving_again_what_is_there_changes_nothing() -> None:
    table = PageTable(SLOTS, PER_SLOT)
    for count in (3, 2):
        assert table.reserve(0, count)
        assert table.used == 3
    with pytest.raises(ValueError, match="at most 6 pages"):
        table.reserve(0, 7)


@given(st.integers(1, 10_000))
def test_bucket_is_at_most_half_more(count: int) -> None:
    assert count <= bucket_of(count) <= max(2, count * 3 // 2)
    assert bucket_of(bucket_of(count)) == bucket_of(count)
