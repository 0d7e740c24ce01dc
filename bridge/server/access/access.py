"""Who may use the HTTP API: whoever holds a key, for what the key is good for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Security, WebSocket
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse

from bridge.server.access.credentials import COOKIE, from_own_page, from_this_machine, shown_key
from bridge.server.access.keys import ApiKeys, KeyEntry
from bridge.server.access.pace import Pace
from bridge.server.access.scopes import ALL_SCOPES, Scope
from bridge.server.access.sessions import Sessions
from bridge.server.access.streams import CHECK_SECONDS, MAX_STREAMS, Streams, TooManyStreamsError
from bridge.server.database import StoreError

log = logging.getLogger("bridge.access")

# At the module's level, because FastAPI looks there for the names in annotations. They describe (OpenAPI); the reading
# is done by `bridge.server.access.credentials`, for WebSockets too.
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of `callbridge keys create`, API_KEY, or the content of DATA_DIR/api.key.",
)
_cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="session", description="The console's session: `POST /v1/session`."
)

NO_KEY: Final = (
    "give the header Authorization: Bearer KEY, with a key of `callbridge keys create`, API_KEY, or the content of "
    "DATA_DIR/api.key"
)

OWNER: Final = "API_KEY"
"""The id of the key that is good for everything. Keys that were given out have ids of eight characters."""

NEXT_DOOR: Final = "loopback"
"""The name of whoever needs no key by LOOPBACK_WITHOUT_KEY."""

STRANGER: Final = "stranger"
"""The name of whoever needs no key by CHAT_WITHOUT_KEY."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who may do something: the name of their key, what it is good for, and its id."""

    name: str
    scopes: frozenset[Scope]
    key_id: str = ""


_OWNER = Holder("API_KEY", ALL_SCOPES, OWNER)
_NEXT_DOOR = Holder(NEXT_DOOR, ALL_SCOPES, NEXT_DOOR)
_STRANGER = Holder(STRANGER, frozenset[Scope]({"talk"}), STRANGER)
_LASTING: Final = frozenset({OWNER, NEXT_DOOR, STRANGER})
"""Those whose right is a setting, and does not end while the server runs."""


