"""Webhooks go where the rules let them, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.facts.errors import SettingsError
from bridge.server.webhooks.target import Resolve, allowed, parse_target, refusal


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://crm.example.com/calls", "crm.example.com", "/calls"),
        ("https://crm.example.com", "crm.example.com", "/"),
        ("http://127.0.0.1:9000/a?b=c#d", "127.0.0.1:9000", "/a?b=c"),
        ("https://[2001:db8::1]:8443/x", "[2001:db8::1]:8443", "/x"),
    ],
)
def test_an_address_is_taken_apart(url: str, authority: str, path: str) -> None:
    target = parse_target(url)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize("url", ["ftp://a/b", "crm.example.com", "https://", "http://a:99999/", "https://u:p@a/"])
def test_what_is_no_receiver_is_refused_with_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_URL"):
        parse_target(url)


@pytest.mark.parametrize(
    ("scheme", "address", "good"),
    [
        ("https", "93.184.215.14", True),
        ("http", "93.184.215.14", False),
        ("http", "127.0.0.1", True),
        ("http", "::1", True),
        ("http", "10.1.2.3", True),
        ("https", "192.168.1.4", True),
        ("http", "::ffff:10.1.2.3", True),
        ("https", "169.254.169.254", False),
        ("https", "::ffff:169.254.169.254", False),
        ("https", "fe80::1%eth0", False),
        ("https", "224.0.0.1", False),
        ("https", "0.0.0.0", False),
        ("https", "240.0.0.1", False),
        ("http", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", False),
    ],
)
def test_addresses_are_judged_by_their_network(scheme: str, address: str, good: bool) -> None:
    assert (refusal(parse_target(f"{scheme}://host.example/"), address) == "") is good


def answering(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        if not addresses:
            raise OSError(-2, "Name or service not known")
        return addresses

    return resolve


async def test_of_a_names_addresses_only_the_allowed_ones_are_tried() -> None:
    target = parse_target("https://crm.example.com/")
    assert await allowed(target, answering("169.254.1.1", "10.0.0.5")) == (["10.0.0.5"], "")
    assert (await allowed(target, answering("169.254.1.1")))[1].startswith("crm.example.com is 169.254.1.1")
    assert (await allowed(target, answering()))[1] == "crm.example.com has no address: Name or service not known"
