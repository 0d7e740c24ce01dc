"""What a request shows of who sends it: a key, a session's cookie, or that it comes from this machine."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from bridge.facts.addresses import is_loopback_host

COOKIE: Final = "callbridge_session"
"""Name of the cookie that holds a session's secret."""

SUBPROTOCOL: Final = "callbridge"
"""The WebSocket subprotocol that is answered to those who ask for any."""

_KEY_SUBPROTOCOL: Final = "bearer."
_FORWARDED: Final = frozenset({"forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def shown_key(connection: HTTPConnection) -> str | None:
    """The key of the header Authorization or, for a WebSocket, of the subprotocol `bearer.KEY`; None without either.

    A header that holds no key gives "", which is nobody's: a request that shows something is not taken for another's.
    """
    given = connection.headers.get("authorization")
    if given is not None:
        scheme, _, key = given.partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""
    for offered in connection.scope.get("subprotocols", ()):
        if offered.startswith(_KEY_SUBPROTOCOL):
            return str(offered).removeprefix(_KEY_SUBPROTOCOL)
    return None


def from_own_page(connection: HTTPConnection, public_url: str) -> bool:
    """Whether a browser says that a page of this server sends the request.

    Browsers name the page of whatever changes something and of each WebSocket (`Origin`), and most say of everything
    whose it is (`Sec-Fetch-Site`). What only reads may come without either, as when somebody types the address.
    """
    origin, site = connection.headers.get("origin"), connection.headers.get("sec-fetch-site")
    if origin is not None and not _is_own(origin, connection, public_url):
        return False
    reads = connection.scope["type"] == "http" and connection.scope["method"] in _SAFE
    if site is not None:
        return site == "same-origin" or (site == "none" and reads)
    return origin is not None or reads


def from_this_machine(connection: HTTPConnection, public_url: str) -> bool:
    """Whether nobody but a program or a browser of this machine can have sent the request.

    A proxy on this machine sends what others asked of it: its headers give it away. A page of another's that had its
    name lead here (DNS rebinding) has that name in `Host`.
    """
    headers = connection.headers
    if connection.client is None or not is_loopback_host(connection.client.host):
        return False
    if any(name in _FORWARDED or name.startswith("x-forwarded-") for name in headers):
        return False
    if not is_loopback_host(_split(f"//{headers.get('host', '')}").hostname or ""):
        return False
    by_browser = "origin" in headers or "sec-fetch-site" in headers
    return not by_browser or from_own_page(connection, public_url)


def is_https(connection: HTTPConnection, public_url: str) -> bool:
    """Whether the browser sees this server at an https address."""
    public = urlsplit(public_url)
    reached = connection.headers.get("host", "").lower()
    there = connection.scope.get("scheme") in ("https", "wss")
    return there or (public.scheme == "https" and reached == public.netloc.lower())


async def accept(socket: WebSocket) -> None:
    """Accept a WebSocket with the subprotocol `callbridge` where the client offers it; a key is never sent back."""
    await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", ()) else None)


def _is_own(origin: str, connection: HTTPConnection, public_url: str) -> bool:
    page, public = _split(origin.lower()), urlsplit(public_url.lower())
    if page.scheme not in ("http", "https") or not page.netloc:
        return False
    if page.netloc == connection.headers.get("host", "").lower():
        return True
    return (page.scheme, page.netloc) == (public.scheme, public.netloc)


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # such as a bracket that is never closed
        return urlsplit("")
