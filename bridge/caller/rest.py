"""Twilio's REST API on a port of this machine, for the real `twilio` client: numbers, calls, the account itself.

Shapes, status codes and error bodies are those of https://www.twilio.com/docs/voice/api and /docs/usage/api. What is
kept and done is `Account`'s business.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.caller.account import Account, Call, Number, RestError, not_found

CONFIGURATION: Final = {
    "FriendlyName": "friendly_name",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}
"""What can be set of a number, and how the answer names it."""

URLS: Final = ("VoiceUrl", "VoiceFallbackUrl", "StatusCallback")

Handler = Callable[[Request, dict[str, list[str]]], Awaitable[tuple[int, dict[str, Any] | None]]]


@asynccontextmanager
async def rest_api(account: Account, port: int = 0) -> AsyncIterator[str]:
    """Serve the account, which is opened for it, on this machine; gives the address of the API."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the same port again, soon after
    listening.bind(("127.0.0.1", port))
    listening.listen()  # requests wait from now on, also before the server has come up
    config = uvicorn.Config(
        rest_app(account), log_level="warning", lifespan="off", date_header=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    async with account.open():
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True  # connections that a client keeps are not waited for
            await serving
            listening.close()


def rest_app(account: Account) -> Starlette:
    """The API as an application."""

    async def fetch_account(request: Request, form: dict[str, list[str]]) -> tuple[int, dict[str, Any] | None]:
        return 200, account_json(account)

    async def list_numbers(request: Request, form: dict[str, list[str]]) -> tuple[int, dict[str, Any] | None]:
        wanted = request.query_params.get("PhoneNumber", "")
        found = [number for number in account.numbers.values() if wanted in number.phone_number]
        page = [number_json(account, number) for number in found]
        return 200, _page(account, request, "IncomingPhoneNumbers", "incoming_phone_numbers", page)

    async def one_number(request: Request, form: dict[str, list[str]]) -> tuple[int, dict[str, Any] | None]:
        number = account.numbers.get(request.path_params["sid"])
        if number is None:
            raise not_found(request.url.path)
        if request.method == "POST":
            _configure(number, form)
        return 200, number_json(account, number)

    async def calls(request: Request, form: dict[str, list[str]]) -> tuple[int, dict[str, Any] | None]:
        if request.method == "POST":
            return 201, call_json(account, account.create(form))
        page = [call_json(account, call) for call in reversed(account.calls.values())]
        return 200, _page(account, request, "Calls", "calls", page)

    async def one_call(request: Request, form: dict[str, list[str]]) -> tuple[int, dict[str, Any] | None]:
        call = account.calls.get(request.path_params["sid"])
        if call is None:
            raise not_found(request.url.path)
        if request.method == "DELETE":
            del account.calls[call.sid]
            return 204, None
        return 200, call_json(account, account.update(call, form) if request.method == "POST" else call)

    base = "/2010-04-01/Accounts/{account}"
    return Starlette(
        routes=[
            Route(f"{base}.json", _answer(account, fetch_account), methods=["GET"]),
            Route(f"{base}/IncomingPhoneNumbers.json", _answer(account, list_numbers), methods=["GET"]),
            Route(f"{base}/IncomingPhoneNumbers/{{sid}}.json", _answer(account, one_number), methods=["GET", "POST"]),
            Route(f"{base}/Calls.json", _answer(account, calls), methods=["GET", "POST"]),
            Route(f"{base}/Calls/{{sid}}.json", _answer(account, one_call), methods=["GET", "POST", "DELETE"]),
        ]
    )


def _answer(account: Account, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        moment = datetime.now(UTC) + timedelta(seconds=account.clock_skew_s)
        headers = {"Date": format_datetime(moment, usegmt=True), "Twilio-Request-Id": "RQ" + secrets.token_hex(16)}
        try:
            _authenticate(account, request)
            if account.refuse:
                raise account.refuse.pop(0)
            form = parse_qs((await request.body()).decode(), keep_blank_values=True)
            status, body = await handler(request, form)
        except RestError as error:
            status, body = error.status, _error_json(error)
        if body is None:
            return Response(status_code=status, headers=headers)
        return JSONResponse(body, status, headers)

    return endpoint


def _authenticate(account: Account, request: Request) -> None:
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    good = scheme.lower() == "basic" and user == account.sid
    if not (good and secrets.compare_digest(password.encode(), account.auth_token.encode())):
        raise RestError(401, 20003, "Authenticate")
    if request.path_params["account"] != account.sid:
        raise not_found(request.url.path)


def _error_json(error: RestError) -> dict[str, Any]:
    body: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
        "status": error.status,
    }
    if error.code == 20003:
        body["detail"] = "Your AccountSid or AuthToken was incorrect."
    return body


def _configure(number: Number, form: Mapping[str, list[str]]) -> None:
    for name in URLS:
        if (url := form.get(name, [""])[0]) and not url.startswith(("http://", "https://")):
            raise RestError(400, 21502, f"{name} is not valid: {url}")
    for name, attribute in CONFIGURATION.items():
        if name in form:
            setattr(number, attribute, form[name][0])


def _page(account: Account, request: Request, resource: str, key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a list, with the links by which the client finds the next."""
    size, number = int(request.query_params.get("PageSize", 50)), int(request.query_params.get("Page", 0))
    uri, start = account.path(resource), size * number
    shown = rows[start : start + size]

    def link(page: int) -> str:
        return f"{uri}?{request.url.include_query_params(PageSize=size, Page=page).query}"

    return {
        key: shown,
        "first_page_uri": link(0),
        "previous_page_uri": link(number - 1) if number else None,
        "next_page_uri": link(number + 1) if start + size < len(rows) else None,
        "page": number,
        "page_size": size,
        "start": start,
        "end": max(0, start + len(shown) - 1),
        "uri": link(number),
    }


def account_json(account: Account) -> dict[str, Any]:
    """The account's resource."""
    return {
        "sid": account.sid,
        "friendly_name": "My account",
        "status": account.status,
        "type": "Full",
        "owner_account_sid": account.sid,
        "date_created": _rfc_2822(datetime(2026, 1, 1, tzinfo=UTC)),
        "date_updated": _rfc_2822(datetime(2026, 1, 1, tzinfo=UTC)),
        "uri": f"/2010-04-01/Accounts/{account.sid}.json",
        "subresource_uris": {"calls": account.path("Calls")},
    }


def number_json(account: Account, number: Number) -> dict[str, Any]:
    """A number's resource."""
    configuration = {attribute: getattr(number, attribute) for attribute in CONFIGURATION.values()}
    return configuration | {
        "sid": number.sid,
        "account_sid": account.sid,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name or number.phone_number,
        "trunk_sid": number.trunk_sid or None,
        "voice_application_sid": number.voice_application_sid or None,
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        "capabilities": {"voice": number.voice, "sms": True, "mms": False, "fax": False},
        "api_version": "2010-04-01",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "sms_url": "",
        "sms_method": "POST",
        "sms_fallback_url": "",
        "sms_fallback_method": "POST",
        "date_created": _rfc_2822(datetime(2026, 1, 1, tzinfo=UTC)),
        "date_updated": _rfc_2822(datetime(2026, 1, 1, tzinfo=UTC)),
        "uri": account.path(f"IncomingPhoneNumbers/{number.sid}"),
    }


def call_json(account: Account, call: Call) -> dict[str, Any]:
    """A call's resource."""
    number = account.number(call.to if call.direction == "inbound" else call.caller)
    return {
        "sid": call.sid,
        "account_sid": account.sid,
        "parent_call_sid": None,
        "to": call.to,
        "to_formatted": call.to,
        "from": call.caller,
        "from_formatted": call.caller,
        "phone_number_sid": number.sid if number else None,
        "status": call.status,
        "start_time": _rfc_2822(call.started),
        "end_time": _rfc_2822(call.ended),
        "duration": str(call.seconds) if call.ended else None,
        "price": None,
        "price_unit": "USD",
        "direction": call.direction,
        "answered_by": call.answered_by,
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": "",
        "queue_time": "0",
        "trunk_sid": None,
        "annotation": None,
        "api_version": "2010-04-01",
        "date_created": _rfc_2822(call.created),
        "date_updated": _rfc_2822(call.ended or call.started or call.created),
        "uri": account.path(f"Calls/{call.sid}"),
        "subresource_uris": {"recordings": account.path(f"Calls/{call.sid}/Recordings")},
    }


def _rfc_2822(moment: datetime | None) -> str | None:
    return format_datetime(moment) if moment else None
