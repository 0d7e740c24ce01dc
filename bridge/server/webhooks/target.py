"""Where webhooks may go. What they carry is personal data, so that the rules are few and strict.

* https, with the certificate checked; http only to addresses of one's own network.
* Never to link-local, multicast, unspecified or reserved addresses: no receiver lives there, but metadata services do.
* The name is resolved for each attempt and the connection made to the very address that was checked.
* A redirect is not followed: it is a failure that names what to set WEBHOOK_URL to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bridge.facts.errors import SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host, the preferred one first. Raises `OSError` where there are none."""


@dataclass(frozen=True, slots=True)
class Target:
    """The receiver: `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What stands in the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: str) -> str:
        """The URL with an address in place of the name."""
        host = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{host}:{self.port}{self.path}"


_PORTS = {"http": 80, "https": 443}


def parse_target(url: str) -> Target:
    """The receiver at `url`. Raises `SettingsError` for what is no address of one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"WEBHOOK_URL: {error}. It looks like https://crm.example.com/calls.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SettingsError("WEBHOOK_URL is not an http address; it looks like https://crm.example.com/calls.")
    if parts.username is not None or parts.password is not None:
        raise SettingsError("WEBHOOK_URL holds a password, which logs and proxies would see: the signature is proof.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path)


def refusal(target: Target, address: str) -> str:
    """Why nothing is sent to an address, in words; nothing if it may be."""
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if found.is_loopback:
        return ""
    if found.is_link_local or found.is_multicast or found.is_unspecified or found.is_reserved:
        return f"{target.host} is {found}, where no receiver of webhooks can be"
    if target.scheme == "http" and not found.is_private:
        return f"{target.host} is {found}, outside of your own network: use https"
    return ""


async def allowed(target: Target, resolve: Resolve) -> tuple[list[str], str]:
    """The addresses to try, or why there are none."""
    try:
        addresses = await resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        return [], f"{target.host} has no address: {getattr(error, 'strerror', None) or error}"
    refusals = {address: refusal(target, address) for address in addresses}
    good = [address for address, why in refusals.items() if not why]
    return good, "" if good else next(iter(refusals.values()), f"{target.host} has no address")
