"""One attempt to deliver a webhook, in bounded time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from bridge import __version__
from bridge.server.webhooks.outbox import Letter
from bridge.server.webhooks.signature import HEADER, sign
from bridge.server.webhooks.target import Resolve, Target, allowed

ATTEMPT_SECONDS: Final = 15.0
"""A receiver that has not answered by then counts as failed. It should take a message first and work on it later."""

MAX_RETRY_AFTER: Final = 4 * 3600.0
"""The longest pause that a receiver may ask for."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it: `error` in words, nothing if the receiver took it; the pause it asked for, in seconds."""

    error: str = ""
    retry_after: float = 0.0


async def look_up(host: str, port: int) -> Sequence[str]:
    """The host's addresses, from the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Delivery:
    """Sends letters to one receiver."""

    def __init__(
        self,
        target: Target,
        secret: str,
        clock: Callable[[], float],
        resolve: Resolve = look_up,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`clock` gives seconds since 1970; `trust` says whose certificates count, instead of the public authorities'.

        Proxies of the environment are not used, because the address is checked here.
        """
        self._target, self._secret, self._clock, self._resolve = target, secret, clock, resolve
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=ATTEMPT_SECONDS, verify=trust or True
        )

    async def attempt(self, letter: Letter) -> Attempt:
        """Send the letter once. Never raises for what the receiver does."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                addresses, why = await allowed(self._target, self._resolve)
                return await self._post(letter, addresses[0]) if addresses else Attempt(why)
        except (TimeoutError, httpx.TimeoutException):
            return Attempt(f"{self._target.host} did not answer within {ATTEMPT_SECONDS:g} s")
        except httpx.HTTPError as error:
            return Attempt(f"{self._target.host} is out of reach or broke off ({type(error).__name__})")

    async def close(self) -> None:
        """Drop the connections."""
        await self._client.aclose()

    async def _post(self, letter: Letter, address: str) -> Attempt:
        body = letter.payload
        headers = {
            "Host": self._target.authority,
            "Content-Type": "application/json",
            "User-Agent": f"callbridge/{__version__}",
            "Callbridge-Event": letter.event,
            "Callbridge-Id": letter.id,
            HEADER: sign(self._secret, body, int(self._clock())),
        }
        request = self._client.build_request(
            "POST",
            self._target.at(address),
            content=body,
            headers=headers,
            extensions={"sni_hostname": self._target.host},  # the certificate must be that of the name
        )
        response = await self._client.send(request, stream=True)  # nothing of its body is wanted
        await response.aclose()
        return self._judge(response)

    def _judge(self, response: httpx.Response) -> Attempt:
        if response.is_success:
            return Attempt()
        host, status = self._target.host, response.status_code
        if response.is_redirect:
            return Attempt(f"{host} redirects ({status}), which is not followed: set WEBHOOK_URL to the final address")
        hint = {401: "; check WEBHOOK_SECRET", 403: "; check WEBHOOK_SECRET", 404: "; check WEBHOOK_URL"}
        wait = response.headers.get("retry-after", "")
        pause = min(float(wait), MAX_RETRY_AFTER) if wait.isascii() and wait.isdigit() and len(wait) < 10 else 0.0
        return Attempt(f"{host} answered {status}{hint.get(status, '')}", pause)
