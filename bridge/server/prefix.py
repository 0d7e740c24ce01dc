"""A server that the world reaches under a path of its proxy, such as https://example.com/phone."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def under_prefix(app: ASGIApp, public_url: str) -> ASGIApp:
    """Answer under the path of `public_url` too, for proxies that hand requests on with the path they came with."""
    prefix = urlsplit(public_url).path.rstrip("/")
    if not prefix:
        return app

    async def stripped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == prefix:  # where the console's own addresses would lead astray
            await RedirectResponse(f"{prefix}/", status_code=308)(scope, receive, send)
            return
        if scope["type"] in ("http", "websocket") and scope["path"].startswith(prefix + "/"):
            scope = dict(scope) | {"path": scope["path"][len(prefix) :]}
            scope.pop("raw_path", None)  # optional in ASGI, and now another
        await app(scope, receive, send)

    return stripped
