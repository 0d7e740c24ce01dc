"""Bounds on what arrives over HTTP, before anything reads it."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 64 * 1024
"""Bytes of a request's body. A webhook of Twilio's has under two thousand."""


class _TooLargeError(Exception):
    """The body has grown beyond its bound."""


def limit_body(app: ASGIApp, max_body: int = MAX_BODY) -> ASGIApp:
    """Answer 413 where a request's body is longer than `max_body` bytes, declared or not."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        taken = 0
        answered = False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > max_body:
                raise _TooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        refusal = JSONResponse(
            {"error": "too_large", "detail": f"the body is longer than {max_body} bytes"}, status_code=413
        )
        if declared.isdigit() and int(declared) > max_body:
            await refusal(scope, receive, send)
            return
        try:
            await app(scope, counted, watched)
        except _TooLargeError:
            if not answered:
                await refusal(scope, receive, send)

    return limited
