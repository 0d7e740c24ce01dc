"""The numbers of an account, through the `twilio` library. Everything here blocks until Twilio has answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from twilio.rest import Client

from bridge.connect.configuration import Configuration, ConnectError
from bridge.facts.settings import Settings
from bridge.server.twilio_client import LIBRARY_ERRORS, in_words, twilio_client

MOST: Final = 1000
"""Numbers of an account that are looked at."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Owned:
    """A number of the account."""

    sid: str
    phone_number: str
    configuration: Configuration
    voice: bool = True


def client_of(settings: Settings) -> Client:
    """The client for the account of the settings. Raises `ConnectError` if they name none."""
    if not settings.twilio_account_sid or not settings.twilio_auth_token:
        raise ConnectError(
            "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are needed (environment or .env); both are on the first page of "
            "Twilio's console"
        )
    token = settings.twilio_auth_token.get_secret_value()
    return twilio_client(settings.twilio_account_sid, token, settings.twilio_api_url)


def numbers(client: Client) -> list[Owned]:
    """The account's numbers. Raises `TwilioError`."""
    return [_owned(one) for one in asked(lambda: client.incoming_phone_numbers.list(limit=MOST))]


def number(client: Client, phone_number: str) -> Owned:
    """One number of the account. Raises `ConnectError` if it is none, `TwilioError` if Twilio does not tell."""
    # Twilio's filter finds parts of numbers as well.
    found = asked(lambda: client.incoming_phone_numbers.list(phone_number=phone_number, limit=MOST))
    for one in found:
        if one.phone_number == phone_number:
            return _owned(one)
    others = [other.phone_number for other in numbers(client)]
    there = f"it has {', '.join(others[:5])}{' and others' if len(others) > 5 else ''}" if others else "it has none"
    raise ConnectError(f"{phone_number} is not a number of account {client.account_sid}; {there}")


def configure(client: Client, one: Owned, wanted: Configuration) -> Configuration:
    """Set a number's configuration; gives what Twilio has kept of it. Raises `TwilioError`."""
    return Configuration.of(asked(lambda: client.incoming_phone_numbers(one.sid).update(**wanted.as_dict())))


def asked(question: Callable[[], Answer]) -> Answer:
    """The library's answer. Raises `TwilioError`."""
    try:
        return question()
    except LIBRARY_ERRORS as error:
        raise in_words(error) from None


def _owned(one: object) -> Owned:
    capabilities = getattr(one, "capabilities", None) or {}
    return Owned(
        str(getattr(one, "sid", "")),
        str(getattr(one, "phone_number", "")),
        Configuration.of(one),
        bool(capabilities.get("voice", True)),
    )
