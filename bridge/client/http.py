"""One bridge, asked over HTTP."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from bridge.client.errors import ClientError, NotReachedError, ServerError, refusal
from bridge.client.sse import Event, events
from bridge.facts.addresses import is_loopback

TIMEOUT_S: Final = 30.0
"""How long an answer may take that is not an answer that goes on."""


class Channel:
    """Owner of the connections. May be used by several threads at once."""

    def __init__(self, url: str, key: str | None, timeout: float = TIMEOUT_S) -> None:
        """Nothing is asked yet. Proxies of the environment are used, but not for this machine."""
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=self.headers, timeout=timeout, trust_env=not is_loopback(self.url))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def ask(self, method: str, path: str, *, also: Collection[int] = (), **more: Any) -> httpx.Response:
        """One request and its whole answer; `more` is httpx's. Raises `ClientError`, but not for a status in `also`."""
        what = f"{method} {path}"
        try:
            response = self._client.request(method, f"{self.url}{path}", **_without_none(more))
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from None
        except httpx.InvalidURL as error:
            raise NotReachedError(f"{self.url} is no address of a bridge ({error})") from None
        if response.status_code >= 400 and response.status_code not in also:
            raise refusal(response.status_code, response.headers, response.content, what)
        return response

    def json(self, method: str, path: str, **more: Any) -> Any:
        """One request whose answer is JSON; None where it is empty. Raises `ClientError`."""
        response = self.ask(method, path, **more)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ServerError(f"{method} {path}: something else than a bridge answers at {self.url}") from None

    @contextmanager
    def stream(self, method: str, path: str, quiet_s: float | None, **more: Any) -> Iterator[httpx.Response]:
        """A request whose answer is read as it comes, at most `quiet_s` between two pieces. Raises `ClientError`."""
        timeout = httpx.Timeout(TIMEOUT_S, read=quiet_s)
        try:
            with self._client.stream(method, f"{self.url}{path}", timeout=timeout, **_without_none(more)) as response:
                if response.status_code >= 400:
                    raise refusal(response.status_code, response.headers, response.read(), f"{method} {path}")
                yield response
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from None

    def events(self, method: str, path: str, quiet_s: float | None = None) -> Iterator[Event]:
        """Server-sent events, until the bridge has no more. Raises `ClientError`."""
        with self.stream(method, path, quiet_s, headers={"Accept": "text/event-stream"}) as response:
            yield from events(response.iter_lines())

    def save(self, path: str, file: Path) -> Path:
        """Write an answer into a file, as it comes. Raises `ClientError` and OSError."""
        with self.stream("GET", path, TIMEOUT_S) as response, file.open("wb") as out:
            for piece in response.iter_bytes():
                out.write(piece)
        return file


def part(name: str) -> str:
    """A name as one part of a path: whatever stands in it, it leads to no other address."""
    if name in ("", ".", ".."):
        raise ClientError(f"{name!r} is no name")
    return quote(name, safe="")


def unreachable(url: str, error: Exception) -> NotReachedError:
    """There was no answer, or not a whole one."""
    return NotReachedError(
        f"no bridge answers at {url}: {error or type(error).__name__}. Is `callbridge serve` running?"
    )


def _without_none(more: Mapping[str, Any]) -> dict[str, Any]:
    """httpx's arguments; what is None among the parameters of the address is left out."""
    given = dict(more)
    if params := given.get("params"):
        given["params"] = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in params.items()
            if value is not None
        }
    return given
