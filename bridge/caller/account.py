"""An account at Twilio, as seen from outside: its numbers, its calls, and whom its calls reach.

The HTTP of it is in `rest.py`; here is what requests do: configure a number, place a call, lead a call elsewhere, end
it. People who ring one of the numbers come in over `ring`, so that requests find their calls as well.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from bridge.caller.carrier import CallReport, PhoneCall
from bridge.caller.dial import Callee
from bridge.caller.errors import CallError
from bridge.caller.live_stream import Talker
from bridge.caller.ticker import Ticker
from bridge.caller.twiml import Verb, parse_twiml
from bridge.caller.webhook import CallIds, Line, http_client
from bridge.persona.schema import E164

MAX_TWIML_FIELD: Final = 4000
"""Characters of the `Twiml` parameter."""

OVER: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""Statuses of calls that have ended."""

NOT_IN_PROGRESS: Final = "Call is not in-progress. Cannot redirect."

EVENTS: Final = ("initiated", "ringing", "answered", "completed")


class RestError(Exception):
    """A request that Twilio refuses: HTTP `status`, Twilio's `code` and its message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        """Keep the parts of Twilio's answer."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(slots=True)
class Number:
    """A number of the account and its configuration, under the names of Twilio's API."""

    phone_number: str
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    voice_application_sid: str = ""
    trunk_sid: str = ""
    friendly_name: str = ""
    voice: bool = True
    sid: str = field(default_factory=lambda: "PN" + uuid.uuid4().hex)


@dataclass(slots=True)
class Call:
    """A call as the API shows it. `report` is there when it has ended, `problem` where Twilio gave it up."""

    sid: str
    to: str
    caller: str
    direction: str
    status: str = "queued"
    answered_by: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None
    phone: PhoneCall | None = None
    report: CallReport | None = None
    problem: str = ""

    @property
    def seconds(self) -> int:
        """Length from answer to end, in whole seconds."""
        return round((self.ended - self.started).total_seconds()) if self.started and self.ended else 0


