"""Every route and every socket of a real server, walked: no key, no entry; the wrong key, none either; no path tricks.

A route that is added is walked too. Whoever adds one that needs no key has to say so here.
"""

import asyncio
import json
import re

import httpx
import pytest
from fastapi import routing
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bridge.cli.api import description
from bridge.server.access.scopes import ALL_SCOPES
from bridge.server.api.openapi import operations, scopes_of
from tests.conftest import SHOP

NEEDS_NO_KEY = {
    "/",
    "/build.json",
    "/openapi.json",
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
}
"""What tells nothing of callers: the console's own files, whether the bridge is alive, its figures."""

HAS_A_SECRET_OF_ITS_OWN = re.compile(r"/(twilio|sip)/")
"""Carriers show a signature, a token or a password: tests/server/test_twilio_requests.py, tests/server/sip."""

SIGN_IN = {("POST", "/v1/session"), ("POST", "/api/session")}
ANY_KEY = "/v1/session"

SOCKETS = {
    "/v1/phone": "talk",
    "/v1/calls/{call_id}/listen": "calls:listen",
    "/ws/conversation": "talk",
    "/api/chat": "talk",
}
"""Each socket and the scope that it needs. Those below /v1 are at /api as well."""

TRICKS = (
    "..",
    "../api.key",
    "../../../../etc/passwd",
    "..%2fapi.key",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252fapi.key",
    "..%5c..%5capi.key",
    "%2fetc%2fpasswd",
    "shop%2f..%2f..%2fapi.key",
    "shop%00",
    "%00",
    "%0a",
    "%c0%ae%c0%ae%c0%afapi.key",
    "%ff%fe",
    "%f0%9f%93%9e",
    "%e2%80%ae",
    "~root",
    "$(id)",
    "'%20OR%201=1--",
    "con.yaml",
    "." * 300,
    "a" * 5000,
)
"""What stands in the place of a name: paths, encoded once and twice, NUL, overlong UTF-8, right to left, too long."""

NAMES = {"persona", "name", "voice", "trunk", "model"}
"""Fields of bodies that name something."""


def walk(app):
    """Path and methods of every route; no methods for a socket."""
    contexts = getattr(routing, "iter_route_contexts", iter)(app.routes)
    return [(route.path, sorted(getattr(route, "methods", None) or ())) for route in contexts]


@pytest.fixture(scope="module")
def scopes():
    """The scope of each method and path below /v1 and /api."""
    found = {}
    for path, method, operation in operations(description("http://bridge")):
        if path.startswith("/v1/") and not path.startswith(ANY_KEY):
            [scope] = scopes_of(operation)
            for prefix in ("/v1", "/api"):
                found[method.upper(), path.replace("/v1", prefix, 1)] = scope
    return found


@pytest.fixture
def open_server(serve):
    return lambda **settings: serve(rate_limit=None, wrong_key_limit=None, **settings)


