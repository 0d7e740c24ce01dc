"""A client of a server's API."""

import contextlib

import httpx
import pytest


@pytest.fixture
def api(serve):
    """`async with api(**settings) as (server, client)`: the client holds the key and begins at /v1."""

    @contextlib.asynccontextmanager
    async def opened(**settings):
        async with (
            serve(**settings) as server,
            httpx.AsyncClient(
                base_url=f"{server.local_url}/v1",
                headers={"Authorization": f"Bearer {server.api_key}"},
                timeout=30,
                trust_env=False,
            ) as client,
        ):
            yield server, client

    return opened
