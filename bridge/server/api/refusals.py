"""How a request is answered that is not of the described form (422), or that the database refuses (503)."""

from __future__ import annotations

import json
import logging

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response

log = logging.getLogger("bridge.server")


async def malformed(request: Request, error: Exception) -> Response:
    """What was sent is not sent back: it may be secret, and no answer can hold half a surrogate pair, or NaN."""
    assert isinstance(error, RequestValidationError)
    detail = [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()]
    return Response(json.dumps({"detail": detail}), status_code=422, media_type="application/json")


async def unavailable(request: Request, error: Exception) -> Response:
    """What cannot be read or written at the moment; the words are the database driver's, and no caller's."""
    log.error("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "5"})
