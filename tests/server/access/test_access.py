"""Who is let in: by a key, by a session, from this machine; and who is not."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bridge.server.access.access import Access
from bridge.server.access.credentials import COOKIE, accept
from bridge.server.access.keys import ApiKeys
from bridge.server.access.pace import Pace
from bridge.server.access.scopes import ALL_SCOPES
from bridge.server.access.sessions import Sessions
from bridge.server.api.router import mount
from bridge.server.api.session import session_routes

PUBLIC = "https://bridge.example.com/phone"
BASE = "http://127.0.0.1:8080"
OWN = {"Origin": BASE}


class Place:
    """An application with one route of each kind, and clients as they come from various places."""

    def __init__(self, tmp_path, *, rate=None, wrong=None, **settings):
        self.keys = ApiKeys(f"sqlite:///{tmp_path / 'calls.db'}", lambda: datetime.now(UTC))
        self.now = 0.0
        self.access = Access("the-key", self.keys, Sessions(lambda: self.now), Pace(rate, wrong), PUBLIC, **settings)
        self.app = FastAPI()

        @self.app.api_route(
            "/calls", methods=["GET", "POST"], dependencies=[Depends(self.access.requires("calls:read"))]
        )
        async def calls():
            return "calls"

        mount(self.app, [session_routes(self.access)])

    def client(self, peer="127.0.0.1", base=BASE, **headers):
        wire = httpx.ASGITransport(self.app, client=(peer, 50000))
        return httpx.AsyncClient(transport=wire, base_url=base, headers=headers)

    async def status(self, method="GET", *, peer="127.0.0.1", base=BASE, **headers):
        async with self.client(peer, base) as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await client.request(method, "/calls", headers=named)).status_code


@pytest.fixture
def make(tmp_path):
    places = []

    def made(**settings):
        places.append(Place(tmp_path, **settings))
        return places[-1]

    yield made
    for place in places:
        place.access.close()


@pytest.fixture
def place(make):
    return make()


async def test_a_key_is_good_for_its_scopes_and_no_others(place):
    reader, _ = place.keys.create("reader", {"calls:read"})
    talker, _ = place.keys.create("talker", {"talk"})
    assert await place.status() == 401
    assert await place.status(Authorization="Bearer guess") == 401
    assert await place.status(Authorization="Basic dGhlLWtleQ==") == 401
    assert await place.status(Authorization="Bearer the-key") == 200
    assert await place.status(Authorization=f"bearer {reader}") == 200
    assert await place.status(Authorization=f"Bearer {talker}") == 403


async def test_a_key_works_at_once_and_no_longer_once_it_is_revoked(place):
    async with place.client() as client:
        key, _ = place.keys.create("reader", {"calls:read"})
        header = {"Authorization": f"Bearer {key}"}
        assert (await client.get("/calls", headers=header)).status_code == 200
        place.keys.revoke("reader")
        refused = await client.get("/calls", headers=header)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert "callbridge keys create" in refused.json()["detail"]


async def test_keys_that_cannot_be_read_stop_nobody_with_the_api_key(place, tmp_path, caplog):
    key, _ = place.keys.create("reader", {"calls:read"})
    place.keys._engine.dispose()
    (tmp_path / "calls.db").write_bytes(b"no database")
    for rest in ("-wal", "-shm"):
        (tmp_path / f"calls.db{rest}").unlink(missing_ok=True)
    assert await place.status(Authorization=f"Bearer {key}") == 503
    assert await place.status(Authorization="Bearer the-key") == 200
    assert "cannot be read" in caplog.text
    assert key not in caplog.text


async def test_a_session_is_begun_with_a_key_and_ends_with_it(place):
    key, _ = place.keys.create("reader", {"calls:read"})
    async with place.client() as client:
        assert (await client.get("/v1/session")).status_code == 401
        assert (await client.post("/v1/session", json={"key": key + "x"})).status_code == 401
        began = await client.post("/v1/session", json={"key": key}, headers=OWN)
        assert began.json() == {"name": "reader", "scopes": ["calls:read"], "version": "0.1.0", "public_url": PUBLIC}
        flags = began.headers["set-cookie"].lower()
        assert "httponly" in flags and "samesite=strict" in flags and "path=/" in flags and "secure" not in flags
        assert key not in began.headers["set-cookie"]
        assert (await client.get("/calls")).status_code == 200
        assert (await client.get("/v1/session")).json() == began.json()
        place.keys.revoke("reader")
        assert (await client.get("/calls")).status_code == 401
        assert len(place.access.sessions) == 0


async def test_a_session_that_is_ended_is_over_though_the_cookie_be_kept(place):
    async with place.client() as client:
        await client.post("/v1/session", json={"key": "the-key"})
        cookie = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        assert (await client.delete("/v1/session", headers=OWN)).status_code == 204
        assert COOKIE not in client.cookies
        assert (await client.get("/calls", headers=cookie)).status_code == 401


async def test_behind_https_the_cookie_never_travels_in_the_clear(place):
    async with place.client(base="http://bridge.example.com") as client:
        began = await client.post("/v1/session", json={"key": "the-key"})
        assert "secure" in began.headers["set-cookie"].lower()


@pytest.mark.parametrize("given", [{}, {"key": "a", "token": "b"}, {"key": ""}, {"key": "a" * 513}, {"pass": "a"}, []])
async def test_a_session_is_begun_with_one_of_two_things(place, given):
    async with place.client() as client:
        assert (await client.post("/v1/session", json=given)).status_code == 422


async def test_a_link_is_for_the_api_key_alone_and_opens_one_session(place):
    key, _ = place.keys.create("everything", ALL_SCOPES)
    async with place.client() as client:
        made = await client.post("/v1/session/link", headers={"Authorization": f"Bearer {key}"})
        assert made.status_code == 403
        made = (await client.post("/v1/session/link", headers={"Authorization": "Bearer the-key"})).json()
        assert made["public_url"] == PUBLIC
        assert (await client.post("/v1/session", json={"token": made["token"]})).json()["name"] == "API_KEY"
        assert (await client.get("/calls")).status_code == 200
        again = await client.post("/v1/session", json={"token": made["token"]})
        assert (again.status_code, "callbridge console" in again.json()["detail"]) == (401, True)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"Sec-Fetch-Site": "none"}, 200),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", {"Origin": "http://127.0.0.1:3000"}, 403),
        ("POST", {}, 403),
        ("POST", {"Sec-Fetch-Site": "none"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", OWN, 200),
        ("POST", {"Origin": "https://bridge.example.com"}, 200),
        ("POST", {"Origin": "http://bridge.example.com"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "http://[::1"}, 403),
        ("POST", {"Origin": "http://127.0.0.1:3000"}, 403),
        ("POST", {"Origin": BASE + ".evil.example"}, 403),
        ("POST", OWN | {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_only_our_own_pages_use_a_session(place, method, headers, status):
    secret = place.access.sessions.begin("API_KEY")
    assert await place.status(method, Cookie=f"{COOKIE}={secret}", **headers) == status
    assert await place.status(method, Cookie=f"{COOKIE}={secret}", Authorization="Bearer the-key", **headers) == 200


async def test_another_page_cannot_begin_a_session_here(place):
    async with place.client() as client:
        begun = await client.post("/v1/session", json={"key": "the-key"}, headers={"Origin": "https://evil.example"})
        assert (begun.status_code, len(place.access.sessions)) == (403, 0)


@pytest.mark.parametrize(
    ("peer", "base", "headers", "status"),
    [
        ("127.0.0.1", BASE, {}, 200),
        ("127.0.0.1", "http://localhost:8080", {}, 200),
        ("::1", "http://[::1]:8080", {}, 200),
        ("127.0.0.1", BASE, OWN, 200),
        ("127.0.0.1", BASE, {"Sec-Fetch-Site": "none"}, 200),
        ("192.0.2.1", BASE, {}, 401),
        ("127.0.0.1", "http://bridge.example.com", {}, 401),
        ("127.0.0.1", "http://rebound.example:8080", {"Origin": "http://rebound.example:8080"}, 401),
        ("127.0.0.1", BASE, {"Host": "127.0.0.1.evil.example"}, 401),
        ("127.0.0.1", BASE, {"Host": "["}, 401),
        ("127.0.0.1", BASE, {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", BASE, {"X-Forwarded-Proto": "https"}, 401),
        ("127.0.0.1", BASE, {"Forwarded": "for=127.0.0.1"}, 401),
        ("127.0.0.1", BASE, {"X-Real-IP": "127.0.0.1"}, 401),
        ("127.0.0.1", BASE, {"Via": "1.1 proxy"}, 401),
        ("127.0.0.1", BASE, {"Origin": "https://evil.example"}, 401),
        ("127.0.0.1", BASE, {"Origin": "null"}, 401),
        ("127.0.0.1", BASE, {"Sec-Fetch-Site": "cross-site"}, 401),
        ("127.0.0.1", BASE, {"Authorization": "Bearer guess"}, 401),
    ],
)
async def test_this_machine_needs_no_key_where_a_setting_says_so(make, peer, base, headers, status):
    assert await make(loopback_without_key=True).status(peer=peer, base=base, **headers) == status


async def test_this_machine_needs_a_key_unless_a_setting_says_otherwise(place):
    assert await place.status() == 401


async def test_a_socket_is_opened_by_header_by_subprotocol_or_by_the_session(serve):
    async with serve() as server:
        inner = server.app

        async def app(scope, receive, send):
            if scope["type"] != "websocket":
                await inner(scope, receive, send)
                return
            socket = WebSocket(scope, receive, send)
            if holder := await server.access.admit(socket, "talk"):
                await accept(socket)
                await socket.send_text(holder.name)

        server._http.config.loaded_app = app
        url = server.local_url.replace("http", "ws") + "/anything"
        reader, _ = server.access.keys.create("reader", {"calls:read"})
        talker, _ = server.access.keys.create("talker", {"talk"})

        async def opened(**given):
            try:
                async with connect(url, proxy=None, **given) as socket:
                    return await socket.recv(), socket.subprotocol
            except InvalidStatus as error:
                return error.response.status_code

        def cookie(secret, **more):
            return {"additional_headers": {"Cookie": f"{COOKIE}={secret}"} | more}

        assert await opened() == 401
        assert await opened(additional_headers={"Authorization": f"Bearer {reader}"}) == 403
        assert await opened(additional_headers={"Authorization": f"Bearer {talker}"}) == ("talker", None)
        assert await opened(subprotocols=["callbridge", f"bearer.{talker}"]) == ("talker", "callbridge")
        assert await opened(subprotocols=[f"bearer.{reader}", "callbridge"]) == 403
        assert await opened(subprotocols=["callbridge", "bearer.guess"]) == 401
        secret = server.access.sessions.begin("API_KEY")
        assert await opened(**cookie(secret, Origin=server.local_url)) == ("API_KEY", None)
        assert await opened(**cookie(secret)) == 403
        assert await opened(**cookie(secret, Origin="https://evil.example")) == 403


async def test_a_key_that_sends_too_much_is_told_how_long_to_wait_and_others_are_not(make):
    place = make(rate="3/hour")
    key, _ = place.keys.create("reader", {"calls:read"})
    async with place.client(Authorization=f"Bearer {key}") as client:
        assert [(await client.get("/calls")).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = await client.get("/v1/session")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 3600
        assert "RATE_LIMIT" in refused.json()["detail"]
    assert await place.status(Authorization="Bearer the-key") == 200


async def test_an_address_that_tries_wrong_keys_is_not_told_of_the_right_one(make):
    place = make(wrong="3/hour")
    secret = place.access.sessions.begin("API_KEY")
    async with place.client() as client:
        tried = [await client.post("/v1/session", json=given) for given in ({"key": "a"}, {"key": "b"}, {"key": "c"})]
        assert [answer.status_code for answer in tried] == [401, 401, 401]
        refused = await client.get("/calls", headers={"Authorization": "Bearer the-key"})
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
        assert (await client.post("/v1/session", json={"key": "the-key"})).status_code == 429
    assert await place.status(Cookie=f"{COOKIE}={secret}") == 200
    assert await place.status(peer="192.0.2.7", Authorization="Bearer the-key") == 200
    assert await place.status(peer="2001:db8::1", Authorization="Bearer the-key") == 200


async def test_neighbours_in_ipv6_are_one_address(make):
    place = make(wrong="2/hour")
    for last in (1, 2):
        assert await place.status(peer=f"2001:db8::{last}", Authorization="Bearer guess") == 401
    assert await place.status(peer="2001:db8::3", Authorization="Bearer the-key") == 429
    assert await place.status(peer="2001:db8:0:1::1", Authorization="Bearer the-key") == 200


async def test_on_a_real_server_a_proxy_does_not_make_others_this_machine(serve, http):
    async with serve(loopback_without_key=True, wrong_key_limit="2/hour") as server:
        url = f"{server.local_url}/v1/calls"

        async def status(**headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await http.get(url, headers=named)).status_code

        assert await status() == 200
        assert await status(X_Forwarded_For="127.0.0.1") == 401
        assert await status(Host="rebound.example") == 401
        for guess in ("a", "b"):
            assert await status(X_Forwarded_For="192.0.2.1", Authorization=f"Bearer {guess}") == 401
        right = f"Bearer {server.api_key}"
        assert await status(X_Forwarded_For="192.0.2.1", Authorization=right) == 429
        assert await status(X_Forwarded_For="192.0.2.2", Authorization=right) == 200
        sockets = server.local_url.replace("http", "ws") + "/v1/phone"
        async with connect(sockets, proxy=None):
            pass
        with pytest.raises(InvalidStatus) as denied:
            await connect(sockets, proxy=None, origin="https://evil.example")
        assert denied.value.response.status_code == 401