class DeniedError(Exception):
    """A request that is not let in: the HTTP status, words, and headers of the answer."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """Keep the parts of the answer."""
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


class Access:
    """Owner of the question who may do what."""

    def __init__(
        self,
        api_key: str,
        keys: ApiKeys,
        sessions: Sessions,
        pace: Pace,
        public_url: str,
        *,
        loopback_without_key: bool = False,
    ) -> None:
        """`api_key` is good for everything, and so is having none at this machine if `loopback_without_key`."""
        self.keys = keys
        self.sessions = sessions
        self.pace = pace
        self.streams = Streams()
        # Of their own: whoever comes in does not wait behind long work in the threads that all share.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="keys")
        self.public_url = public_url
        self._api_key = api_key
        self._loopback_without_key = loopback_without_key

    def close(self) -> None:
        """Give the database's connections back."""
        self._threads.shutdown(wait=False)
        self.keys.close()

    def requires(self, scope: Scope) -> Callable[..., Awaitable[Holder]]:
        """A dependency for routes that are open to holders of a key with `scope`.

        401 without a key, 403 with one that is not good for it, 429 where there were too many requests.
        """

        # As defaults: annotations are read where `scope` is not known. OpenAPI names the scope of each address by them.
        async def holds(
            request: Request,
            _key: HTTPAuthorizationCredentials | None = Security(_bearer, scopes=[scope]),
            _session: str | None = Security(_cookie, scopes=[scope]),
        ) -> Holder:
            try:
                return await self.holder(request, scope)
            except DeniedError as error:
                raise HTTPException(error.status, error.detail, error.headers) from None

        return holds

    async def known(
        self,
        request: Request,
        _key: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        _session: Annotated[str | None, Depends(_cookie)],
    ) -> Holder:
        """A dependency for what everybody may do who has a key, whatever it is good for."""
        try:
            return await self.holder(request)
        except DeniedError as error:
            raise HTTPException(error.status, error.detail, error.headers) from None

    async def admit(self, socket: WebSocket, scope: Scope) -> Holder | None:
        """Who opens this socket; None if it has been denied, for which the upgrade is answered as HTTP is.

        Accept it with `credentials.accept`, which answers the subprotocols that browsers insist on.
        """
        try:
            return await self.holder(socket, scope)
        except DeniedError as error:
            await socket.send_denial_response(JSONResponse({"detail": error.detail}, error.status, error.headers))
            return None

    async def admit_stranger(self, socket: WebSocket) -> Holder | None:
        """Let in whoever opens this socket, without a key; None if it has been denied: all strangers are one holder."""
        try:
            return await self._counted(socket, _STRANGER)
        except DeniedError as error:
            await socket.send_denial_response(JSONResponse({"detail": error.detail}, error.status, error.headers))
            return None

    async def holder(self, connection: HTTPConnection, scope: Scope | None = None) -> Holder:
        """Who sends this, if they may do what `scope` says; counts it. Raises `DeniedError`."""
        return await self._counted(connection, await self.identified(connection, scope))

    async def _counted(self, connection: HTTPConnection, holder: Holder) -> Holder:
        if seconds := await self.pace.take(holder.key_id):
            raise _too_many(seconds, "this key sends too many requests (RATE_LIMIT)")
        try:
            self.streams.enter(connection.scope, holder.key_id, revocable=holder.key_id not in _LASTING)
        except TooManyStreamsError:
            raise _too_many(CHECK_SECONDS, f"this key has {MAX_STREAMS} streams open") from None
        return holder

    def metrics(self) -> Iterable[Metric]:
        """How many are let in, and how many are not for their pace."""
        yield CounterMetricFamily("callbridge_api_refused", "Requests refused for their pace.", value=self.pace.refused)
        yield GaugeMetricFamily("callbridge_api_sessions", "Sessions of the console.", value=len(self.sessions))
        yield GaugeMetricFamily("callbridge_api_streams", "Sockets and event streams.", value=len(self.streams))
        yield CounterMetricFamily(
            "callbridge_api_streams_ended", "Those that ended because their key did.", value=self.streams.ended
        )

    async def watch(self) -> None:
        """End what stays open when its key works no more, for as long as the server runs."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            with contextlib.suppress(DeniedError):  # which is told already; what is open stays so
                await self.streams.check(self.holder_of_id)

    async def identified(self, connection: HTTPConnection, scope: Scope | None = None) -> Holder:
        """As `holder`, without counting: for what is asked before the route is. Raises `DeniedError`."""
        if (key := shown_key(connection)) is not None:
            holder = await self.holder_of_key(key, connection)
        else:
            holder = await self._without_key(connection)
        if holder is None:
            raise DeniedError(401, NO_KEY, {"WWW-Authenticate": "Bearer"})
        if scope is not None and scope not in holder.scopes:
            raise DeniedError(403, f"this key is not good for {scope}")
        return holder

    async def holder_of_key(self, key: str, connection: HTTPConnection) -> Holder | None:
        """Whose key this is, if it works. Raises `DeniedError` where that cannot be found out, or was tried too often.

        An address that showed too many wrong keys is not told of a right one either.
        """
        address = connection.client.host if connection.client else ""
        if seconds := await self.pace.wait_of(address):
            raise _too_many(seconds, "too many wrong keys came from your address (WRONG_KEY_LIMIT)")
        if secrets.compare_digest(key.encode(), self._api_key.encode()):
            return _OWNER
        holder = await self._looked_up(self.keys.find, key)
        if holder is None:
            await self.pace.wrong(address)
        return holder

    async def holder_of_id(self, key_id: str) -> Holder | None:
        """The holder of the key of that id, if it still works. Raises `DeniedError` where that cannot be found out."""
        if key_id == NEXT_DOOR:
            return _NEXT_DOOR
        return _OWNER if key_id == OWNER else await self._looked_up(self.keys.get, key_id)

    async def _without_key(self, connection: HTTPConnection) -> Holder | None:
        if (secret := connection.cookies.get(COOKIE)) and (key_id := self.sessions.key_of(secret)):
            if not from_own_page(connection, self.public_url):
                raise DeniedError(403, "another page than the console sent this with the console's session")
            if holder := await self.holder_of_id(key_id):
                return holder
            self.sessions.end(secret)
        if self._loopback_without_key and from_this_machine(connection, self.public_url):
            return _NEXT_DOOR
        return None

    async def _looked_up(self, look: Callable[[str], KeyEntry | None], text: str) -> Holder | None:
        """Read in a thread, with each request: a key works as soon as it is made, and no longer once it is revoked."""
        try:
            entry = await asyncio.get_running_loop().run_in_executor(self._threads, look, text)
        except StoreError as error:
            log.error("%s", error)
            raise DeniedError(
                503, "the keys cannot be read at the moment; API_KEY works", {"Retry-After": "5"}
            ) from None
        return Holder(entry.name, frozenset(entry.scopes), entry.key_id) if entry else None


def _too_many(seconds: float, detail: str) -> DeniedError:
    return DeniedError(429, f"{detail}; wait {seconds:.0f} s", {"Retry-After": f"{seconds:.0f}"})
