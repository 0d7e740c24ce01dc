"""Who may use the HTTP API: whoever holds a key, for what the key is good for."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, WebSocket
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import JSONResponse

from bridge.server.access.scopes import ALL_SCOPES, Scope

# At the module's level, because FastAPI looks there for the names in annotations.
_bearer = HTTPBearer(auto_error=False, description="API_KEY, or the content of DATA_DIR/api.key")

NO_KEY = "give the header Authorization: Bearer KEY (API_KEY, or the content of DATA_DIR/api.key)"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who has shown a key: its name, and what it is good for."""

    name: str
    scopes: frozenset[Scope]


class Access:
    """Owner of the question who may do what."""

    def __init__(self, api_key: str) -> None:
        """`api_key` is good for everything."""
        self._api_key = api_key

    def requires(self, scope: Scope) -> Callable[[HTTPAuthorizationCredentials | None], Holder]:
        """A dependency for routes that are open to holders of a key with `scope`: 401 without one, 403 without that."""

        def holds(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Holder:
            holder = self._holder(given.credentials if given else "")
            if holder is None:
                raise HTTPException(401, NO_KEY, {"WWW-Authenticate": "Bearer"})
            if scope not in holder.scopes:
                raise HTTPException(403, f"this key is not good for {scope}")
            return holder

        return holds

    async def admit(self, socket: WebSocket, scope: Scope) -> Holder | None:
        """Who opens this socket; None if it has been denied, for which the upgrade is answered with 401 or 403."""
        scheme, _, key = socket.headers.get("authorization", "").partition(" ")
        holder = self._holder(key if scheme.lower() == "bearer" else "")
        if holder and scope in holder.scopes:
            return holder
        detail = f"this key is not good for {scope}" if holder else NO_KEY
        await socket.send_denial_response(JSONResponse({"detail": detail}, 403 if holder else 401))
        return None

    def _holder(self, key: str) -> Holder | None:
        if not secrets.compare_digest(key.encode(), self._api_key.encode()):
            return None
        return Holder("API_KEY", ALL_SCOPES)
