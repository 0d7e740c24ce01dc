"""Bounds on what arrives over HTTP, before anything reads it."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 64 * 1024
"""Bytes of a request's body. A webhook of Twilio's has under two thousand."""


def limit_body(app: ASGIApp, max_body: int = MAX_BODY) -> ASGIApp:
    """Answer 413 where a request's body is longer than `max_body` bytes, declared or not."""
    detail = f"the body is longer than {max_body} bytes"

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > max_body:
            await JSONResponse({"detail": detail}, status_code=413)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > max_body:
                raise HTTPException(413, detail)  # raised where the app reads, so the app itself answers with it
            return message

        await app(scope, counted, send)

    return limited
