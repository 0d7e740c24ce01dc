"""Twilio's signatures on webhooks and on the WebSocket upgrade.

Both are made over the address that Twilio was given, so they are checked against the configured public URL and never
against what a proxy's headers claim. The algorithm is the `twilio` library's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

_DEFAULT_PORTS = {"wss": 443, "ws": 80}


class Signatures:
    """Checks requests against one account's auth token; without one every request passes."""

    def __init__(self, auth_token: str | None, public_url: str) -> None:
        """`public_url` is the server's address as Twilio sees it, without a path."""
        self._validator = RequestValidator(auth_token) if auth_token else None
        self._public = public_url.rstrip("/")

    @property
    def required(self) -> bool:
        """Whether requests must be signed."""
        return self._validator is not None

    def webhook_problem(self, path_and_query: str, form: Mapping[str, Any], signature: str | None) -> str:
        """What is wrong with a webhook's signature, in words, or nothing."""
        if self._validator is None:
            return ""
        if not signature:
            return "the header X-Twilio-Signature is missing"
        if self._validator.validate(self._public + path_and_query, form, signature):
            return ""
        return f"the signature does not fit {self._public}{path_and_query}; is PUBLIC_URL the address Twilio calls?"

    def upgrade_problem(self, path: str, signature: str | None) -> str:
        """What is wrong with a stream's signature, in words, or nothing."""
        if self._validator is None:
            return ""
        if not signature:
            return "the header x-twilio-signature is missing"
        if any(self._validator.validate(url, {}, signature) for url in with_and_without_port(self.stream_url(path))):
            return ""
        return "the signature does not fit the stream's address; is PUBLIC_URL the address Twilio calls?"

    def address(self, path_and_query: str) -> str:
        """The public address of a path, over which its signature is made."""
        return self._public + path_and_query

    def stream_url(self, path: str) -> str:
        """The public address of a WebSocket path: https becomes wss, http becomes ws."""
        return "ws" + self._public.removeprefix("http") + path


def with_and_without_port(url: str) -> list[str]:
    """`url` with its default port written out and left out: either may have been signed."""
    parts = urlsplit(url)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or parts.port not in (None, default):
        return [url]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return [urlunsplit(parts._replace(netloc=netloc)) for netloc in (f"{host}", f"{host}:{default}")]
