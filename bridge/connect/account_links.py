"""The links of the chain that Twilio's REST API tells of: credentials, clock, and where each number's calls go."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from twilio.rest import Client

from bridge.connect.configuration import (
    FALLBACK_PATH,
    STATUS_PATH,
    TWIML_BINS,
    Configuration,
    ConnectError,
    connected,
    leads_to,
)
from bridge.connect.numbers import Owned, asked, client_of, number, numbers
from bridge.facts.findings import Finding, Level
from bridge.facts.settings import Settings
from bridge.server.twilio_client import TwilioError, clock_of

SKEW_NOTE_S: Final = 5.0
"""Clocks this far apart make transcripts hard to compare with Twilio's logs."""

SKEW_PROBLEM_S: Final = 60.0
"""Clocks this far apart make certificates and signed webhooks fail sooner or later."""


@dataclass(slots=True)
class AccountLinks:
    """What was found, and what the rest of the chain builds on.

    `targets` are the voice URLs to be tried, by number; `owned` the account's numbers among those asked for; `trusted`
    whether the credentials are right; `ahead_s` how far Twilio's clock is ahead of this machine's, None where it was
    not told.
    """

    findings: list[Finding] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)
    owned: set[str] = field(default_factory=set)
    trusted: bool = False
    ahead_s: float | None = None

    def add(self, name: str, level: Level, text: str, advice: str = "") -> None:
        """Note a finding."""
        self.findings.append(Finding(name, level, text, advice))


def look_at_account(
    settings: Settings, public_url: str | None, phone_number: str | None, now: Callable[[], datetime]
) -> AccountLinks:
    """Ask Twilio. Blocks until it has answered; what fails is among the findings."""
    links = AccountLinks()
    if _credentials(links, settings):
        client = client_of(settings)
        _account(links, client, settings)
        _clock(links, client, now)
        if links.trusted:
            _numbers(links, client, public_url, phone_number)
    if not links.trusted:
        links.add("number", Level.SKIPPED, "needs the credentials")
    foreign = links.trusted and phone_number not in links.owned
    if phone_number and public_url and not foreign and phone_number not in links.targets:
        # What the number would lead to, once it is connected.
        links.targets[phone_number] = connected(Configuration(), public_url, None, None, None).voice_url
    return links


def _credentials(links: AccountLinks, settings: Settings) -> bool:
    """Whether there are credentials that can be tried."""
    sid = settings.twilio_account_sid or ""
    if not sid or not settings.twilio_auth_token:
        missing = "TWILIO_ACCOUNT_SID" if not sid else "TWILIO_AUTH_TOKEN"
        advice = "Put it into .env or the environment; it is on the first page of Twilio's console."
        links.add("credentials", Level.PROBLEM, f"{missing} is not set", advice)
        return False
    if not re.fullmatch(r"AC[0-9a-f]{32}", sid):
        what = "is an API key's" if sid.startswith("SK") else "is no account SID"
        advice = "Account SIDs begin with AC and have 34 characters; it stands on the first page of Twilio's console."
        links.add("credentials", Level.PROBLEM, f"TWILIO_ACCOUNT_SID {what}", advice)
        return False
    return True


def _account(links: AccountLinks, client: Client, settings: Settings) -> None:
    try:
        account = asked(lambda: client.api.accounts(settings.twilio_account_sid).fetch())
    except TwilioError as error:
        refused = "Compare them with Twilio's console; an API key's secret is no auth token."
        advice = refused if error.status == 401 else "Can this machine reach api.twilio.com by HTTPS?"
        links.add("credentials", Level.PROBLEM, str(error), advice)
        return
    if account.status != "active":
        advice = "Twilio's console says why, and how to have it active again."
        links.add("credentials", Level.PROBLEM, f"the account is {account.status}", advice)
        return
    links.trusted = True
    if account.type == "Trial":
        text = "right; it is a trial account: callers hear Twilio's notice first, calls out reach verified numbers only"
        links.add("credentials", Level.NOTE, text)
    else:
        links.add("credentials", Level.GOOD, f"right for account {account.sid}")


def _clock(links: AccountLinks, client: Client, now: Callable[[], datetime]) -> None:
    told = clock_of(client)
    if told is None:
        links.add("clock", Level.SKIPPED, "Twilio did not tell its time")
        return
    links.ahead_s = (told - now()).total_seconds()
    links.findings.append(clock_finding("clock", "this machine's clock", -links.ahead_s))


