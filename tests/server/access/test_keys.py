"""The keys that are given out."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from bridge.server.access.keys import ApiKeys
from bridge.server.access.scopes import ALL_SCOPES
from bridge.server.database import StoreError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def now():
    return [NOON]


@pytest.fixture
def keys(tmp_path, now):
    keys = ApiKeys(f"sqlite:///{tmp_path / 'calls.db'}", lambda: now[0])
    yield keys
    keys.close()


def test_a_key_is_found_by_what_was_shown_once_and_only_a_hash_of_it_is_kept(tmp_path, keys):
    key, entry = keys.create("reception", {"talk", "calls:read"})
    assert key.startswith(entry.prefix)
    assert keys.find(key) == keys.get(entry.key_id) == entry
    assert entry.scopes == ("calls:read", "talk")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert entry.key_id.encode() in kept
    assert key[len(entry.prefix) :].encode() not in kept


@pytest.mark.parametrize("change", [lambda k: k[:-1] + ("a" if k[-1] != "a" else "b"), str.upper, lambda k: k + "a"])
def test_a_key_that_differs_in_one_letter_is_none(keys, change):
    key, _ = keys.create("reception", ALL_SCOPES)
    assert keys.find(change(key)) is None


@pytest.mark.parametrize("text", ["", "cb_", "' OR 1=1 --", "cb_00000000_" + "a" * 43, "\0", "é" * 60])
def test_other_texts_are_no_keys(keys, text):
    assert keys.find(text) is None


def test_a_key_is_revoked_at_once_and_its_name_is_free_again(keys):
    key, entry = keys.create("reception", ALL_SCOPES)
    with pytest.raises(StoreError, match="revoke it first"):
        keys.create("reception", ALL_SCOPES)
    assert keys.revoke("reception")
    assert not keys.revoke("reception")
    assert keys.find(key) is keys.get(entry.key_id) is None
    assert keys.listed() == []
    keys.create("reception", ALL_SCOPES)


def test_a_key_expires_to_the_second_and_stays_listed(keys, now):
    key, entry = keys.create("week", {"talk"}, timedelta(days=7))
    now[0] = NOON + timedelta(days=7, seconds=-1)
    assert keys.find(key) == entry
    now[0] = NOON + timedelta(days=7)
    assert keys.find(key) is keys.get(entry.key_id) is None
    assert keys.expired(entry)
    assert keys.listed() == [entry]


def test_a_scope_that_this_version_does_not_know_is_good_for_nothing(tmp_path, keys):
    key, _ = keys.create("reception", {"talk"})
    with sqlite3.connect(tmp_path / "calls.db") as connection:
        connection.execute("UPDATE api_keys SET scopes = 'talk calls:dream'")
    assert keys.find(key).scopes == ("talk",)


def test_keys_that_cannot_be_read_are_told_and_not_taken_for_none(tmp_path, keys):
    key, _ = keys.create("reception", {"talk"})
    with sqlite3.connect(tmp_path / "calls.db") as connection:
        connection.execute("DROP TABLE api_keys")
    with pytest.raises(StoreError, match="cannot be read"):
        keys.find(key)


def test_keys_are_read_while_another_process_writes(tmp_path, keys):
    key, entry = keys.create("reception", {"talk"})
    with sqlite3.connect(tmp_path / "calls.db", isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM api_keys")
        assert keys.find(key) == entry
        connection.execute("COMMIT")
    assert keys.find(key) is None
