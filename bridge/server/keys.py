"""Who may use the HTTP API."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

# At the module's level, because FastAPI looks there for the names in annotations.
_bearer = HTTPBearer(auto_error=False, description="API_KEY, or the content of DATA_DIR/api.key")


def key_guard(api_key: str) -> Callable[[HTTPAuthorizationCredentials | None], None]:
    """A dependency for routes that are open to those who hold `api_key`."""

    def holds_key(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        if given is None or not secrets.compare_digest(given.credentials.encode(), api_key.encode()):
            raise HTTPException(
                401, "give the header Authorization: Bearer KEY (API_KEY, or the content of DATA_DIR/api.key)"
            )

    return holds_key
