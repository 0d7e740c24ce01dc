"""The phone in the browser, over real sockets, with the echo engine."""

import asyncio
import json

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bridge.server.browser import routes


def noise(milliseconds, seed=3):
    return np.random.default_rng(seed).integers(-9000, 9000, 24 * milliseconds).astype("<i2").tobytes()


async def test_what_is_said_at_24_khz_comes_back_sample_for_sample(serve, ring):
    async with serve() as server, ring(server) as phone:
        started = await phone.start(persona="shop")
        assert started | {"call_id": ""} == {
            "type": "started",
            "call_id": "",
            "persona": "shop",
            "business": "Corner Shop",
            "language": "en",
        }
        sent = noise(800)
        await phone.play(sent, paced=False)
        frame = 80 * 48
        await phone.when(lambda: len(phone.audio) >= len(sent))
        assert phone.audio[:frame] == bytes(frame)
        assert phone.audio[frame : len(sent)] == sent[: len(sent) - frame]
        await phone.say(type="hangup")
        assert await phone.end() == (1000, "the caller hung up")


async def test_a_client_sees_the_records_of_its_call_and_how_it_ended(serve, ring):
    async with serve() as server, ring(server) as phone:
        call_id = (await phone.start(persona="shop"))["call_id"]
        await phone.play(noise(100))
        await phone.say(type="digit", digit="5")
        await phone.when(lambda: phone.records("digit"))
        await phone.say(type="hangup")
        await phone.end()
        assert phone.texts[-1] == {"type": "ended", "how": "caller_hung_up", "reason": "the caller hung up"}
        kinds = [text["record"]["type"] for text in phone.of("record")]
        assert kinds == ["call", "digit", "ended"]
        assert phone.records("call")[0]["carrier"] == "browser"
        await server.switchboard.register.settle()
        assert server.store.get(call_id).ended_how == "caller_hung_up"


async def test_as_over_the_phone_audio_comes_and_goes_at_8_khz(serve, ring):
    async with serve() as server, ring(server) as phone:
        await phone.start(persona="shop", format="ulaw8")
        sent = np.random.default_rng(4).integers(0, 60, 8 * 400).astype(np.uint8).tobytes()
        await phone.play(sent, bytes_per_ms=8, paced=False)
        await phone.when(lambda: len(phone.audio) >= len(sent))
        assert len(phone.audio) == len(sent)
        assert set(phone.audio[:640]) == {0xFF}


async def test_a_ping_is_answered_with_its_own_time(serve, ring):
    async with serve() as server, ring(server) as phone:
        await phone.start(persona="shop")
        await phone.say(type="ping", t=12.5)
        assert await phone.until("pong") == {"type": "pong", "t": 12.5}


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ({"persona": "nobody"}, 4404, "there is no such persona on duty; there are: shop"),
        ({"persona": "../shop"}, 4404, "there is no such persona"),
        ({}, 4422, "say who is to answer"),
        ({"text_prompt": "x", "voice": "a/b"}, 4422, "a voice's name"),
        ({"persona": 7}, 1007, "the first message must be a start"),
    ],
)
async def test_whoever_asks_for_what_there_is_not_is_told_why(serve, ring, wanted, code, words):
    async with serve() as server, ring(server) as phone:
        await phone.say(type="start", **wanted)
        closed, reason = await phone.end()
        assert closed == code
        assert words in reason
        assert server.switchboard.calls == 0
        assert server.switchboard.free == server.engine.capacity


async def test_a_prompt_of_ones_own_is_talked_with(serve, ring):
    async with serve() as server, ring(server) as phone:
        started = await phone.start(text_prompt="You enjoy having a good conversation.", voice="NATM1", seed=5)
        assert started["persona"] == "ad-hoc"
        sent = noise(240)
        await phone.play(sent)
        await phone.when(lambda: len(phone.audio) >= len(sent))
        await phone.say(type="hangup")
        await phone.end()


async def test_where_every_slot_is_taken_the_client_is_told(serve, ring):
    async with serve(slots=1) as server, ring(server) as first, ring(server) as second:
        await first.start(persona="shop")
        await second.say(type="start", persona="shop")
        assert await second.end() == (4429, "all slots are taken")


async def test_nobody_talks_without_a_key_that_is_good_for_it(serve):
    async with serve() as server:
        url = f"ws://127.0.0.1:{server.port}/v1/phone"
        with pytest.raises(InvalidStatus) as caught:
            async with connect(url, proxy=None):
                pass
        assert caught.value.response.status_code == 401
        key, _ = server.access.keys.create("reader", ["calls:read"])
        with pytest.raises(InvalidStatus) as caught:
            async with connect(url, proxy=None, subprotocols=["callbridge", f"bearer.{key}"]):
                pass
        assert caught.value.response.status_code == 403


async def test_a_browser_shows_its_key_as_a_subprotocol(serve, ring):
    async with serve() as server:
        url = f"ws://127.0.0.1:{server.port}/api/phone"
        offered = ["callbridge", f"bearer.{server.api_key}"]
        async with connect(url, proxy=None, subprotocols=offered) as socket:
            assert socket.subprotocol == "callbridge"
            await socket.send(json.dumps({"type": "start", "persona": "shop"}))
            assert json.loads(await socket.recv())["type"] == "started"


async def test_a_page_that_is_closed_ends_the_call_as_a_hang_up(serve, ring):
    async with serve() as server:
        async with ring(server) as phone:
            await phone.start(persona="shop")
            await phone.play(noise(40))
            assert server.switchboard.calls == 1
        async with asyncio.timeout(5):
            await server.switchboard._idle.wait()
        await server.switchboard.register.settle()
        assert server.switchboard.register.ended == {"caller_hung_up": 1}


async def test_sockets_that_say_nothing_are_few_and_only_for_a_while(serve, ring, monkeypatch):
    monkeypatch.setattr(routes, "MAX_STARTING", 1)
    monkeypatch.setattr("bridge.server.socket_leg.START_SECONDS", 0.3)
    async with serve() as server, ring(server) as silent:
        with pytest.raises(InvalidStatus) as caught:
            async with ring(server):
                pass
        assert caught.value.response.status_code == 503
        assert (await silent.end())[0] == 1008
        async with ring(server) as next_one:
            await next_one.start(persona="shop")


async def test_a_caller_who_stops_and_goes_on_is_heard_again(serve, ring):
    async with serve() as server, ring(server) as phone:
        await phone.start(persona="shop")
        await phone.play(noise(160))
        await asyncio.sleep(0.6)
        await phone.play(sent := noise(800, seed=9))
        pieces = [sent[at : at + 480] for at in range(len(sent) // 2, len(sent), 480)]
        await phone.when(lambda: any(piece in phone.audio for piece in pieces))
