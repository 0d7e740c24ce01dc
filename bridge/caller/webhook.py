"""Twilio's HTTP requests to the bridge: forms, signed as Twilio signs them, answered with TwiML."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
from twilio.request_validator import RequestValidator

from bridge.caller.errors import CallError
from bridge.caller.twiml import Verb, parse_twiml
from bridge.facts.addresses import is_loopback

API_VERSION = "2010-04-01"
"""The version of Twilio's API that its webhooks name."""

TIMEOUT_S = 15.0
"""Twilio waits this long for a webhook's answer (error 11200)."""

AUDIO_TYPES = frozenset(
    {"audio/wav", "audio/wave", "audio/x-wav", "audio/mpeg", "audio/basic", "audio/ulaw", "audio/aiff", "audio/x-aiff"}
)
"""Content types under which Twilio plays a file (error 13420 otherwise). Only WAV can be played here."""

MAX_AUDIO = 4 * 1024 * 1024
"""Longest file that is played here, in bytes: four minutes of telephone sound."""

XML_TYPES = ("application/xml", "text/xml", "text/html")
"""Content types under which Twilio reads an answer as TwiML (error 12300 otherwise)."""


@dataclass(frozen=True, slots=True)
class Line:
    """Who calls whom, and where the bridge is.

    `url` is the bridge's address; `public_url`, where set, is the address that the bridge believes it has: requests
    go to `url` and are signed for `public_url`, as they are when a tunnel or a proxy lies between. `persona` pins who
    answers and `record` whether the call is recorded; None leaves both to the server. `jitter_ms` delays
    each packet by a random time up to it, in order; `loss` is the share of packets never sent; `seed` fixes both.
    `settle_s` is how long the caller stays, silent, for frames that are still to come; a person does not.
    `handshake_s` is the longest wait for a stream to open, `play_s` the longest that a `<Play>` is listened to.

    `webhook` is the voice URL where a number's configuration names another than the bridge's own, `fallback` whom
    Twilio asks when that fails; `status_callback` is told of those `status_events` of the call that are asked for.
    """

    url: str
    to: str = "+12025550100"
    caller: str = "+12025550199"
    persona: str | None = None
    record: bool | None = None
    auth_token: str | None = None
    public_url: str | None = None
    account_sid: str = "AC00000000000000000000000000000000"
    jitter_ms: float = 0.0
    loss: float = 0.0
    seed: int = 0
    settle_s: float = 0.0
    handshake_s: float = 10.0
    play_s: float = math.inf
    webhook: str = ""
    fallback: str = ""
    status_callback: str = ""
    status_events: tuple[str, ...] = ("completed",)
    direction: str = "inbound"

    def voice_url(self) -> str:
        """The voice webhook, with the persona pinned and recording asked for or forbidden in its query."""
        if self.webhook:
            return self.webhook
        query = {"persona": self.persona} if self.persona else {}
        if self.record is not None:
            query["record"] = str(int(self.record))
        address = f"{(self.public_url or self.url).rstrip('/')}/twilio/voice"
        return f"{address}?{urlencode(query)}" if query else address

    def reach(self, url: str) -> str:
        """The address under which `url` is reached from here: the public one is swapped for the bridge's own."""
        if not self.public_url:
            return url
        asked, public, own = urlsplit(url), urlsplit(self.public_url), urlsplit(self.url)
        if asked.hostname != public.hostname:
            return url
        scheme = {"wss": "ws", "ws": "ws"}.get(asked.scheme, "http") + ("s" if own.scheme == "https" else "")
        return asked._replace(scheme=scheme, netloc=own.netloc).geturl()

    def sign(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, str]:
        """The signature header for a request to `url`; none without an auth token."""
        if not self.auth_token:
            return {}
        signature: str = RequestValidator(self.auth_token).compute_signature(url, dict(form or {}))
        return {"X-Twilio-Signature": signature}


@dataclass(frozen=True, slots=True)
class CallIds:
    """What Twilio calls this call."""

    call_sid: str
    stream_sid: str

    @classmethod
    def new(cls) -> CallIds:
        """Identifiers of Twilio's form: two letters and 32 hexadecimal digits."""
        return cls("CA" + uuid.uuid4().hex, "MZ" + uuid.uuid4().hex)