def clock_finding(name: str, whose: str, fast_s: float) -> Finding:
    """What to say of a clock that is so many seconds ahead of Twilio's."""
    if abs(fast_s) <= SKEW_NOTE_S:
        return Finding(name, Level.GOOD, f"{whose} agrees with Twilio's within {SKEW_NOTE_S:g} s")
    text = f"{whose} is {abs(fast_s):.0f} s {'ahead of' if fast_s > 0 else 'behind'} Twilio's"
    level = Level.PROBLEM if abs(fast_s) > SKEW_PROBLEM_S else Level.NOTE
    return Finding(name, level, text, "Let it be set over the network: timedatectl set-ntp true, or chrony.")


# -- numbers


def _numbers(links: AccountLinks, client: Client, public_url: str | None, phone_number: str | None) -> None:
    try:
        if phone_number:
            found = [number(client, phone_number)]
        else:
            found = [one for one in numbers(client) if public_url and leads_to(one.configuration.voice_url, public_url)]
    except ConnectError as error:
        links.add("number", Level.PROBLEM, str(error), "Is it another account's, or one of a subaccount?")
        return
    except TwilioError as error:
        links.add("number", Level.PROBLEM, str(error), "Try again; Twilio's state is at status.twilio.com.")
        return
    if not found:
        advice = "callbridge twilio connect NUMBER --persona NAME"
        links.add("number", Level.PROBLEM, f"no number of the account leads to {public_url}", advice)
    for one in found:
        _number(links, one, public_url)


def _number(links: AccountLinks, one: Owned, public_url: str | None) -> None:
    name, now, again = "number", one.configuration, f"callbridge twilio connect {one.phone_number}"
    links.owned.add(one.phone_number)
    if not one.voice:
        links.add(name, Level.PROBLEM, f"{one.phone_number} has no voice capability", "Take a number that has.")
    elif now.trunk_sid or now.voice_application_sid:
        what = f"SIP trunk {now.trunk_sid}" if now.trunk_sid else f"TwiML app {now.voice_application_sid}"
        text = f"{one.phone_number} belongs to the {what}, so Twilio pays no heed to its voice URL"
        links.add(name, Level.PROBLEM, text, f"{again} takes it out of there.")
    elif public_url and not leads_to(now.voice_url, public_url):
        where = now.voice_url or "nowhere"
        text = f"{one.phone_number} leads to {where}, not to {public_url}/twilio/voice"
        links.add(name, Level.PROBLEM, text, f"{again}; or is PUBLIC_URL another's?")
    elif now.voice_method != "POST":
        text = f"{one.phone_number} asks its voice URL by {now.voice_method}"
        links.add(name, Level.PROBLEM, text, f"{again}, or choose HTTP POST in Twilio's console.")
    else:
        links.add(name, Level.GOOD, f"{one.phone_number} leads to {now.voice_url}")
        links.targets[one.phone_number] = now.voice_url
        _beside(links, one, public_url or "", again)


def _beside(links: AccountLinks, one: Owned, public_url: str, again: str) -> None:
    """The number's other two addresses: calls come without them, and less is known of the calls."""
    now = one.configuration
    if not leads_to(now.status_callback, public_url, STATUS_PATH):
        text = f"{one.phone_number} tells {now.status_callback or 'nobody'} of its calls' ends"
        links.add("status callback", Level.NOTE, text, f"{again} has the server told.")
    bin_advice = f"callbridge twilio bin --persona NAME prints a text for a TwiML Bin; {again} --fallback-url URL"
    if not now.voice_fallback_url:
        text = f"{one.phone_number} has none: when the server is away, callers hear Twilio's error message"
        links.add("fallback", Level.NOTE, text, bin_advice)
    elif leads_to(now.voice_fallback_url, public_url, FALLBACK_PATH):
        text = "lies on the same server, so it helps when an answer fails and not when the server is away"
        links.add("fallback", Level.NOTE, text, bin_advice)
    else:
        host = urlsplit(now.voice_fallback_url).hostname
        kept = "a TwiML Bin, which Twilio keeps" if host == TWIML_BINS else f"{host}"
        links.add("fallback", Level.GOOD, kept)
