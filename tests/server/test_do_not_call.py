"""The list of numbers that must not be called."""

import sqlite3

import pytest

from bridge.server.database import StoreError
from bridge.server.do_not_call import DoNotCall
from bridge.server.store import CallStore


@pytest.fixture
def listed(tmp_path):
    listed = DoNotCall(f"sqlite:///{tmp_path / 'calls.db'}")
    yield listed
    listed.close()


def test_numbers_are_put_on_the_list_once_and_taken_off(listed):
    assert listed.add("+12025550143", "asked for it")
    assert not listed.add("+12025550143")
    assert [(entry.number, entry.note) for entry in listed.listed("+12025550143")] == [("+12025550143", "asked for it")]
    assert listed.listed("+12025550144") == []
    assert listed.remove("+12025550143")
    assert not listed.remove("+12025550143")


def test_the_list_lies_beside_the_index_of_calls(tmp_path, listed):
    listed.add("+12025550143")
    store = CallStore(f"sqlite:///{tmp_path / 'calls.db'}")
    assert store.list() == []
    store.close()
    assert len(listed.listed()) == 1


def test_a_database_that_cannot_be_read_is_told_and_not_taken_for_an_empty_list(tmp_path, listed):
    with sqlite3.connect(tmp_path / "calls.db") as connection:
        connection.execute("DROP TABLE do_not_call")
    with pytest.raises(StoreError, match="cannot be read"):
        listed.listed("+12025550143")


def test_an_index_of_an_older_version_gets_the_columns_it_lacks(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    CallStore(url).close()
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("ALTER TABLE calls DROP COLUMN direction")
    store = CallStore(url)
    assert store.list() == []
    store.close()
