"""The way to a public address: its form, its name, its port, its certificate."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from bridge.facts.findings import Finding, Level

CONNECT_S: Final = 10.0
"""Longest wait for a connection."""

EXPIRES_SOON_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Address:
    """Where a public address leads."""

    host: str
    port: int


def look_at_address(public_url: str | None) -> tuple[Finding, Address | None]:
    """Whether Twilio could use PUBLIC_URL at all. No address: nothing more can be tried."""
    name = "public address"
    if not public_url:
        advice = "Set it to the https address under which a proxy or tunnel makes the server reachable."
        return Finding(name, Level.PROBLEM, "PUBLIC_URL is not set", advice), None
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host:
        advice = "Twilio opens streams over wss:// only: put a proxy with a certificate, or a tunnel, in front."
        return Finding(name, Level.PROBLEM, f"PUBLIC_URL is {public_url}, not an https:// address", advice), None
    if _at_home(host):
        advice = "Twilio calls from outside: use a name that the world knows, by a proxy or a tunnel."
        return Finding(name, Level.PROBLEM, f"{host} is known on this machine or network only", advice), None
    return Finding(name, Level.GOOD, public_url), Address(host, parts.port or 443)


def _at_home(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))


async def look_at_way(address: Address, context: ssl.SSLContext) -> AsyncIterator[Finding]:
    """Resolve the name, open the port, shake hands: a finding each. The first problem is the last finding."""
    host, port = address.host, address.port
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        advice = "Make an A or AAAA record for it; a new one may take a while to be seen."
        yield Finding("dns", Level.PROBLEM, f"{host} cannot be resolved: {error.strerror or error}", advice)
        return
    yield Finding("dns", Level.GOOD, f"{host} is {found[0][4][0]}")
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        why = "nothing answers" if isinstance(error, TimeoutError) else error.strerror or str(error)
        advice = "Does the proxy or tunnel run, and does the firewall let port and protocol through?"
        yield Finding("port", Level.PROBLEM, f"port {port} of {host} cannot be reached: {why}", advice)
        return
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    yield Finding("port", Level.GOOD, f"{port} is open")
    yield await _certificate(address, context)


async def _certificate(address: Address, context: ssl.SSLContext) -> Finding:
    name = "certificate"
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname=address.host
            )
    except ssl.SSLCertVerificationError as error:
        advice = "Twilio refuses it too (error 11237): get one of a public authority, and serve the whole chain."
        return Finding(name, Level.PROBLEM, f"it is not trusted: {error.verify_message}", advice)
    except (OSError, TimeoutError) as error:
        advice = f"Does port {address.port} speak TLS?"
        why = "no answer" if isinstance(error, TimeoutError) else getattr(error, "reason", None) or error
        return Finding(name, Level.PROBLEM, f"the TLS handshake failed: {why}", advice)
    certificate = writer.get_extra_info("peercert") or {}
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return _expiry(name, str(certificate.get("notAfter", "")))


def _expiry(name: str, not_after: str) -> Finding:
    if not not_after:
        return Finding(name, Level.GOOD, "trusted")
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC)
    if (until - datetime.now(UTC)).days < EXPIRES_SOON_DAYS:
        return Finding(name, Level.NOTE, f"trusted until {until:%Y-%m-%d} only", "See that it is renewed in time.")
    return Finding(name, Level.GOOD, f"trusted until {until:%Y-%m-%d}")
