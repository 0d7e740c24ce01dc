"""Twilio's REST API through its own library: the client, with bounded waits, and its errors in words.

The library blocks: an event loop calls it by `asyncio.to_thread`.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bridge.facts.addresses import is_loopback
from bridge.facts.errors import BridgeError

API_URL: Final = "https://api.twilio.com"

TIMEOUT_S: Final = 10.0
"""Longest wait for one answer; a hang-up that takes longer is better tried again than waited for."""

GONE: Final = 20404
"""Twilio's code for what is not there: a call that has ended, when it is to be ended."""


class TwilioError(BridgeError):
    """A request to Twilio's REST API failed. `code` is Twilio's error code, 0 where Twilio could not be reached."""

    def __init__(self, message: str, code: int = 0, status: int = 0) -> None:
        """Keep Twilio's code and the HTTP status beside the message."""
        super().__init__(message)
        self.code, self.status = code, status


class _Http(TwilioHttpClient):  # type: ignore[misc]  # the library says nothing of its types
    """The library's HTTP, which also keeps what Twilio's clock said last."""

    def __init__(self, trust_env: bool) -> None:
        super().__init__(timeout=TIMEOUT_S)
        self.date: datetime | None = None
        self.session.trust_env = trust_env

    def request(self, *args: Any, **kwargs: Any) -> Response:
        response = super().request(*args, **kwargs)
        if date := (response.headers or {}).get("Date"):
            self.date = parsedate_to_datetime(date)
        return response


def twilio_client(account_sid: str, auth_token: str, api_url: str | None = None) -> Client:
    """The library's client for an account. `api_url` stands in for https://api.twilio.com."""
    client = Client(account_sid, auth_token, http_client=_Http(trust_env=not is_loopback(api_url or API_URL)))
    if api_url:
        client.api.base_url = api_url.rstrip("/")
    return client


def clock_of(client: Client) -> datetime | None:
    """The `Date` of Twilio's last answer to `client`."""
    http = client.http_client
    return http.date if isinstance(http, _Http) else None


def in_words(error: Exception) -> TwilioError:
    """An error of the library as one of ours, for a person to act on."""
    if isinstance(error, TwilioRestException):
        return TwilioError(_refusal(error.status, error.code or 0, error.msg), error.code or 0, error.status)
    if isinstance(error, TwilioException) and len(error.args) > 1 and isinstance(error.args[1], Response):
        # Lists are refused with the bare answer instead.
        status, code, message = _content(error.args[1])
        return TwilioError(_refusal(status, code, message), code, status)
    if isinstance(error, requests.exceptions.SSLError):
        return TwilioError(f"Twilio's certificate is not trusted here: {_plain(error)}")
    if isinstance(error, requests.exceptions.RequestException):
        return TwilioError(f"Twilio's REST API could not be reached: {_plain(error)}")
    return TwilioError(f"the request to Twilio failed: {_plain(error)}")


LIBRARY_ERRORS: Final = (TwilioException, requests.exceptions.RequestException)
"""What a call into the library may raise."""


def _content(response: Response) -> tuple[int, int, str]:
    try:
        body = json.loads(response.text)
        return response.status_code, int(body.get("code") or 0), str(body.get("message", ""))
    except (ValueError, AttributeError, TypeError):
        return response.status_code, 0, "the answer is not one of Twilio's"


def _refusal(status: int, code: int, message: str) -> str:
    match code:
        case 20003:
            return (
                "Twilio refuses the credentials: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN do not belong together. Both "
                "are on the first page of Twilio's console; after a change of the token use the new one"
            )
        case 20404:
            return "Twilio knows nothing of the kind (any more)"
        case 20429:
            return "Twilio is asked too often; try again in a minute"
        case 21210:
            return "calls can only be placed from a number of the account, or one that was verified there"
        case 21211:
            return "Twilio does not take the number that is to be called"
        case 21215 | 21216:
            return "the account may not call that number: see Voice → Settings → Geo permissions in Twilio's console"
        case 21219:
            return "a trial account calls verified numbers only"
        case 21220:
            return "the call is not in progress any more"
    return f"Twilio answered {status}: {_plain(message)}" + (f" (error {code})" if code else "")


def _plain(what: object) -> str:
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(what)).split())[:300]
