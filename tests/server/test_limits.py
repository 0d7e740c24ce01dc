"""Bounds on bodies, and the headers of every answer."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Request

from bridge.server import door
from bridge.server.access.access import DeniedError
from bridge.server.api.openapi import operations, scopes_of
from bridge.server.headers import HEADERS, with_headers
from bridge.server.limits import LARGER, limit_body

KB = 1024


@pytest.fixture
def client():
    """A client of an application that tells how long the body was, and whose bodies are bounded."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["POST", "PUT"])
    async def count(path: str, request: Request) -> int:
        return len(await request.body())

    async def known(connection, _scope):
        if connection.headers.get("authorization") != "Bearer the-key":
            raise DeniedError(401, "no key")

    wire = httpx.ASGITransport(limit_body(app, known))
    return httpx.AsyncClient(transport=wire, base_url="http://bridge", headers={"Authorization": "Bearer the-key"})


def pieces(size):
    async def stream():
        for begin in range(0, size, 16 * KB):
            yield b"x" * min(16 * KB, size - begin)

    return stream()


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [
        ("POST", "/twilio/voice", 64 * KB),
        ("POST", "/v1/calls", 64 * KB),
        ("POST", "/v1/audio/speech", 25_000_000),
        ("POST", "/api/audio/speech", 25_000_000),
        ("POST", "/v1/voices", 25_000_000),
        ("POST", "/api/voices", 25_000_000),
        ("PUT", "/v1/voices", 64 * KB),
        ("POST", "/v1/voices/../x", 64 * KB),
        ("PUT", "/v1/personas/dental", 256 * KB),
        ("PUT", "/api/personas/dental", 256 * KB),
        ("PUT", "/v1/personas/dental/more", 64 * KB),
        ("POST", "/v1/personas/check", 256 * KB),
        ("POST", "/v1/gate/try", 256 * KB),
    ],
)
async def test_each_path_has_its_bound_whether_the_length_is_declared_or_not(client, method, path, most):
    async with client:
        assert (await client.request(method, path, content=pieces(most))).json() == most
        assert (await client.request(method, path, content=pieces(most + 1))).status_code == 413
        if most < 1_000_000:
            assert (await client.request(method, path, content=b"x" * most)).json() == most
        refused = await client.request(method, path, content=b"x" * (most + 1))
        assert (refused.status_code, refused.json()["detail"]) == (413, f"the body is longer than {most} bytes")


async def test_who_shows_no_key_is_sent_away_before_an_upload_is_read(client):
    async with client:
        read = []

        async def upload():
            for _ in range(100):
                read.append(1)
                yield b"x" * 1000

        refused = await client.post("/v1/voices", content=upload(), headers={"Authorization": "Bearer guess"})
        assert (refused.status_code, read) == (401, [])


async def test_what_may_be_larger_asks_for_the_scope_that_its_route_asks_for(serve):
    async with serve() as server:
        described = {
            (method.upper(), path): scopes_of(operation) for path, method, operation in operations(server.api.openapi())
        }
        for larger in LARGER:
            [*found] = [found for found in described if found[0] == larger.method and larger.path.fullmatch(found[1])]
            assert found
            assert all(described[each] == [larger.scope] for each in found)


async def test_an_upload_has_more_time_than_other_requests_once_a_key_was_shown(serve, monkeypatch):
    monkeypatch.setattr(door, "REQUEST_SECONDS", 0.3)
    async with serve() as server:

        async def answered(path, key):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 5\r\n\r\n"
            writer.write(head.encode())
            await asyncio.sleep(0.6)
            writer.write(b"hello")
            try:
                return await reader.readline()
            except ConnectionError:
                return b""
            finally:
                writer.close()

        slow = answered("/v1/voices", server.api_key), answered("/v1/calls", server.api_key)
        upload, order = await asyncio.gather(*slow)
        assert upload.startswith(b"HTTP/1.1 4")
        assert order == b""
        assert not server.door.waiting


async def test_every_answer_tells_browsers_what_not_to_do_with_it(serve, http):
    async with serve() as server:
        for path in ("/", "/health", "/v1/calls", "/openapi.json", "/nothing", "/twilio/voice"):
            headers = (await http.get(server.local_url + path)).headers
            for name, value in HEADERS.items():
                if (path, name) != ("/", "Cache-Control"):
                    assert headers[name] == value, (path, name)
        assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_an_answer_keeps_the_headers_that_it_names_itself():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"max-age=1")]})
        await send({"type": "http.response.body"})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(with_headers(app)), base_url="http://bridge") as client:
        assert (await client.get("/")).headers.get_list("cache-control") == ["max-age=1"]
