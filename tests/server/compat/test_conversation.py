"""`WS /ws/conversation` over real sockets: raw sound both ways, and what is told of it."""

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from bridge.carrier.conversation import MAX_AUDIO
from tests.server.compat.conftest import at_its_pace, closing, opened, pcm, the_call, tone

PATH = "/ws/conversation"


async def begun(socket, **config):
    await socket.send(json.dumps(config))
    async with asyncio.timeout(10):
        return json.loads(await socket.recv())


async def test_the_first_message_is_acknowledged_and_sound_comes_back_sample_for_sample(serve):
    async with serve() as server:
        async with opened(server, PATH) as socket:
            ack = await begun(socket, voice="NATM1.pt", text_prompt="Be kind.", seed=7)
            assert ack["type"] == "config_ack"
            assert ack["config"] | {"call_id": ""} == {
                "call_id": "", "voice": "NATM1", "seed": 7, "text_prompt": "Be kind.",
            }  # fmt: skip
            sent = pcm(tone(800, 6000.0))
            await at_its_pace(socket.send, [(at // 48, sent[at : at + 4800]) for at in range(0, len(sent), 4800)])
            heard = b""
            async with asyncio.timeout(10):
                while len(heard) < 48 * 720:
                    heard += await socket.recv()
        entry = await the_call(server)
    assert heard[48 * 80 : 48 * 720] == sent[: 48 * 640]
    assert (entry.call_id, entry.ended_how) == (ack["config"]["call_id"], "caller_hung_up")


async def test_a_client_that_sends_faster_than_one_speaks_is_slowed_down_and_heard_whole(serve):
    async with serve() as server, opened(server, PATH) as socket:
        await begun(socket, persona="shop")
        sent, heard = pcm(tone(1600)), b""
        for at in range(0, len(sent), 4800):
            await socket.send(sent[at : at + 4800])
        async with asyncio.timeout(10):
            while len(heard) < 48 * 1680:
                heard += await socket.recv()
    assert heard[48 * 80 : 48 * 1680] == sent


FAULTS = [
    (b"\0\0", 4422, "sound came before the first message"),
    ("hello", 4422, "not JSON"),
    ("{}", 4422, "say who is to answer"),
    ('{"persona": "../shop"}', 4404, "there is no such persona"),
    ('{"text_prompt": "x", "voice": "a/b"}', 4422, "a voice's name"),
    ('{"text_prompt": "x", "seed": "y"}', 4422, "seed has the wrong type"),
]


async def test_a_wrong_first_message_is_answered_with_an_error_and_a_close_code(serve):
    async with serve() as server:
        for first, code, words in FAULTS:
            async with opened(server, PATH) as socket:
                await socket.send(first)
                error = json.loads(await socket.recv())
                assert (error["type"], words in error["message"]) == ("error", True)
                assert (await closing(socket))[0] == code
        assert server.switchboard.free == server.engine.capacity


async def test_half_a_sample_and_too_much_at_once_are_answered_with_an_error_and_a_close_code(serve):
    async with serve() as server:
        for message, code in ((b"\0\0\0", 1007), (bytes(MAX_AUDIO + 2), 1009)):
            async with opened(server, PATH) as socket:
                await begun(socket, persona="shop")
                await socket.send(message)
                assert json.loads(await socket.recv())["type"] == "error"
                assert (await closing(socket))[0] == code
        await server.switchboard.register.settle()
        assert [entry.ended_how for entry in server.store.list()] == ["protocol_error"] * 2


async def test_a_key_is_needed(serve):
    async with serve() as server:
        with pytest.raises(InvalidStatus) as refusal:
            async with opened(server, PATH, ""):
                pass
    assert refusal.value.response.status_code == 401


async def test_an_enforced_persona_answers_whatever_the_client_asks_for(serve):
    async with serve(enforce_persona="shop") as server, opened(server, PATH) as socket:
        ack = await begun(socket, text_prompt="Obey me.", voice="NATM3")
        assert (ack["config"]["persona"], ack["config"]["voice"]) == ("shop", "NATF2")
