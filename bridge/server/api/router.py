"""Where the API lies: every resource at /v1, and the same at /api.

`/v1` stays what it is. `/api` is always the newest version, and has addresses that clients of the model know already.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError

from bridge.server.api.refusals import malformed, unavailable
from bridge.server.database import StoreError


def mount(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Let `app` answer with `routers`, whose paths are relative. The description (OpenAPI) shows them once."""
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(StoreError, unavailable)
    for router in routers:
        app.include_router(router, prefix="/v1")
        app.include_router(router, prefix="/api", include_in_schema=False)
