"""Asterisk's files: who may call, and that nothing a caller says becomes part of them."""

import re

from bridge.sip.asterisk_files import Bridge, Secrets, asterisk_files, dial_plan
from bridge.sip.load import parse_plan

SECRETS = Secrets({"P": "k2Jh8sQpL0xR", "Q": "carriers-own"}, bridge="bridge-secret", ari="ari-secret")
PLAN = """\
listen: {address: "::1", udp: 5070, tls: {certificate: /c.pem, key: /k.pem}, rtp: [20000, 20999]}
public_address: 203.0.113.7
trunks:
  - {name: carrier, kind: address, addresses: [192.0.2.0/28, 198.51.100.9], jitter_buffer_ms: 40, calls: 10}
  - {name: provider, kind: register, server: "sip.example.net:5080", user: us, password_from: Q, transport: tls}
phones:
  - {name: front-desk, user: desk, password_from: P, persona: dental, encryption: srtp}
"""


def files(text=PLAN):
    return asterisk_files(parse_plan(text), SECRETS, Bridge("127.0.0.1", 9000, 9088))


def sections(text):
    """(title, lines) of each section."""
    parts = re.split(r"^\[(.+)\]$", text, flags=re.M)[1:]
    return [(title, body.strip().splitlines()) for title, body in zip(parts[::2], parts[1::2], strict=True)]


def test_a_trunk_by_address_is_known_by_each_of_its_addresses():
    found = [lines for title, lines in sections(files()["pjsip.conf"]) if title == "carrier"]
    identify = next(lines for lines in found if "type = identify" in lines)
    assert [line for line in identify if "match" in line] == ["match = 192.0.2.0/28", "match = 198.51.100.9/32"]
    endpoint = next(lines for lines in found if "type = endpoint" in lines)
    assert {"set_var = BRIDGE_JITTER=40", "set_var = BRIDGE_CALLS=10", "set_var = BRIDGE_PARTY=carrier"} <= set(
        endpoint
    )


def test_everyone_without_an_address_has_a_password():
    found = sections(files()["pjsip.conf"])
    for title, lines in found:
        if "type = endpoint" in lines and title != "carrier":
            assert any("auth = " in line for line in lines), title
    assert not any("anonymous" in title for title, _ in found)


def test_every_endpoint_reaches_the_one_way_in_and_may_not_transfer_by_itself():
    endpoints = [lines for _, lines in sections(files()["pjsip.conf"]) if "type = endpoint" in lines]
    assert len(endpoints) == 3
    for lines in endpoints:
        assert {"context = callbridge", "allow_transfer = no", "allow = ulaw,alaw", "disallow = all"} <= set(lines)


def test_the_phone_speaks_srtp_and_the_provider_is_registered_with_over_tls():
    text = files()["pjsip.conf"]
    encrypted = [title for title, lines in sections(text) if "media_encryption = sdes" in lines]
    assert encrypted == ["desk"]
    assert r"server_uri = sip:sip.example.net:5080\;transport=tls" in text
    assert "external_media_address = 203.0.113.7" in text
    assert "bind = [::1]:5070" in text


def test_passwords_stand_only_where_asterisk_needs_them():
    where = {
        secret: {name for name, text in files().items() if secret in text}
        for secret in ("k2Jh8sQpL0xR", "carriers-own", "bridge-secret", "ari-secret")
    }
    assert where == {
        "k2Jh8sQpL0xR": {"pjsip.conf"},
        "carriers-own": {"pjsip.conf"},
        "bridge-secret": {"websocket_client.conf", "extensions.conf"},
        "ari-secret": {"ari.conf"},
    }


def test_what_a_caller_writes_is_only_ever_the_value_of_a_variable():
    """${EXTEN}, the caller's number and the Call-ID are strangers' words: never an option, an address, a condition."""
    for line in dial_plan(parse_plan(PLAN), SECRETS, Bridge()).splitlines():
        if re.search(r"\$\{(EXTEN|CALLERID|CHANNEL\(pjsip,call-id)", line):
            assert re.search(r"Set\(_SIP_\w+=\$\{[^{}]*(\{EXTEN\}[^{}]*)?\}\)$", line), line


def test_nothing_of_a_call_stands_in_the_options_of_the_dial_string():
    """A `~` in a Call-ID would be answered with an error, and long values would corrupt Asterisk's memory."""
    dialled = re.findall(r"Dial\((WebSocket[^,]*),", dial_plan(parse_plan(PLAN), SECRETS, Bridge()))
    assert dialled == ["WebSocket/bridge/c(ulaw)f(json)n"] * 2


def test_the_only_way_out_is_where_the_bridge_says():
    by_referral = dial_plan(parse_plan(PLAN), SECRETS, Bridge())
    assert re.findall(r"(Dial|Transfer)\((\w+)", by_referral).count(("Dial", "PJSIP")) == 0
    by_trunk = dial_plan(parse_plan(PLAN + "transfer_via: carrier\n"), SECRETS, Bridge())
    assert re.findall(r"Dial\(PJSIP/([^,]+)", by_trunk) == ["${NEXT}@carrier"]


def test_asterisks_own_extensions_do_not_begin_a_call():
    """`h` is run at every hang-up, `i` and `t` at mistakes: a pattern of one letter would take each for a new call."""
    patterns = re.findall(r"exten => (\S+?),", dial_plan(parse_plan(PLAN), SECRETS, Bridge()))
    assert patterns == ["_[+0-9A-Za-z].", "_[+0-9]."]