def client(server, key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(base_url=server.local_url, headers=headers, trust_env=False, timeout=20)


def filled(path, value="nothing"):
    return re.sub(r"\{\w+\}", value, path)


def ours(server, scopes):
    """Method and path of every route that needs a key for something."""
    routes = [(method, path) for path, methods in walk(server.api) for method in methods]
    return [found for found in routes if found in scopes]


async def test_without_a_key_nothing_is_heard_read_or_changed(open_server, scopes):
    async with open_server() as server, client(server) as nobody, client(server, "guess") as guess:
        known = 0
        for path, methods in walk(server.api):
            if path in NEEDS_NO_KEY or path.startswith("/assets/") or HAS_A_SECRET_OF_ITS_OWN.match(path):
                continue
            for method in methods:
                if (method, path) in SIGN_IN:
                    assert (await nobody.request(method, path, json={"key": "guess"})).status_code == 401
                    continue
                assert (method, path) in scopes or path.split("/", 2)[2].startswith("session"), f"{method} {path}"
                for who in (nobody, guess):
                    answer = await who.request(method, filled(path))
                    assert answer.status_code == 401, f"{method} {path}"
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert answer.headers["cache-control"] == "no-store"
                known += 1
        assert known >= len(scopes)


async def test_a_key_is_good_for_what_it_was_made_for_and_nothing_else(open_server, scopes):
    async with open_server() as server:
        made = {}
        for scope in ALL_SCOPES:
            name = scope.replace(":", "-")
            made[scope] = (
                server.access.keys.create(name, {scope})[0],
                server.access.keys.create(f"not-{name}", ALL_SCOPES - {scope})[0],
            )
        async with client(server) as http:
            for method, path in ours(server, scopes):
                only, others = made[scopes[method, path]]
                header = {"Authorization": f"Bearer {others}"}
                answer = await http.request(method, filled(path), headers=header)
                assert answer.status_code == 403, f"{method} {path}"
                assert scopes[method, path] in answer.json()["detail"]
                header = {"Authorization": f"Bearer {only}"}
                async with http.stream(method, filled(path), headers=header) as answer:  # some never end
                    assert answer.status_code not in (401, 403, 500), f"{method} {path}"


async def test_without_a_key_no_socket_opens_and_a_key_opens_those_it_is_good_for(open_server, caplog):
    async with open_server() as server:
        outsider, _ = server.access.keys.create("reader", ALL_SCOPES - {"talk", "calls:listen"})
        server.access.keys.create("talk", {"talk"})

        async def refused(path, **given):
            url = server.local_url.replace("http", "ws") + filled(path)
            with pytest.raises(InvalidStatus) as denied:
                async with connect(url, proxy=None, **given):
                    pass
            return denied.value.response

        for path, methods in walk(server.api):
            if methods or HAS_A_SECRET_OF_ITS_OWN.match(path):
                continue
            scope = SOCKETS[path if path in SOCKETS else path.replace("/api/", "/v1/", 1)]
            assert (await refused(path)).status_code == 401, path
            assert (await refused(path, subprotocols=["callbridge", "bearer.guess"])).status_code == 401
            assert (await refused(path, additional_headers={"Origin": "https://evil.example"})).status_code == 401
            answer = await refused(path, additional_headers={"Authorization": f"Bearer {outsider}"})
            assert (answer.status_code, scope in json.loads(answer.body)["detail"]) == (403, True)
        assert "ERROR" not in caplog.text  # whoever knocks cannot fill the log


async def test_no_name_in_a_path_leads_anywhere_else(open_server, scopes, tmp_path):
    async with open_server() as server, client(server, server.api_key) as owner:
        before = files(tmp_path)
        for method, path in ours(server, scopes):
            if "{" not in path or path.startswith("/api/"):  # the same handlers
                continue
            for trick in TRICKS:
                if (path, trick) == ("/v1/calls/{call_id}/events", ".."):
                    continue  # clients make /v1/events of it, which is another address, and never ends
                raw = filled(path, trick).encode()
                url = owner.base_url.copy_with(raw_path=raw)
                change = {"If-None-Match": "*", "Content-Type": "text/yaml"} if method == "PUT" else {}
                answer = await owner.request(method, url, headers=change, content=SHOP if change else None)
                assert answer.status_code in (404, 405, 422), f"{method} {path} {trick[:40]}: {answer.status_code}"
                assert server.api_key not in answer.text
                assert "root:" not in answer.text
        assert files(tmp_path) == before


async def test_no_name_in_a_body_leads_anywhere_else(open_server, tmp_path):
    tricks = [
        "../api.key",
        "/etc/passwd",
        "..\\api.key",
        "shop\0",
        "\0",
        "",
        " ",
        "ｓｈｏｐ",
        "\u202eshop",
        "a" * 5000,
        "$(id)",
    ]
    tried = 0
    async with open_server() as server, client(server, server.api_key) as owner:
        before = files(tmp_path)
        for path, method, operation in operations(server.api.openapi()):
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            if not isinstance(body, dict):
                continue
            for field in NAMES & set(body):
                for trick in tricks:
                    answer = await owner.request(method, filled(path), json=body | {field: trick})
                    if path == "/v1/personas/check" and answer.status_code == 200:
                        assert not answer.json()["ok"]  # it lists what is wrong, and opens nothing
                        continue
                    assert answer.status_code in (404, 422), f"{method} {path} {field} {trick[:20]!r}: {answer.text}"
                    tried += 1
        for trick in tricks:
            form = {"name": trick, "consent": "true", "language": "en"}
            answer = await owner.post("/v1/voices", data=form, files={"audio": ("../../x.wav", b"RIFF")})
            assert answer.status_code in (404, 409, 422), trick
        assert files(tmp_path) == before
    assert tried >= 2 * len(tricks)


async def test_no_name_in_a_socket_leads_anywhere_else(open_server):
    async with open_server() as server:
        for trick in ("../shop", "/etc/passwd", "shop\0", "a" * 5000, ""):
            url = server.local_url.replace("http", "ws") + "/v1/phone"
            header = {"Authorization": f"Bearer {server.api_key}"}
            async with connect(url, proxy=None, additional_headers=header) as socket:
                await socket.send(json.dumps({"type": "start", "persona": trick, "format": "pcm24"}))
                async with asyncio.timeout(5):
                    await socket.wait_closed()
            assert 4400 <= socket.close_code < 4500 or socket.close_code in (1007, 1008), trick


async def test_uploads_are_bounded(open_server, scopes):
    async with open_server() as server, client(server, server.api_key) as owner:
        header = {"Content-Type": "application/octet-stream"}
        for method, path in ours(server, scopes):
            if method in ("POST", "PUT") and path.startswith("/v1/"):

                async def endless():
                    for _ in range(25_000_001 // 250_000 + 1):
                        yield b"x" * 250_000

                try:
                    answer = await owner.request(method, filled(path), content=endless(), headers=header)
                except httpx.TransportError:  # it was cut off while it was still sending
                    continue
                assert 400 <= answer.status_code < 500, f"{method} {path}"
        assert (await owner.get("/health/live")).status_code == 200


def files(folder):
    """Every file below a folder, but for those that the database keeps beside itself."""
    return {path.relative_to(folder) for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))}
