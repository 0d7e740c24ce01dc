"""How the API answers where something is wrong that is nobody's fault who asks."""

import sqlite3


async def test_a_database_that_cannot_be_read_is_told_as_such_and_not_as_a_fault(api, caplog):
    async with api() as (server, client):
        with sqlite3.connect(server.settings.data_dir / "calls.db") as connection:
            connection.execute("DROP TABLE calls")
        answer = await client.get("/calls")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "cannot be read" in answer.json()["detail"]
        assert "SELECT" not in answer.text
        assert "Traceback" not in caplog.text


async def test_what_was_sent_is_not_sent_back(api):
    async with api() as (_, client):
        answer = await client.post("/session", content=b'{"key": "secret", "token": "\\ud800", "more": NaN}')
        assert answer.status_code == 422
        assert "secret" not in answer.text