class Webhooks:
    """The HTTP side of one call, or of one leg that it dials. `here` is the address of the TwiML in force."""

    def __init__(self, line: Line, ids: CallIds, client: httpx.AsyncClient, parent_sid: str = "") -> None:
        """Requests go through `client`, which many calls may share. `parent_sid` is the call that dialled this leg."""
        self.here = line.voice_url()
        self._line = line
        self._ids = ids
        self._client = client
        self._parent_sid = parent_sid
        self._told = 0

    async def ring(self, **more: str) -> tuple[Verb, ...]:
        """The voice webhook for a call that begins. Raises `CallError`."""
        return await self.ask(
            self._line.voice_url(), "ringing" if self._line.direction == "inbound" else "in-progress", **more
        )

    async def ask(self, url: str, status: str = "in-progress", **more: str) -> tuple[Verb, ...]:
        """Ask `url` (relative ones count from the TwiML in force) how the call goes on; `more` goes into the form.

        Where that fails and the line has a fallback, the fallback is asked. Raises `CallError`.
        """
        absolute = urljoin(self.here, url)
        try:
            return await self._ask(absolute, status, more)
        except CallError as error:
            fallback = urljoin(self.here, self._line.fallback) if self._line.fallback else ""
            if not fallback or fallback == absolute:
                raise
            return await self._ask(fallback, status, {"ErrorCode": str(error.code or 11200), "ErrorUrl": absolute})

    async def _ask(self, absolute: str, status: str, more: Mapping[str, str]) -> tuple[Verb, ...]:
        response = await self._post(absolute, self._call_form(status) | dict(more))
        if response.status_code != httpx.codes.OK:
            raise CallError(_refusal(absolute, response), 11200)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in XML_TYPES:
            raise CallError(f"{absolute} answered with content type {kind or 'none'!r}; TwiML is text/xml", 12300)
        verbs = parse_twiml(response.content)
        self.here = absolute
        return verbs

    async def audio(self, url: str) -> bytes:
        """Fetch what `<Play>` names (relative addresses count from the TwiML in force). Raises `CallError`."""
        absolute = urljoin(self.here, url)
        try:
            response = await self._client.get(
                self._line.reach(absolute), headers={"User-Agent": "TwilioProxy/1.1"}, timeout=TIMEOUT_S
            )
        except httpx.HTTPError as error:
            raise CallError(f"{absolute} could not be reached: {error or type(error).__name__}", 11200) from None
        if response.status_code != httpx.codes.OK:
            raise CallError(_refusal(absolute, response), 11200)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in AUDIO_TYPES:
            raise CallError(f"{absolute} answered with content type {kind or 'none'!r}; Twilio plays audio", 13420)
        if len(response.content) > MAX_AUDIO:
            raise CallError(f"{absolute} is {len(response.content)} bytes long; {MAX_AUDIO} are played here", 0)
        return response.content

    async def call_event(self, status: str, **more: str) -> None:
        """Report the call's `status` to the line's status callback, if it is asked for. Raises `CallError`.

        Events are named initiated, ringing, answered, completed; an unanswered call ends in one of the last's statuses.
        """
        line = self._line
        event = {"queued": "initiated", "ringing": "ringing", "in-progress": "answered"}.get(status, "completed")
        if not line.status_callback or event not in line.status_events:
            return
        form = {"CallbackSource": "call-progress-events", "SequenceNumber": str(self._told), "Timestamp": _rfc_2822()}
        self._told += 1
        absolute = urljoin(line.voice_url(), line.status_callback)
        response = await self._post(absolute, self._call_form(status) | form | more)
        if response.is_error:
            raise CallError(f"the status callback {absolute} answered {response.status_code}", 15003)

    async def tell(self, url: str, form: Mapping[str, str]) -> None:
        """Post `form` with the call's identifiers to `url`, whose answer does not matter. Raises `CallError`."""
        absolute = urljoin(self.here, url)
        response = await self._post(absolute, {**self._ids_form(), **form})
        if response.is_error:
            raise CallError(f"the callback {absolute} answered {response.status_code}", 11200)

    async def stream_event(self, url: str, event: str, name: str, problem: str, stream_sid: str) -> None:
        """Report a stream's state: `stream-started`, `stream-stopped` or `stream-error`. Raises `CallError`."""
        form = {"StreamSid": stream_sid, "StreamName": name, "StreamEvent": event, "Timestamp": _iso_8601()}
        error = {"StreamError": problem, "StreamErrorCode": problem[:5]} if problem else {}
        await self.tell(url, form | error)

    def _ids_form(self) -> dict[str, str]:
        return {"AccountSid": self._line.account_sid, "CallSid": self._ids.call_sid}

    def _call_form(self, status: str) -> dict[str, str]:
        line = self._line
        parent = {"ParentCallSid": self._parent_sid} if self._parent_sid else {}
        return {
            **self._ids_form(),
            **parent,
            "From": line.caller,
            "Caller": line.caller,
            "To": line.to,
            "Called": line.to,
            "CallStatus": status,
            "Direction": line.direction,
            "ApiVersion": API_VERSION,
        }

    async def _post(self, url: str, form: Mapping[str, str]) -> httpx.Response:
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
            **self._line.sign(url, form),
        }
        try:
            return await self._client.post(self._line.reach(url), data=form, headers=headers, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            raise CallError(f"{url} could not be reached: {error or type(error).__name__}", 11200) from None


def _rfc_2822() -> str:
    return format_datetime(datetime.now(UTC))


def _iso_8601() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _refusal(url: str, response: httpx.Response) -> str:
    said = " ".join(response.text.split())[:200]
    message = f"{url} answered {response.status_code}" + (f": {said}" if said else "")
    if response.status_code == httpx.codes.FORBIDDEN:
        message += " (set TWILIO_AUTH_TOKEN to the server's own, so that the request can be signed)"
    return message


def http_client(url: str, connections: int = 10) -> httpx.AsyncClient:
    """A client for the bridge at `url`: proxies of the environment are used unless the bridge is this machine."""
    # A server keeps idle connections for longer (uvicorn: 5 s), so that none is used in the moment of its closing.
    limits = httpx.Limits(max_connections=max(connections, 10), keepalive_expiry=2.0)
    return httpx.AsyncClient(limits=limits, trust_env=not is_loopback(url))
