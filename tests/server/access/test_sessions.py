"""Sessions of the console, and the links by which they begin."""

import pytest

from bridge.server.access.sessions import IDLE_SECONDS, LINK_SECONDS, LONGEST_SECONDS, MAX_LINKS, MAX_SESSIONS, Sessions


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def sessions(now):
    return Sessions(lambda: now[0])


def test_a_session_is_known_by_its_secret_until_it_is_ended(sessions):
    secret = sessions.begin("k1")
    assert sessions.key_of(secret) == "k1"
    assert sessions.key_of(secret + "x") is None
    sessions.end(secret)
    sessions.end(secret)
    assert sessions.key_of(secret) is None


def test_a_session_ends_when_it_is_not_used(sessions, now):
    secret = sessions.begin("k1")
    now[0] += IDLE_SECONDS - 1
    assert sessions.key_of(secret) == "k1"
    now[0] += IDLE_SECONDS - 1
    assert sessions.key_of(secret) == "k1"
    now[0] += IDLE_SECONDS
    assert sessions.key_of(secret) is None


def test_no_session_outlasts_a_week_however_busy(sessions, now):
    secret, began = sessions.begin("k1"), now[0]
    while now[0] + 3600 < began + LONGEST_SECONDS:
        now[0] += 3600
        assert sessions.key_of(secret) == "k1"
    now[0] = began + LONGEST_SECONDS
    assert sessions.key_of(secret) is None


def test_the_session_that_was_not_used_for_the_longest_time_makes_room(sessions):
    first, second, *_ = (sessions.begin("k1") for _ in range(MAX_SESSIONS))
    assert sessions.key_of(first) == "k1"
    sessions.begin("k2")
    assert len(sessions) == MAX_SESSIONS
    assert sessions.key_of(second) is None
    assert sessions.key_of(first) == "k1"


def test_a_link_works_once_and_soon(sessions, now):
    link, late = sessions.issue_link("k1"), sessions.issue_link("k1")
    assert sessions.redeem(link) == "k1"
    assert sessions.redeem(link) is None
    now[0] += LINK_SECONDS
    assert sessions.redeem(late) is None


def test_the_oldest_link_makes_room(sessions):
    links = [sessions.issue_link("k1") for _ in range(MAX_LINKS + 1)]
    assert [sessions.redeem(link) for link in links] == [None] + ["k1"] * MAX_LINKS
