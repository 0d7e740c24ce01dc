"""The console's session: begun with a key or with the link of `callbridge console`, held by a cookie."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from bridge import __version__
from bridge.persona.schema import Closed
from bridge.server.access.access import OWNER, Access, DeniedError, Holder
from bridge.server.access.credentials import COOKIE, from_own_page, is_https
from bridge.server.access.scopes import Scope
from bridge.server.access.sessions import LINK_SECONDS, LONGEST_SECONDS

MAX_SECRET: Final = 512
"""Characters of a key or of a link's token."""

Secret = Annotated[str, Field(min_length=1, max_length=MAX_SECRET)]


class Credentials(Closed):
    """One of the two ways to begin a session."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"key": "cb_1f0a9c3e_…"}]})

    key: Secret | None = Field(default=None, description="A key, as for `Authorization: Bearer`.")
    token: Secret | None = Field(default=None, description="What stands behind `#token=` in the console's link.")

    @model_validator(mode="after")
    def _one(self) -> Credentials:
        if (self.key is None) == (self.token is None):
            raise ValueError("give either `key` or `token`")
        return self


class SessionInfo(BaseModel):
    """Who is using the console."""

    name: str = Field(description="The name of the key, or `loopback`.", examples=["reception"])
    scopes: list[Scope] = Field(description="What it is good for.", examples=[["calls:read", "talk"]])
    version: str = Field(description="The server's version.", examples=["0.1.0"])
    public_url: str = Field(description="Where the world reaches it.", examples=["https://bridge.example.com"])


class Link(BaseModel):
    """A way into the console, for one browser."""

    token: str = Field(description="Works once.", examples=["Jx3…"])
    seconds: float = Field(description="For how long it works.", examples=[LINK_SECONDS])
    public_url: str = Field(description="Where the world reaches the server.", examples=["https://bridge.example.com"])


def session_routes(access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["session"])

    def info(holder: Holder) -> SessionInfo:
        return SessionInfo(
            name=holder.name, scopes=sorted(holder.scopes), version=__version__, public_url=access.public_url
        )

    @router.post(
        "/session",
        summary="Begin a session",
        responses={
            401: {"description": "The key or token does not work."},
            403: {"description": "Another page than the console sent this."},
            429: {"description": "Too many wrong keys came from this address."},
            503: {"description": "The keys cannot be read at the moment."},
        },
    )
    async def begin(given: Credentials, request: Request, response: Response) -> SessionInfo:
        """The answer sets a cookie that only this server's own pages can use. It ends with its key.

        A session that is not used for 12 hours ends, and every session after seven days.
        """
        if "origin" in request.headers and not from_own_page(request, access.public_url):
            raise HTTPException(403, "another page than the console sent this")
        holder = await _of(access, given, request)
        response.set_cookie(
            COOKIE,
            access.sessions.begin(holder.key_id),
            max_age=int(LONGEST_SECONDS),
            secure=is_https(request, access.public_url),
            httponly=True,
            samesite="strict",
        )
        return info(holder)

    @router.get("/session", summary="Who am I, and what may I do?")
    async def look(holder: Holder = Depends(access.known)) -> SessionInfo:
        """For whoever shows a key or has a session; needs no scope."""
        return info(holder)

    @router.delete("/session", status_code=204, summary="End the session")
    async def end(request: Request, _holder: Holder = Depends(access.known)) -> Response:
        """Of the cookie that comes with the request. The key goes on working."""
        if secret := request.cookies.get(COOKIE):
            access.sessions.end(secret)
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=is_https(request, access.public_url))
        return answer

    @router.post("/session/link", status_code=201, summary="A link into the console, for one browser")
    async def link(holder: Holder = Depends(access.known)) -> Link:
        """For API_KEY alone: `callbridge console` asks for it."""
        if holder.key_id != OWNER:
            raise HTTPException(403, "this is for API_KEY alone")
        token = access.sessions.issue_link(holder.key_id)
        return Link(token=token, seconds=LINK_SECONDS, public_url=access.public_url)

    return router


async def _of(access: Access, given: Credentials, request: Request) -> Holder:
    """Who begins a session."""
    try:
        if given.token is not None:
            key_id = access.sessions.redeem(given.token)
            holder = await access.holder_of_id(key_id) if key_id else None
            detail = "this link was used already or is too old: `callbridge console` gives a new one"
        else:
            holder, detail = await access.holder_of_key(given.key or "", request), "this key does not work"
    except DeniedError as error:
        raise HTTPException(error.status, error.detail, error.headers) from None
    if holder is None:
        raise HTTPException(401, detail)
    return holder