class Account:
    """Owner of the numbers and calls. Use it as `async with account.open():`, on one event loop."""

    def __init__(self, line: Line, *, sid: str = "", auth_token: str = "", status: str = "active") -> None:
        """`line` says how the bridge is reached, and how bad the line is; its numbers are of no account.

        `line` may be replaced between calls; its account is this one. `refuse` holds refusals for the requests to come,
        one each; `clock_skew_s` sets the clock of answers' `Date`.
        """
        self.sid = sid or "AC" + uuid.uuid4().hex
        self.auth_token = auth_token or uuid.uuid4().hex
        self.status = status
        self.numbers: dict[str, Number] = {}
        self.calls: dict[str, Call] = {}
        self.book: dict[str, Callee] = {}
        self.refuse: list[RestError] = []
        self.clock_skew_s = 0.0
        self.line = replace(line, account_sid=self.sid, auth_token=self.auth_token)
        self._ticker = Ticker(phases=20)
        self._client: httpx.AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, connections: int = 200) -> AsyncIterator[None]:
        """Let calls go on until the block ends; those that are left are hung up."""
        async with http_client(self.line.url, connections) as self._client, self._ticker.running():
            try:
                yield
            finally:
                for call in self.calls.values():
                    if call.phone:
                        call.phone.hang_up()
                await asyncio.gather(*self._tasks)

    def own(self, phone_number: str, **configuration: Any) -> Number:
        """Add a number to the account."""
        number = Number(phone_number, **configuration)
        self.numbers[number.sid] = number
        return number

    def number(self, phone_number: str) -> Number | None:
        """The number of the account, if it is one."""
        return next((number for number in self.numbers.values() if number.phone_number == phone_number), None)

    # -- calls to the account's numbers

    async def ring(self, to: str, caller: str, talker: Talker, **options: Any) -> CallReport:
        """Somebody rings `to`, as it is configured. `options` are those of `PhoneCall`. Raises `CallError`."""
        number = self.number(to)
        if number is None or not number.voice_url:
            raise CallError(f"{to} is no number of the account, or no voice URL is set for it", 21608)
        if number.trunk_sid or number.voice_application_sid:
            raise CallError(f"{to} belongs to a SIP trunk or a TwiML app; its own voice URL is not asked", 21608)
        line = replace(
            self.line,
            to=to,
            caller=caller,
            webhook=number.voice_url,
            fallback=number.voice_fallback_url,
            status_callback=number.status_callback,
        )
        call = self._enter(Call(CallIds.new().call_sid, to, caller, "inbound", "ringing"), line, talker, **options)
        call.status, call.started = "in-progress", datetime.now(UTC)
        await self._run(call, None)
        if call.report is None:
            raise CallError(call.problem)
        return call.report

    # -- calls that a request places

    def create(self, form: Mapping[str, list[str]]) -> Call:
        """Place a call. Raises `RestError`."""
        one = {name: values[0] for name, values in form.items()}
        to, caller = one.get("To", ""), one.get("From", "")
        if not to:
            raise RestError(400, 21201, "No 'To' number is specified")
        if not caller:
            raise RestError(400, 21213, "No 'From' number is specified")
        if not E164.fullmatch(to) and not to.startswith(("sip:", "client:")):
            raise RestError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if self.number(caller) is None:
            raise RestError(
                400,
                21210,
                f"The source phone number provided, {caller}, is not yet verified for your account. "
                "You may only make calls from phone numbers that you've verified or purchased from Twilio.",
            )
        verbs = self._verbs_of(one)
        if verbs is None and not one.get("Url", "").startswith(("http://", "https://")):
            raise RestError(400, 21205, "Url is not a valid URL: " + (one.get("Url") or "none is given"))
        events = form.get("StatusCallbackEvent", ["completed"])
        if unknown := [event for event in events if event not in EVENTS]:
            raise RestError(400, 21626, f"StatusCallbackEvent {unknown[0]} is not one of {', '.join(EVENTS)}")
        callee = self.book.get(to, Callee())
        line = replace(
            self.line,
            to=to,
            caller=caller,
            direction="outbound-api",
            webhook=one.get("Url", ""),
            fallback=one.get("FallbackUrl", ""),
            status_callback=one.get("StatusCallback", ""),
            status_events=tuple(events),
        )
        call = self._enter(Call(CallIds.new().call_sid, to, caller, "outbound-api"), line, callee.talker())
        task = asyncio.create_task(self._place(call, callee, verbs, one), name="outbound call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call

    def update(self, call: Call, form: Mapping[str, list[str]]) -> Call:
        """End a call, or lead it to other TwiML. Raises `RestError`."""
        one = {name: values[0] for name, values in form.items()}
        status = one.get("Status")
        if status is not None and status not in ("completed", "canceled"):
            raise RestError(400, 21218, f"Invalid Status: {status}")
        verbs, url = self._verbs_of(one), one.get("Url")
        if call.status in OVER or call.phone is None:
            if status:
                raise not_found(self.path(f"Calls/{call.sid}"))
            raise RestError(400, 21220, NOT_IN_PROGRESS)
        if not status and call.status != "in-progress":
            raise RestError(400, 21220, NOT_IN_PROGRESS)
        if status == "canceled" and call.status == "in-progress":
            return call  # only what has not been answered can be cancelled; Twilio leaves the others as they are
        phone = call.phone
        if status:
            phone.hang_up()
            call.status = "completed" if call.status == "in-progress" else "canceled"
        elif verbs is not None:
            phone.redirect(lambda: _given(verbs))
        elif url:
            phone.redirect(lambda: phone.webhooks.ask(url))
        return call

    def path(self, resource: str) -> str:
        """The path of a resource of this account."""
        return f"/2010-04-01/Accounts/{self.sid}/{resource}.json"

    def _verbs_of(self, one: Mapping[str, str]) -> tuple[Verb, ...] | None:
        text = one.get("Twiml")
        if text is None:
            return None
        if len(text) > MAX_TWIML_FIELD:
            raise RestError(400, 21623, f"Twiml is longer than {MAX_TWIML_FIELD} characters")
        try:
            return parse_twiml(text.encode())
        except CallError as error:
            raise RestError(400, error.code or 12100, f"Twiml: {error}") from None

    def _enter(self, call: Call, line: Line, talker: Talker, **options: Any) -> Call:
        assert self._client is not None, "the account is not open"
        ids = replace(CallIds.new(), call_sid=call.sid)
        call.phone = PhoneCall(line, talker, self._ticker, self._client, book=self.book, ids=ids, **options)
        self.calls[call.sid] = call
        return call

    async def _place(self, call: Call, callee: Callee, verbs: tuple[Verb, ...] | None, one: Mapping[str, str]) -> None:
        """From the dialling of an outbound call to its end."""
        phone = call.phone
        assert phone is not None
        await self._tell(call, "queued")
        call.status = "ringing"
        await self._tell(call, "ringing")
        patience = int(one.get("Timeout", 60))
        rung = await phone.wait(min(callee.ring_s, patience))
        if not rung or callee.answer != "answers" or callee.ring_s > patience:
            call.status = "canceled" if not rung else "no-answer" if callee.answer == "answers" else callee.answer
            await self._end(call)
            return
        call.status, call.started = "in-progress", datetime.now(UTC)
        await self._tell(call, "in-progress")
        found: dict[str, str] = {}
        if one.get("MachineDetection"):
            found = {"AnsweredBy": _found(callee.answered_by, one["MachineDetection"])}
            if one.get("AsyncAmd") == "true":
                phone.later(self._detect(call, callee, one.get("AsyncAmdStatusCallback", ""), found))
                found = {}
            else:
                await phone.wait(callee.detect_s)
                call.answered_by = found["AnsweredBy"]
        await self._run(call, verbs, **found)

    async def _detect(self, call: Call, callee: Callee, url: str, found: dict[str, str]) -> None:
        assert call.phone is not None
        if not await call.phone.wait(callee.detect_s):
            return
        call.answered_by = found["AnsweredBy"]
        if url:
            took = {"MachineDetectionDuration": str(round(callee.detect_s * 1000))}
            await call.phone.webhooks.tell(url, {**found, **took})

    async def _run(self, call: Call, verbs: tuple[Verb, ...] | None, **more: str) -> None:
        assert call.phone is not None
        try:
            call.report = await call.phone.run(verbs, **more)
        except CallError as error:
            call.problem = f"{error.code}: {error}"
        finally:
            call.status = "completed"
            await self._end(call)

    async def _end(self, call: Call) -> None:
        call.ended = datetime.now(UTC)
        await self._tell(call, call.status, CallDuration=str(call.seconds))
        call.phone = None

    async def _tell(self, call: Call, status: str, **more: str) -> None:
        assert call.phone is not None
        answered = {"AnsweredBy": call.answered_by} if call.answered_by else {}
        try:
            await call.phone.webhooks.call_event(status, **answered, **more)
        except CallError as error:
            call.problem = call.problem or f"{error.code}: {error}"


async def _given(verbs: tuple[Verb, ...]) -> tuple[Verb, ...]:
    return verbs


def _found(answered_by: str, detection: str) -> str:
    """What detection reports: the end of a machine's greeting is waited for only where that is asked for."""
    early = detection == "Enable" and answered_by.startswith("machine_end")
    return "machine_start" if early else answered_by


def not_found(path: str) -> RestError:
    """What Twilio answers where there is nothing (any more)."""
    return RestError(404, 20404, f"The requested resource {path} was not found")
