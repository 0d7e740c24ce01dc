"""`sip.yaml`: what it may say, how mistakes are told, and what would be unwise."""

import pytest

from bridge.facts.errors import SettingsError
from bridge.sip.asterisk_files import Bridge
from bridge.sip.load import parse_plan
from bridge.sip.mistakes import mistakes
from bridge.sip.template import TEMPLATE

GOOD = {"P": "k2Jh8sQpL0xR", "Q": "k2Jh8sQpL0xS"}


def told(text, passwords=GOOD, bridge=None, missing_files=()):
    """(severity, where) of each mistake."""
    found = mistakes(parse_plan(text), passwords, bridge or Bridge(), missing_files)
    return [(one.severity, one.where) for one in found]


def trunk(**keys):
    lines = {"name": "a", "kind": "login", "user": "carrier", "password_from": "P"} | keys
    return "trunks:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in lines.items() if value is not None)


def test_the_template_is_a_plan_without_mistakes():
    plan = parse_plan(TEMPLATE)
    assert [party.name for party in plan.parties] == ["pbx"]
    assert mistakes(plan, {}, Bridge()) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("listen:\n  upd: 5060", "sip.yaml:2:3: listen, upd: there is no such key"),
        ("trunks:\n  - name: a\n    kind: address", "trunks #1, addresses: is missing"),
        ("trunks:\n  - name: a", "has no kind"),
        ("", "sip.yaml:1:1: there are no keys in this file (`callbridge sip new` writes a file to start from)"),
        (
            "trunks:\n  - name: a\n    kind: adress",
            "sip.yaml:3:5: trunks #1, kind: there is no such kind (kind: address, login or register)",
        ),
        ("trunks:\n  - name: a\n    kind: address\n    addresses: 300.1.1.1", "300.1.1.1"),
        ("trunks:\n  - name: ../a\n    kind: address\n    addresses: 10.0.0.1", "sip.yaml:2:5: trunks #1, name"),
        (f"{trunk()}\n{trunk().removeprefix('trunks:')[1:]}", "the name a is given twice"),
        ("listen: {udp: }", "give a port for udp, tcp or tls"),
        ("listen: {rtp: [10000, 10001]}", "at least four ports"),
        ("transfer_via: b", "there is no trunk b"),
        ("trunks: [", "not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, complaint):
    with pytest.raises(SettingsError) as error:
        parse_plan(text)
    assert complaint in str(error.value)


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(SettingsError) as error:
        parse_plan("listen: {udp: 99999}\ntrunks:\n  - {name: B, kind: address, addresses: []}\nphone: x")
    assert len(str(error.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("trunks: [{name: a, kind: address, addresses: 0.0.0.0/0, jitter_buffer_ms: 40}]", "trunks, a, addresses"),
        (
            "trunks: [{name: a, kind: address, addresses: 10.0.0.1}, {name: b, kind: address, addresses: 10.0.0.1}]",
            "trunks, b, addresses",
        ),
        ("listen: {udp: 10002}\n" + trunk(), "listen, udp"),
        ("listen: {tcp: 8080}\n" + trunk(), "the bridge's own port"),
        (trunk(encryption="srtp"), "a, encryption"),
        (trunk(kind="register", server="sip.example.net", transport="tls"), "a, transport"),
        (trunk(kind="register", server="sip.example.net", transport="tcp"), "a, transport"),
        ("listen: {tls: {certificate: /c.pem, key: /k.pem}}\n" + trunk(), "listen, tls, key"),
    ],
)
def test_what_stands_in_the_way_is_an_error(text, where):
    assert ("error", where) in told(text, missing_files={"/k.pem"})


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "is not set"),
        ("short", "fewer than 12"),
        ("xx-carrier-xx-2931", "user's name"),
        ("aaaaaaaaaaaaaaaa", "different characters"),
        ("good;but=not-for-asterisk", "contains ';'"),
    ],
)
def test_a_weak_password_is_refused(password, reason):
    (found,) = mistakes(parse_plan(trunk()), {"P": password}, Bridge())
    assert (found.severity, reason in found.what, bool(found.hint)) == ("error", True, True)
    assert not password or password not in found.what


def test_one_password_for_two_is_refused():
    text = trunk() + "\n" + trunk(name="b", user="other", password_from="Q").removeprefix("trunks:\n")
    assert told(text, {"P": "k2Jh8sQpL0xR", "Q": "k2Jh8sQpL0xR"}) == [("error", "trunks, b, password_from")]


def test_a_carriers_own_password_is_taken_as_it_is():
    assert told(trunk(kind="register", server="sip.example.net"), {"P": "short"}) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("phones: []", "trunks"),
        ("trunks: [{name: a, kind: address, addresses: 198.51.100.7}]", "trunks, a, jitter_buffer_ms"),
        ("public_address: 192.168.1.2\n" + trunk(), "public_address"),
        ("listen: {rtp: [10000, 10019]}\n" + trunk(calls=11), "listen, rtp"),
    ],
)
def test_what_is_unwise_is_a_warning(text, where):
    assert told(text) == [("warning", where)]


def test_a_machine_whose_name_has_no_address_is_warned_of_because_each_call_would_wait_for_it():
    (found,) = mistakes(parse_plan(trunk()), GOOD, Bridge(), unknown_host="pbx7")
    assert (found.severity, "pbx7" in found.hint) == ("warning", True)
