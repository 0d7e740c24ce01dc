"""`WS /api/chat` over real sockets: the public clients' protocol, what they may ask for, and what they are told."""

import asyncio
import sys
from urllib.parse import urlencode

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from tests.server.compat.conftest import ChatClient, at_its_pace, closing, opened, spoken, the_call, tone

PROMPT = "/api/chat?" + urlencode({"text_prompt": "You are kind.", "voice_prompt": "NATF2.pt"})


async def test_a_handshake_comes_first_and_sound_at_24_khz_comes_back(serve):
    async with serve() as server, opened(server, PROMPT) as socket:
        client = ChatClient(socket)
        listening = asyncio.create_task(client.listen())
        await at_its_pace(socket.send, spoken(tone(800, 6000.0)))  # a frequency that no telephone carries
        await client.until(lambda: len(client.heard) >= 24 * 640)
        await socket.close()
        await listening
        entry = await the_call(server)
    assert client.kinds[0] == 0
    assert client.kinds.count(0) == 1
    spectrum = np.abs(np.fft.rfft(client.heard[24 * 320 : 24 * 640]))
    assert int(np.argmax(spectrum)) * 24000 / (24 * 320) == pytest.approx(6000.0, abs=10)
    assert (entry.persona, entry.ended_how) == ("ad-hoc", "caller_hung_up")


async def test_what_is_said_while_the_prompt_is_taken_in_is_not_lost(serve):
    async with serve() as server:
        take_in = server.engine.recall

        async def slowly(*given):
            await asyncio.sleep(0.5)
            return await take_in(*given)

        server.engine.recall = slowly
        async with opened(server, PROMPT) as socket:
            client = ChatClient(socket)
            listening = asyncio.create_task(client.listen())
            for _, message in spoken(tone(400)):
                await socket.send(message)
            await client.until(lambda: len(client.heard) >= 24 * 480)
            await socket.close()
            await listening
    assert client.kinds[0] == 0
    loud = np.abs(client.heard.reshape(-1, 240)).max(axis=1) > 0.1
    assert 380 <= 10 * loud.sum() <= 420


FAULTS = [
    ({}, 4422, "say who is to answer"),
    ({"voice_prompt": "NATF2.pt"}, 4422, "say who is to answer"),
    ({"text_prompt": ""}, 4422, "the prompt is empty"),
    ({"text_prompt": "x" * 4001}, 4422, "more than 4,000 characters"),
    ({"text_prompt": "x", "voice_prompt": "../../etc/passwd"}, 4422, "a voice's name"),
    ({"text_prompt": "x", "seed": "1.5"}, 4422, "seed is no whole number"),
    ({"text_prompt": "x", "audio_temperature": "hot"}, 4422, "audio_temperature is no number"),
    ({"persona": "../shop"}, 4404, "there is no such persona"),
    ({"persona": "shop", "text_prompt": "x"}, 4422, "not both"),
]


async def test_each_fault_has_a_close_code_and_a_reason_and_any_seed_is_taken(serve):
    async with serve() as server:
        for query, code, words in FAULTS:
            async with opened(server, f"/api/chat?{urlencode(query)}") as socket:
                closed = await closing(socket)
            assert (query, closed[0]) == (query, code)
            assert words in closed[1]
        assert server.switchboard.free == server.engine.capacity
        for seed in ("0", "42424242", "-1", str(2**70)):
            async with opened(server, f"{PROMPT}&seed={seed}") as socket:
                assert await socket.recv() == b"\x00"


async def test_whoever_finds_no_seat_is_told_so(serve):
    async with serve(slots=1) as server, opened(server, "/api/chat?persona=shop") as first:
        assert await first.recv() == b"\x00"
        async with opened(server, PROMPT) as second:
            assert await closing(second) == (4429, "all slots are taken")


async def test_a_key_is_needed_and_must_be_good_for_talking(serve):
    async with serve() as server:
        reader, _ = server.access.keys.create("reader", ["calls:read"])
        for key, status in (("", 401), ("wrong", 401), (reader, 403)):
            with pytest.raises(InvalidStatus) as refusal:
                async with opened(server, PROMPT, key):
                    pass
            assert refusal.value.response.status_code == status
        talker, _ = server.access.keys.create("talker", ["talk"])
        async with opened(server, PROMPT, "", subprotocols=["callbridge", f"bearer.{talker}"]) as socket:
            assert await socket.recv() == b"\x00"


async def test_chat_without_key_opens_this_address_and_no_other(serve):
    async with serve(chat_without_key=True) as server:
        async with opened(server, PROMPT, "") as socket:
            assert await socket.recv() == b"\x00"
        async with opened(server, "/api/chat?persona=nobody", "") as socket:
            assert await closing(socket) == (
                4404,
                "there is no such persona on duty",
            )
        for path in ("/ws/conversation", "/v1/phone"):
            with pytest.raises(InvalidStatus) as refusal:
                async with opened(server, path, ""):
                    pass
            assert refusal.value.response.status_code == 401


async def test_an_enforced_persona_answers_whatever_the_client_asks_for(serve):
    query = {"text_prompt": "Obey me.", "voice_prompt": "NATM3.pt", "persona": "nobody"}
    async with serve(enforce_persona="shop") as server:
        for path in ("/api/chat", f"/api/chat?{urlencode(query)}"):
            async with opened(server, path) as socket:
                assert await socket.recv() == b"\x00"
                await socket.send(spoken(tone(80))[0][1])
        await server.switchboard.stop()
        assert [entry.persona for entry in server.store.list()] == ["shop", "shop"]


async def test_a_client_that_breaks_the_protocol_is_told_how_and_its_call_has_a_record(serve):
    async with serve() as server:
        async with opened(server, PROMPT) as socket:
            assert await socket.recv() == b"\x00"
            for _ in range(21):
                await socket.send("this is text")
            code, reason = await closing(socket)
            assert (code, "a text message" in reason) == (1007, True)
        entry = await the_call(server)
    assert entry.ended_how == "protocol_error"


async def test_a_client_that_leaves_while_its_prompt_is_taken_in_leaves_no_call_and_no_seat(serve):
    async with serve() as server:
        told = asyncio.Event()

        async def never(*_):
            told.set()
            await asyncio.Event().wait()

        server.engine.recall = never
        async with opened(server, PROMPT) as socket:
            await told.wait()
            assert server.switchboard.free == server.engine.capacity - 1
            await socket.send(spoken(tone(80))[0][1])
        async with asyncio.timeout(5):
            while server.switchboard.free < server.engine.capacity:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert server.store.list() == []


async def test_strangers_share_the_pace_of_one_key(serve):
    async with serve(chat_without_key=True, rate_limit="2/minute") as server:
        for _ in range(2):
            async with opened(server, PROMPT, "") as socket:
                assert await socket.recv() == b"\x00"
        with pytest.raises(InvalidStatus) as refusal:
            async with opened(server, PROMPT, ""):
                pass
    assert refusal.value.response.status_code == 429


async def test_a_machine_without_the_codec_says_what_is_missing(serve, monkeypatch):
    monkeypatch.setitem(sys.modules, "sphn", None)
    async with serve() as server, opened(server, PROMPT) as socket:
        code, reason = await closing(socket)
    assert (code, "needs the package sphn" in reason) == (1011, True)
