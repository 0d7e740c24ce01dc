"""How a request that is not of the described form is answered: 422, with what is wrong where."""

from __future__ import annotations

import json

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response


async def malformed(request: Request, error: Exception) -> Response:
    """What was sent is not sent back: it may be secret, and no answer can hold half a surrogate pair, or NaN."""
    assert isinstance(error, RequestValidationError)
    detail = [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()]
    return Response(json.dumps({"detail": detail}), status_code=422, media_type="application/json")
