"""Bounds on what arrives over HTTP, before anything reads it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.server.access.access import DeniedError
from bridge.server.door import MORE_TIME

MAX_BODY: Final = 64 * 1024
"""Bytes of a request's body. A webhook of Twilio's has under two thousand."""

LARGER: Final = (
    ("POST", re.compile(r"/(v1|api)/(audio/speech|voices)"), 25_000_000),
    ("PUT", re.compile(r"/(v1|api)/personas/[^/]+"), 256 * 1024),
    ("POST", re.compile(r"/(v1|api)/(personas/check|gate/try)"), 256 * 1024),
)
"""Where more may come, from whoever shows a key: recordings of four minutes, persona files."""

Known = Callable[[HTTPConnection], Awaitable[object]]
"""Raises `DeniedError` where nobody that we know sends a request."""


def limit_body(app: ASGIApp, known: Known) -> ASGIApp:
    """Answer 413 where a request's body is longer than it may be, declared or not.

    Whose body may be larger is asked who they are (`known`) before the first byte of it is read.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        most = _most(scope)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            await JSONResponse({"detail": _too_long(most)}, 413, {"Connection": "close"})(scope, receive, send)
            return
        if most > MAX_BODY:
            try:
                await known(HTTPConnection(scope))
            except DeniedError as error:
                await JSONResponse({"detail": error.detail}, error.status, error.headers)(scope, receive, send)
                return
            if grant := scope.get(MORE_TIME):
                grant()
        await app(scope, _counted(receive, most), send)

    return limited


def _most(scope: Scope) -> int:
    for method, path, most in LARGER:
        if scope["method"] == method and path.fullmatch(scope["path"]):
            return most
    return MAX_BODY


def _counted(receive: Receive, most: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, _too_long(most))  # raised where the app reads, so the app itself answers with it
        return message

    return counted


def _too_long(most: int) -> str:
    return f"the body is longer than {most} bytes"
