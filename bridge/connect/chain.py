"""The whole chain from a number at Twilio to a call here, tried link by link: each failure is named by its link."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.connect.account_links import look_at_account
from bridge.connect.probe import Prober
from bridge.connect.server_links import look_at_server
from bridge.connect.way import look_at_address, look_at_way
from bridge.facts.findings import Finding, Level
from bridge.facts.settings import Settings

NEED_NUMBER: Final = Finding("webhook", Level.SKIPPED, "needs a number that leads here, or --number")


def _now() -> datetime:
    return datetime.now(UTC)


async def look_at_chain(
    settings: Settings,
    phone_number: str | None,
    context: ssl.SSLContext,
    now: Callable[[], datetime] = _now,
) -> AsyncIterator[Finding]:
    """Every link in the order in which a call meets it; what builds on a broken one is not tried.

    `context` says which certificates are trusted; `now` is this machine's clock, in UTC.
    """
    public_url = (settings.public_url or "").rstrip("/") or None
    account = await asyncio.to_thread(look_at_account, settings, public_url, phone_number, now)
    for finding in account.findings:
        yield finding
    finding, address = look_at_address(public_url)
    yield finding
    if address is None:
        return
    async for finding in look_at_way(address, context):
        yield finding
    if finding.level is Level.PROBLEM:
        return
    token = settings.twilio_auth_token
    if not settings.twilio_account_sid or token is None:
        yield Finding("webhook", Level.SKIPPED, "needs the credentials")
        return
    if not account.targets:
        yield NEED_NUMBER
    ahead = None if account.ahead_s is None else timedelta(seconds=account.ahead_s)
    twilios = None if ahead is None else lambda: now() + ahead
    prober = Prober(settings.twilio_account_sid, token.get_secret_value(), context)
    for number, voice_url in account.targets.items():
        async for finding in look_at_server(prober, number, voice_url, twilios, trusted=account.trusted):
            yield finding
