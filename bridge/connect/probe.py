"""The requests of a probe: the voice webhook of a call that there is not, and the upgrade of its stream."""

from __future__ import annotations

import json
import ssl
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from bridge.facts.probe import FIELD

ANSWER_S: Final = 15.0
"""Twilio waits this long for a webhook's answer (error 11200)."""

HANDSHAKE_S: Final = 10.0
"""Twilio waits about this long for a stream's upgrade (error 31901)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `status` 0 where nothing did, and then `text` says why. Names of headers are in small letters."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def refusal(self) -> dict[str, Any]:
        """The server's own words of refusal; empty where somebody else refuses."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return {}
        ours = isinstance(body, dict) and body.get("error") == "forbidden" and "detail" in body
        return body if ours else {}

    @property
    def kind(self) -> str:
        """The content type, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Prober:
    """Asks one server as Twilio would, for one account."""

    def __init__(self, account_sid: str, auth_token: str, context: ssl.SSLContext) -> None:
        """`context` says which certificates are trusted."""
        self._account_sid, self._context = account_sid, context
        self._right, self._wrong = RequestValidator(auth_token), RequestValidator(uuid.uuid4().hex)

    async def voice(self, url: str, phone_number: str, *, forged: bool = False) -> Answer:
        """The voice webhook at `url` for a call to `phone_number`; `forged` signs it with another token."""
        form = {
            "CallSid": "CA" + uuid.uuid4().hex,
            "AccountSid": self._account_sid,
            "From": phone_number,
            "To": phone_number,
            "CallStatus": "ringing",
            "Direction": "inbound",
            "ApiVersion": "2010-04-01",
            FIELD: "1",
        }
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
            "X-Twilio-Signature": (self._wrong if forged else self._right).compute_signature(url, form),
        }
        began = time.monotonic()
        try:
            async with httpx.AsyncClient(verify=self._context, trust_env=False, timeout=ANSWER_S) as client:
                response = await client.post(url, data=form, headers=headers)
        except httpx.TimeoutException:
            return Answer(0, f"no answer within {ANSWER_S:g} s")
        except httpx.HTTPError as error:
            return Answer(0, str(error) or type(error).__name__)
        seconds = time.monotonic() - began
        return Answer(response.status_code, response.text, dict(response.headers.items()), seconds)

    async def stream(self, url: str, *, forged: bool = False) -> Answer:
        """Upgrade at `url`: 101 with the reason with which it was closed then, or the refusal."""
        # The header's name is lower-case in Twilio's upgrade.
        headers = {"x-twilio-signature": (self._wrong if forged else self._right).compute_signature(url, {})}
        try:
            async with connect(
                url,
                ssl=self._context if url.startswith("wss:") else None,
                additional_headers=headers,
                user_agent_header=None,
                compression=None,
                proxy=None,
                open_timeout=HANDSHAKE_S,
                close_timeout=2,
            ) as socket:
                try:
                    await socket.recv()
                except ConnectionClosed:
                    return Answer(101, socket.close_reason or "")
                return Answer(101, "something was said")
        except InvalidStatus as error:
            response = error.response
            body = (response.body or b"").decode(errors="replace")
            return Answer(response.status_code, body, {name.lower(): value for name, value in response.headers.items()})
        except TimeoutError:
            return Answer(0, f"no answer within {HANDSHAKE_S:g} s")
        except (OSError, InvalidHandshake) as error:
            return Answer(0, str(error) or type(error).__name__)
