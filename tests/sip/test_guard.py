"""Who guesses passwords is kept out: from lines as Asterisk 22.10 writes them."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.sip.guard import BAN_SECONDS, MAX_ADDRESSES, MAX_FAILURES, WINDOW_SECONDS, Guard


def line(address="127.0.0.7", event="InvalidAccountID", family="V4"):
    return (
        f'[Nov 21 16:17:52] SECURITY[28119] res_security_log.c: SecurityEvent="{event}",'
        'EventTV="2026-11-21T16:17:52.780+0000",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="sipp",'
        'SessionID="1-28171@127.0.0.7",LocalAddress="IPV4/UDP/127.0.0.1/15060",'
        f'RemoteAddress="IP{family}/UDP/{address}/5071"'
    )


def fail(guard, times=MAX_FAILURES, at=0.0, **changed):
    return [guard.note(line(**changed), at) for _ in range(times)]


def test_the_last_of_too_many_failures_bans_an_address_once():
    guard = Guard()
    assert fail(guard) == [None] * (MAX_FAILURES - 1) + ["127.0.0.7"]
    assert fail(guard) == [None] * MAX_FAILURES
    assert guard.rules() == "deny = 127.0.0.7\n"


def test_ipv6_is_kept_out_too():
    guard = Guard()
    assert fail(guard, address="2001:db8::7", family="V6")[-1] == "2001:db8::7"


def test_failures_far_apart_are_a_persons():
    guard = Guard()
    assert [guard.note(line(), n * WINDOW_SECONDS / 2) for n in range(40)] == [None] * 40


def test_a_ban_ends():
    guard = Guard()
    fail(guard)
    assert guard.release(BAN_SECONDS - 1) == []
    assert guard.release(BAN_SECONDS) == ["127.0.0.7"]
    assert guard.rules() == ""


def test_a_trunk_is_spared_because_packets_can_be_forged():
    guard = Guard(frozenset({"127.0.0.7"}))
    assert set(fail(guard, 100)) == {None}


def test_challenges_and_successes_count_for_nothing():
    guard = Guard()
    for event in ("ChallengeSent", "SuccessfulAuth"):
        assert set(fail(guard, 100, event=event)) == {None}


@given(st.lists(st.text(max_size=120), max_size=30))
def test_no_line_upsets_it(lines):
    guard = Guard()
    for text in lines:
        guard.note(text, 0.0)
        guard.note(line(address=text), 0.0)
    assert all(character in "0123456789abcdefABCDEF.:" for address in guard.banned for character in address)


def test_a_flood_of_addresses_is_bounded():
    guard = Guard()
    for number in range(MAX_ADDRESSES + 10):
        guard.note(line(address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), 0.0)
    assert len(guard._failures) == MAX_ADDRESSES
