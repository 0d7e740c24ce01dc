"""Listening in to a call, over real sockets."""

import asyncio

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from bridge.audio import mulaw
from bridge.server.browser.listen import DROPPED, MAX_WAITING, LiveTap
from bridge.server.browser.onlookers import Onlookers

RECORDED = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
greeting: Corner Shop, hello.
refusal: I can't talk about that.
recording:
  notice: This call is recorded. Press 8 if you do not want that.
  opt_out_key: 8
"""


def speech(milliseconds):
    return np.random.default_rng(7).integers(0, 60, 8 * milliseconds).astype(np.uint8).tobytes()


def sides(phone):
    return np.frombuffer(bytes(phone.audio[: len(phone.audio) // 4 * 4]), "<i2").reshape(-1, 2).T


async def test_both_sides_are_heard_as_the_caller_hears_them_to_the_end_of_the_call(serve, ring):
    async with serve() as server, ring(server) as caller:
        call_id = (await caller.start(persona="shop", format="ulaw8"))["call_id"]
        await caller.play(speech(100), bytes_per_ms=8)
        async with ring(server, f"/v1/calls/{call_id}/listen") as listener:
            said = {"type": "format", "rate": 8000, "channels": 2, "encoding": "pcm_s16le"}
            assert await listener.until("format") == said
            spoken = speech(800)
            await caller.play(spoken, bytes_per_ms=8)
            await caller.say(type="hangup")
            assert await listener.end() == (1000, "the call is over")
    left, right = sides(listener)
    pieces = [mulaw.decode(spoken[at : at + 400]).tobytes() for at in range(0, 6400, 400)]
    assert any(piece in left.tobytes() for piece in pieces)
    assert np.abs(right.astype(int)).max() > 1000  # the echo
    assert len(left) / 8 >= 640


async def test_whoever_refuses_to_be_recorded_is_not_listened_to_any_more(serve, ring):
    async with serve(personas={"shop": RECORDED}) as server, ring(server) as caller:
        call_id = (await caller.start(persona="shop", format="ulaw8", record=True))["call_id"]
        await caller.play(speech(300), bytes_per_ms=8)
        async with ring(server, f"/v1/calls/{call_id}/listen") as listener:
            await listener.until("format")
            await caller.say(type="digit", digit="8")
            assert await listener.end() == (4403, "the caller does not want to be recorded")
        with pytest.raises(InvalidStatus) as caught:
            async with ring(server, f"/v1/calls/{call_id}/listen"):
                pass
        assert caught.value.response.status_code == 403


@pytest.mark.parametrize("call_id", ["0" * 16, "..%2f..%2fetc", "x" * 300])
async def test_there_is_nothing_to_hear_where_there_is_no_call(serve, ring, call_id):
    async with serve() as server:
        with pytest.raises(InvalidStatus) as caught:
            async with ring(server, f"/v1/calls/{call_id}/listen"):
                pass
        assert caught.value.response.status_code in (403, 404)


async def test_nobody_listens_without_a_key_for_it(serve, ring):
    async with serve() as server, ring(server) as caller:
        call_id = (await caller.start(persona="shop"))["call_id"]
        server.api_key, _ = server.access.keys.create("reader", ["calls:read", "talk"])
        with pytest.raises(InvalidStatus) as caught:
            async with ring(server, f"/v1/calls/{call_id}/listen"):
                pass
        assert caught.value.response.status_code == 403


async def test_a_listener_who_leaves_is_forgotten_and_one_who_talks_is_sent_away(serve, ring):
    async with serve() as server, ring(server) as caller:
        call_id = (await caller.start(persona="shop", format="ulaw8"))["call_id"]
        await caller.play(speech(100), bytes_per_ms=8)
        audience = server.switchboard.live[call_id].audience
        async with ring(server, f"/v1/calls/{call_id}/listen") as listener:
            await listener.until("format")
            assert audience.taps == 1
        async with asyncio.timeout(5):
            while audience.taps:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with ring(server, f"/v1/calls/{call_id}/listen") as talker:
            for _ in range(101):
                await talker.socket.send("hello")
            assert (await talker.end())[0] == 1008


def test_a_tap_that_is_not_read_keeps_five_seconds_and_loses_the_oldest_one():
    onlookers = Onlookers(lambda: None, str)
    tap = LiveTap(onlookers)
    block = bytes(640 * 4)
    for _ in range(MAX_WAITING // len(block) + 1):
        tap.take(block)
    assert tap._bytes <= MAX_WAITING - DROPPED + len(block)
    assert 1000 <= onlookers.tap_ms_lost <= 1080
    for _ in range(10_000):
        tap.take(block)
    assert tap._bytes <= MAX_WAITING
