"""How a number at Twilio is configured, and how it must be for its calls to reach a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from bridge.facts.errors import BridgeError

VOICE_PATH: Final = "/twilio/voice"
FALLBACK_PATH: Final = "/twilio/fallback"
STATUS_PATH: Final = "/twilio/call-status"

TWIML_BINS: Final = "handler.twilio.com"
"""Where Twilio keeps TwiML Bins. A fallback there answers whatever has become of our server."""


class ConnectError(BridgeError):
    """A number cannot be connected, disconnected or checked as asked."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What decides where a number's calls go, under the names of Twilio's API; empty is: not set.

    With `trunk_sid` or `voice_application_sid` set, Twilio pays no heed to the number's own addresses.
    """

    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    voice_application_sid: str = ""
    trunk_sid: str = ""

    @classmethod
    def of(cls, number: object) -> Configuration:
        """That of a number as the library gives it."""
        return cls.read({field.name: getattr(number, field.name, None) for field in fields(cls)})

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Configuration:
        """What `as_dict` gave; unknown names and what is no text are left aside."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in names and isinstance(value, str)})

    def as_dict(self) -> dict[str, str]:
        """Plain values; also the arguments of the library's `update`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs."""

    name: str
    before: str
    after: str


def connected(
    now: Configuration, public_url: str, persona: str | None, record: bool | None, fallback_url: str | None
) -> Configuration:
    """The configuration that leads a number's calls to the server at `public_url`.

    `persona` is pinned in the address, `record` too unless None. A fallback that lies in a TwiML Bin stays unless
    `fallback_url` names another.
    """
    query = {"persona": persona} if persona else {}
    # The fallback is asked for the same persona: its person is the one to be reached.
    about = f"?{urlencode(query)}" if query else ""
    if record is not None:
        query["record"] = str(int(record))
    voice = f"{public_url}{VOICE_PATH}" + (f"?{urlencode(query)}" if query else "")
    kept = now.voice_fallback_url if urlsplit(now.voice_fallback_url).hostname == TWIML_BINS else ""
    return replace(
        now,
        voice_url=voice,
        voice_method="POST",
        voice_fallback_url=fallback_url or kept or f"{public_url}{FALLBACK_PATH}{about}",
        voice_fallback_method="POST",
        status_callback=f"{public_url}{STATUS_PATH}",
        status_callback_method="POST",
        voice_application_sid="",
        trunk_sid="",
    )


def changes(before: Configuration, after: Configuration) -> list[Change]:
    """What must be changed to get from one to the other."""
    old, new = before.as_dict(), after.as_dict()
    return [Change(name, old[name], new[name]) for name in old if old[name] != new[name]]


def leads_to(url: str, public_url: str, path: str = VOICE_PATH) -> bool:
    """Whether `url` is that of a webhook of the server at `public_url`."""
    return plain(url).partition("?")[0] == plain(public_url + path)


def plain(url: str) -> str:
    """An address in the one form in which the same addresses are equal: small host, no default port."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return url
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    default = {"https": 443, "wss": 443, "http": 80, "ws": 80}.get(parts.scheme)
    return parts._replace(netloc=host if port in (None, default) else f"{host}:{port}").geturl()


def persona_in(voice_url: str) -> str | None:
    """The persona that a voice URL pins."""
    return parse_qs(urlsplit(voice_url).query).get("persona", [None])[0]


def public_address(url: str | None) -> str:
    """PUBLIC_URL as webhooks begin with it. Raises `ConnectError` where Twilio could not use it."""
    if not url:
        raise ConnectError("PUBLIC_URL is not set: it is the https:// address under which Twilio reaches the server")
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ConnectError(f"PUBLIC_URL is {url}; Twilio needs an https:// address, such as https://bridge.example.com")
    if parts.query or parts.fragment:
        raise ConnectError(f"PUBLIC_URL is {url}; it must end with the host or a path, without ? or #")
    return url.rstrip("/")
