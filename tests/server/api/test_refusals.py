"""How the API answers where something is wrong that is nobody's fault who asks."""

import sqlite3

import httpx
from fastapi import APIRouter, FastAPI

from bridge.server.api.router import mount
from bridge.server.do_not_call import DoNotCall


async def test_a_database_that_cannot_be_read_is_told_as_such_and_not_as_a_fault(tmp_path, caplog):
    listed = DoNotCall(f"sqlite:///{tmp_path / 'calls.db'}")
    with sqlite3.connect(tmp_path / "calls.db") as connection:
        connection.execute("DROP TABLE do_not_call")
    router, app = APIRouter(), FastAPI()
    router.get("/listed")(lambda: listed.listed("+12025550143"))
    mount(app, [router])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bridge") as client:
        answer = await client.get("/v1/listed")
    listed.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "cannot be read" in answer.json()["detail"]
    assert "SELECT" not in answer.text
    assert "+12025550143" not in answer.text + caplog.text
    assert "GET /v1/listed" in caplog.text


async def test_what_was_sent_is_not_sent_back(api):
    async with api() as (_, client):
        answer = await client.post("/session", content=b'{"key": "secret", "token": "\\ud800", "more": NaN}')
        assert answer.status_code == 422
        assert "secret" not in answer.text
