"""What is wrong, or unwise, in a SIP plan: told before Asterisk is started with it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bridge.sip.asterisk_files import Bridge
from bridge.sip.plan import AddressTrunk, Phone, SipPlan

MIN_PASSWORD: Final = 12
"""Characters; scanners try some thousand passwords an hour, beginning with short ones and the user's own name."""

MIN_KINDS: Final = 6
"""Different characters that a password must have: `aaaaaaaaaaaa` is long, too."""

WIDEST: Final = {4: 16, 6: 32}
"""Shortest prefix of a network that may be a trunk; beyond it, half the internet could call."""

_FORBIDDEN: Final = frozenset(";\\\"'`\n\r")
"""Characters that Asterisk's files give another meaning."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """`error` stands in the way of starting, `warning` does not. `where` names the key, `hint` says what to do."""

    severity: Literal["error", "warning"]
    where: str
    what: str
    hint: str


def mistakes(
    plan: SipPlan,
    passwords: Mapping[str, str],
    bridge: Bridge,
    missing_files: Collection[str] = (),
    unknown_host: str = "",
) -> list[Mistake]:
    """Everything there is to say.

    `missing_files` are those of the plan that cannot be read, `unknown_host` is this machine's name if it has no
    address.
    """
    return [
        *_host(unknown_host),
        *_parties(plan),
        *_passwords(plan, passwords),
        *_ports(plan, bridge),
        *_encryption(plan, missing_files),
        *_network(plan),
    ]


def _error(where: str, what: str, hint: str) -> Mistake:
    return Mistake("error", where, what, hint)


def _warning(where: str, what: str, hint: str) -> Mistake:
    return Mistake("warning", where, what, hint)


def _host(unknown: str) -> Iterator[Mistake]:
    if unknown:
        yield _warning(
            "this machine",
            f"its own name, {unknown}, has no address, so that each call waits five seconds for one",
            f"add the line `127.0.1.1 {unknown}` to /etc/hosts",
        )


def _parties(plan: SipPlan) -> Iterator[Mistake]:
    if not plan.parties:
        yield _warning("trunks", "nobody may call: there is neither a trunk nor a phone", "add one under trunks")
    owners: dict[str, str] = {}
    for trunk in plan.trunks:
        for text in getattr(trunk, "addresses", ()):
            network = ipaddress.ip_network(text)
            if isinstance(trunk, AddressTrunk) and network.prefixlen < WIDEST[network.version]:
                yield _error(
                    f"trunks, {trunk.name}, addresses",
                    f"{text} is open to strangers: {network.num_addresses:,} addresses may call without a password",
                    "list the carrier's own addresses, or use kind: login",
                )
            if other := owners.get(text):
                yield _error(
                    f"trunks, {trunk.name}, addresses",
                    f"{text} is {other}'s already",
                    "calls from one address can belong to one trunk only",
                )
            owners[text] = trunk.name


def _passwords(plan: SipPlan, passwords: Mapping[str, str]) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for party in plan.parties:
        if isinstance(party, AddressTrunk):
            continue
        where = f"{'phones' if isinstance(party, Phone) else 'trunks'}, {party.name}, password_from"
        password = passwords.get(party.password_from, "")
        if not password:
            yield _error(where, f"{party.password_from} is not set", "set it in the environment or in .env")
            continue
        if bad := sorted(set(password) & _FORBIDDEN):
            yield _error(where, f"the password contains {bad[0]!r}", "use letters, digits and - _ . ! only")
        theirs = getattr(party, "kind", "") == "register"  # the carrier chose it
        if not theirs and (reason := _weakness(password, party.user)):
            yield _error(where, f"the password is weak: {reason}", "`callbridge sip password` makes a good one")
        if not theirs and password in seen:
            yield _error(where, f"{seen[password]} has the same password", "give each its own")
        seen[password] = party.name


def _weakness(password: str, user: str) -> str:
    if len(password) < MIN_PASSWORD:
        return f"it has fewer than {MIN_PASSWORD} characters"
    if user.lower() in password.lower():
        return "it contains the user's name"
    if len(set(password)) < MIN_KINDS:
        return f"it has fewer than {MIN_KINDS} different characters"
    return ""


def _ports(plan: SipPlan, bridge: Bridge) -> Iterator[Mistake]:
    listen = plan.listen
    udp = {"listen, udp": listen.udp}
    tcp = {
        "listen, tcp": listen.tcp,
        "listen, tls, port": listen.tls.port if listen.tls else None,
        "the bridge's own port": bridge.port if bridge.host in ("127.0.0.1", "localhost", "::1") else None,
        "Asterisk's HTTP port": bridge.ari_port,
    }
    taken: dict[int, str] = {}
    for where, port in tcp.items():
        if port is None:
            continue
        if port in taken:
            yield _error(where, f"port {port} is taken by {taken[port]}", "choose another port")
        taken[port] = where
    first, last = listen.rtp
    for where, port in udp.items():
        if port is not None and first <= port <= last:
            yield _error(where, f"port {port} lies within the media's, {first} to {last}", "choose another port")
    calls = (last - first + 1) // 2
    wanted = sum(party.calls or 0 for party in plan.parties)
    if wanted > calls:
        yield _warning(
            "listen, rtp", f"{last - first + 1} ports carry {calls} calls, but {wanted} are allowed", "widen the range"
        )


def _encryption(plan: SipPlan, missing_files: Collection[str]) -> Iterator[Mistake]:
    tls = plan.listen.tls
    if tls:
        for where, file in (("listen, tls, certificate", tls.certificate), ("listen, tls, key", tls.key)):
            if file in missing_files:
                yield _error(where, f"{file} cannot be read", "check its path and who may read it")
    for party in plan.parties:
        if party.encryption == "srtp" and tls is None:
            yield _error(
                f"{party.name}, encryption",
                "srtp without TLS sends the media's key in clear text",
                "add listen, tls with a certificate and a key",
            )
        if getattr(party, "transport", "") == "tls" and tls is None:
            yield _error(f"{party.name}, transport", "there is no TLS transport", "add listen, tls")
        if getattr(party, "transport", "") == "tcp" and plan.listen.tcp is None:
            yield _error(f"{party.name}, transport", "there is no TCP transport", "add listen, tcp")


def _network(plan: SipPlan) -> Iterator[Mistake]:
    for party in plan.trunks:
        local = [ipaddress.ip_network(network) for network in plan.local_networks]
        for text in getattr(party, "addresses", ()):
            network = ipaddress.ip_network(text)
            outside = not any(network.version == known.version and network.overlaps(known) for known in local)
            if outside and not party.jitter_buffer_ms:
                yield _warning(
                    f"trunks, {party.name}, jitter_buffer_ms",
                    "calls come over the internet, where packets overtake each other, and there is no jitter buffer",
                    "set it to 40",
                )
                break
    if plan.public_address and ipaddress.ip_address(plan.public_address).is_private:
        yield _warning(
            "public_address", f"{plan.public_address} is a private address", "give the one that the internet sees"
        )
