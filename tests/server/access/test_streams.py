"""What stays open ends with its key, and one key has not any number of it."""

import asyncio
import contextlib
import sqlite3

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.server.access import streams
from bridge.server.access.access import DeniedError
from bridge.server.access.streams import REVOKED
from tests.server.test_running import until


@pytest.fixture
def client():
    def made(server, key):
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=server.local_url, headers=headers, trust_env=False, timeout=10)

    return made


def phone(server, key):
    url = server.local_url.replace("http", "ws") + "/v1/phone"
    return connect(url, proxy=None, additional_headers={"Authorization": f"Bearer {key}"})


async def begin(socket):
    await socket.send('{"type": "start", "persona": "shop", "format": "ulaw8"}')
    async with asyncio.timeout(5):
        assert '"started"' in await socket.recv()


async def test_a_socket_ends_with_its_key_and_the_call_in_it_is_recorded_to_its_end(serve, http):
    async with serve() as server:
        key, _ = server.access.keys.create("phone", {"talk"})
        async with phone(server, key) as socket, phone(server, server.api_key) as owner:
            await begin(socket)
            await begin(owner)
            await server.access.streams.check(server.access.holder_of_id)
            assert server.switchboard.calls == 2
            server.access.keys.revoke("phone")
            await server.access.streams.check(server.access.holder_of_id)
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(5):
                    while True:
                        await socket.recv()
            assert socket.close_code == REVOKED
            await until(lambda: server.switchboard.calls == 1)
            metrics = (await http.get(f"{server.local_url}/metrics")).text
            assert "callbridge_api_streams_ended_total 1.0" in metrics
            assert "callbridge_api_refused_total 0.0" in metrics
        await until(lambda: all(entry.ended_how for entry in server.store.list()))
        assert {entry.ended_how for entry in server.store.list()} == {"carrier_lost", "caller_hung_up"}


async def test_events_end_with_their_key(serve, client):
    async with serve() as server:
        key, entry = server.access.keys.create("reader", {"calls:read"})
        async with phone(server, server.api_key) as talking, client(server, key) as reader:
            await begin(talking)
            [call_id] = server.switchboard.live
            async with reader.stream("GET", f"/v1/calls/{call_id}/events") as events:
                lines = events.aiter_lines()
                await anext(lines)
                assert server.access.streams.of(entry.key_id) == 1
                server.access.keys.revoke("reader")
                await server.access.streams.check(server.access.holder_of_id)
                async with asyncio.timeout(5):
                    assert all(["ended" not in line async for line in lines])
            assert server.switchboard.calls == 1
            assert not server.access.streams.of(entry.key_id)


async def test_nobody_listens_in_with_a_key_that_was_revoked(serve):
    async with serve() as server:
        key, _ = server.access.keys.create("listener", {"calls:listen"})
        async with phone(server, server.api_key) as talking:
            await begin(talking)
            [call_id] = server.switchboard.live
            url = f"{server.local_url.replace('http', 'ws')}/v1/calls/{call_id}/listen"
            async with connect(url, proxy=None, additional_headers={"Authorization": f"Bearer {key}"}) as listening:
                assert '"format"' in await listening.recv()
                server.access.keys.revoke("listener")
                await server.access.streams.check(server.access.holder_of_id)
                async with asyncio.timeout(5):
                    await listening.wait_closed()
            assert listening.close_code == REVOKED
            assert server.switchboard.calls == 1


async def test_one_key_has_a_bounded_number_of_streams(serve, client, monkeypatch):
    monkeypatch.setattr(streams, "MAX_STREAMS", 2)
    async with serve() as server, contextlib.AsyncExitStack() as stack:
        key, entry = server.access.keys.create("both", {"talk", "calls:read"})
        first = await stack.enter_async_context(phone(server, key))
        await begin(first)
        [call_id] = server.switchboard.live
        reader = await stack.enter_async_context(client(server, key))
        events = f"/v1/calls/{call_id}/events"
        await stack.enter_async_context(reader.stream("GET", events))
        assert server.access.streams.of(entry.key_id) == 2
        with pytest.raises(InvalidStatus) as denied:
            await stack.enter_async_context(phone(server, key))
        assert denied.value.response.status_code == 429
        refused = await reader.get(events)
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
        assert (await reader.get("/v1/session")).status_code == 200
        await first.close()
        await until(lambda: server.access.streams.of(entry.key_id) < 2)
        await stack.enter_async_context(phone(server, key))


async def test_keys_that_cannot_be_read_end_nothing(serve):
    async with serve() as server:
        key, entry = server.access.keys.create("phone", {"talk"})
        async with phone(server, key) as socket:
            await begin(socket)
            with sqlite3.connect(server.settings.data_dir / "calls.db") as connection:
                connection.execute("DROP TABLE api_keys")
            with pytest.raises(DeniedError):
                await server.access.streams.check(server.access.holder_of_id)
            assert server.access.streams.of(entry.key_id) == 1
