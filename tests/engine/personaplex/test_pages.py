from __future__ import annotations

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
            table.reserve(slot, count)
            wanted[slot] = max(wanted[slot], count)
        else:
            table.release(slot)
            wanted[slot] = 0
        owned = [page for row in table.rows() for page in row if page != NOBODYS]
        assert len(owned) == len(set(owned)) == table.used == sum(wanted)
        assert [sum(page != NOBODYS for page in row) for row in table.rows()] == wanted
        assert all(table.rows()[slot][place] == page for page, slot, place in table.owners())
        assert table.bucket > max(owned, default=0)


def test_pages_that_come_back_are_given_out_again_from_the_lowest() -> None:
    table = PageTable(SLOTS, PER_SLOT)
    for slot in range(3):
        table.reserve(slot, 2)
    table.release(1)
    table.release(0)
    table.reserve(3, 3)
    assert table.rows()[3][:3] == [1, 2, 3]
    assert table.bucket == 8  # page 6 is still in use


def test_no_more_memory_is_asked_for_than_all_full_windows_need() -> None:
    table = PageTable(SLOTS, PER_SLOT)
    for slot in range(SLOTS):
        table.reserve(slot, PER_SLOT)
    assert bucket_of(1 + SLOTS * PER_SLOT) > table.bucket == 1 + SLOTS * PER_SLOT


def test_reserving_again_what_is_there_changes_nothing() -> None:
    table = PageTable(SLOTS, PER_SLOT)
    assert table.reserve(0, 3)
    assert not table.reserve(0, 2)
    assert table.used == 3
    with pytest.raises(ValueError, match="at most 6 pages"):
        table.reserve(0, 7)


@given(st.integers(1, 10_000))
def test_bucket_is_at_most_half_more(count: int) -> None:
    assert count <= bucket_of(count) <= max(2, count * 3 // 2)
    assert bucket_of(bucket_of(count)) == bucket_of(count)
