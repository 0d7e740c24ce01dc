"""The whole house as server-sent events, from a real server."""

import asyncio
import json

import numpy as np
import pytest

from bridge.server.browser import events, onlookers
from bridge.server.browser.onlookers import MAX_EVENTS, Onlooker


class Stream:
    """Events as they come; `until` waits for one."""

    def __init__(self, lines):
        self._lines, self.seen = lines, []

    async def next(self):
        kind = data = ""
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    data = line.removeprefix("data: ")
                elif line.startswith(":"):
                    return ("comment", line)
                elif not line and kind:
                    self.seen.append((kind, json.loads(data)))
                    return self.seen[-1]
        raise EOFError

    async def until(self, kind, fits=lambda data: True):
        while True:
            event, data = await self.next()
            if event == kind and fits(data):
                return data


def follow(http, server, key=None):
    headers = {"Authorization": f"Bearer {key or server.api_key}"}
    return http.stream("GET", f"{server.local_url}/v1/events", headers=headers, timeout=20)


def tone(milliseconds):
    return (8000 * np.sin(np.arange(24 * milliseconds) / 8)).astype("<i2").tobytes()


async def test_the_state_comes_first_and_again_when_a_call_begins_and_ends(serve, ring, http):
    async with serve(slots=3) as server, follow(http, server) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer.aiter_lines())
        assert await stream.next() == (
            "state",
            {
                "calls": [],
                "waiting": [],
                "capacity": 3,
                "free": 3,
                "engine": "echo",
                "engine_state": "ready",
            },
        )
        async with ring(server) as phone:
            call_id = (await phone.start(persona="shop"))["call_id"]
            playing = asyncio.create_task(phone.play(tone(2000)))
            state = await stream.until("state", lambda state: state["calls"])
            [call] = state["calls"]
            assert state["free"] == 2
            assert {key: call[key] for key in ("call_id", "persona", "business", "direction", "carrier")} == {
                "call_id": call_id,
                "persona": "shop",
                "business": "Corner Shop",
                "direction": "inbound",
                "carrier": "browser",
            }
            assert (call["recorded"], call["listenable"]) == (False, True)
            await phone.say(type="digit", digit="4")
            record = await stream.until("record", lambda told: told["record"]["type"] == "digit")
            assert record["call_id"] == call_id
            levels = await stream.until("levels", lambda told: told["levels"][call_id][1] > -30)
            assert -20 < levels["levels"][call_id][0] < -10
            playing.cancel()
            await phone.say(type="hangup")
            ended = await stream.until("record", lambda told: told["record"]["type"] == "ended")
            assert ended["record"]["how"] == "caller_hung_up"
            assert (await stream.until("state", lambda state: not state["calls"]))["free"] == 3


async def test_where_numbers_are_masked_they_are_so_here(serve, http):
    async with serve(redact=True, slots=1) as server, follow(http, server) as answer:
        server.switchboard.queue.join("key", _ticket(server), 60, 60)
        stream = Stream(answer.aiter_lines())
        state = await stream.until("state", lambda state: state["waiting"])
        [waiting] = state["waiting"]
        assert waiting["place"] == 1
        assert "2025550143" not in waiting["from"]
        server.switchboard.queue.leave("key")


def _ticket(server):
    from bridge.server.tokens import Ticket

    duty = server.book.by_name("shop")
    return Ticket("0" * 16, "key", duty.persona, duty.key, "+12025550143", "+12025550111", record=False)


async def test_a_line_that_means_nothing_keeps_a_silent_stream_alive(serve, http, monkeypatch):
    monkeypatch.setattr(events, "QUIET_SECONDS", 0.05)
    async with serve() as server, follow(http, server) as answer:
        stream = Stream(answer.aiter_lines())
        await stream.next()
        assert (await stream.next())[0] == "comment"


async def test_nobody_looks_without_a_key_for_it_and_only_so_many_at_once(serve, http, monkeypatch):
    monkeypatch.setattr(onlookers, "MAX_ONLOOKERS", 1)
    async with serve() as server:
        key, _ = server.access.keys.create("talker", ["talk"])
        async with follow(http, server, key) as answer:
            assert answer.status_code == 403
        async with follow(http, server) as first:
            await Stream(first.aiter_lines()).next()
            async with follow(http, server) as second:
                assert second.status_code == 429
                assert second.headers["retry-after"]
        async with asyncio.timeout(5):
            while server.onlookers.full:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_the_streams_end_with_the_server(serve, http):
    async with serve() as server, follow(http, server) as answer:
        stream = Stream(answer.aiter_lines())
        await stream.next()
        server.switchboard.draining = True
        with pytest.raises(EOFError):
            while True:
                await stream.next()


def test_whoever_does_not_read_loses_what_waits_and_is_told_by_its_owner():
    onlooker = Onlooker()
    assert all(onlooker.tell(b"x") for _ in range(MAX_EVENTS))
    assert not onlooker.tell(b"x")
    assert onlooker.lost == MAX_EVENTS + 1
    assert onlooker.tell(b"y")
    big = bytes(onlookers.MAX_BYTES)
    assert not onlooker.tell(big)


async def test_of_the_levels_only_the_latest_wait():
    onlooker = Onlooker()
    onlooker.tell(b"event;")
    onlooker.tell_levels(b"old;")
    onlooker.tell_levels(b"new;")
    assert await onlooker.next(1) == b"event;new;"
    assert await onlooker.next(0.01) == b""
    onlooker.tell(b"last;")
    onlooker.end()
    assert await onlooker.next(1) == b"last;"
    assert await onlooker.next(1) is None


async def test_where_nobody_looks_no_call_is_measured(serve, ring, http):
    async with serve() as server, ring(server) as phone:
        call_id = (await phone.start(persona="shop"))["call_id"]
        await phone.play(tone(100))
        audience = server.switchboard.live[call_id].audience
        assert not audience._metered
        async with follow(http, server) as answer:
            await Stream(answer.aiter_lines()).until("levels")
            assert audience._metered
        async with asyncio.timeout(5):
            while audience._metered:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
