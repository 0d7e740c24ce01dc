"""Bounds on what arrives over HTTP, before anything reads it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.server.access.access import DeniedError
from bridge.server.access.scopes import Scope as AccessScope
from bridge.server.door import MORE_TIME

MAX_BODY: Final = 64 * 1024
"""Bytes of a request's body. A webhook of Twilio's has under two thousand."""

RECORDING: Final = 25_000_000
"""Bytes of a form with a recording: four minutes of 24 kHz, 16 bit, stereo."""

PERSONA: Final = 256 * 1024
"""Bytes of a persona's file, or of what holds one."""


@dataclass(frozen=True, slots=True)
class Larger:
    """Where more may come, and from whose keys."""

    method: str
    path: re.Pattern[str]
    most: int
    scope: AccessScope


LARGER: Final = (
    Larger("POST", re.compile(r"/(v1|api)/audio/speech"), RECORDING, "talk"),
    Larger("POST", re.compile(r"/(v1|api)/voices"), RECORDING, "voices:write"),
    Larger("PUT", re.compile(r"/(v1|api)/personas/[^/]+"), PERSONA, "personas:write"),
    Larger("POST", re.compile(r"/(v1|api)/(personas/check|gate/try)"), PERSONA, "personas:read"),
)

Known = Callable[[HTTPConnection, AccessScope], Awaitable[object]]
"""Raises `DeniedError` where a request is not from somebody who may do what the scope says."""


def limit_body(app: ASGIApp, known: Known) -> ASGIApp:
    """Answer 413 where a request's body is longer than it may be, declared or not.

    Whose body may be larger is asked who they are (`known`) before the first byte of it is read.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        larger = _larger(scope)
        most = larger.most if larger else MAX_BODY
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            await JSONResponse({"detail": _too_long(most)}, 413, {"Connection": "close"})(scope, receive, send)
            return
        if larger:
            try:
                await known(HTTPConnection(scope), larger.scope)
            except DeniedError as error:
                await JSONResponse({"detail": error.detail}, error.status, error.headers)(scope, receive, send)
                return
            if grant := scope.get(MORE_TIME):
                grant()
        await app(scope, _counted(receive, most), send)

    return limited


def _larger(scope: Scope) -> Larger | None:
    for larger in LARGER:
        if scope["method"] == larger.method and larger.path.fullmatch(scope["path"]):
            return larger
    return None


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
