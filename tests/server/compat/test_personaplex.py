"""The PersonaPlex engine over the public protocol: a tiny model of random weights, whose words are noise."""

import asyncio
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.server.compat.conftest import ChatClient, at_its_pace, closing, opened, spoken, the_call, tone

pytest.importorskip("torch", reason="the personaplex engine needs torch")

TINY = "tests/engine/personaplex/tiny"


@pytest.mark.slow
async def test_a_prompt_and_a_voice_of_ones_own_are_taken_in_and_answered_in_sound_and_text(serve, request):
    settings = {"engine": "personaplex", "model_dir": request.config.rootpath / TINY, "device": "cpu"}
    query = {"text_prompt": "<system> You enjoy having a good conversation. <system>", "voice_prompt": "GOLD0.pt"}
    async with serve(**settings) as server:
        async with opened(server, f"/api/chat?{urlencode(query | {'voice_prompt': 'NOBODY.pt'})}") as socket:
            code, reason = await closing(socket)
            assert (code, "NOBODY" in reason) == (4422, True)
        sampling = {"seed": "42", "text_temperature": "0.9", "text_topk": "500"}
        async with opened(server, f"/api/chat?{urlencode(query | sampling)}") as socket:
            client = ChatClient(socket)
            listening = asyncio.create_task(client.listen())
            await client.until(lambda: client.kinds == [0])
            [live] = server.switchboard.live.values()
            chosen = live.ticket.persona.sampling
            assert (live.ticket.seed, chosen.text_temperature, chosen.text_top_k) == (42, 0.9, 256)
            await at_its_pace(socket.send, spoken(tone(960)))
            await client.until(lambda: client.text and len(client.heard) > 24 * 800)
            await socket.close()
            await listening
        entry = await the_call(server)
    assert np.abs(client.heard).max() > 0.01
    assert (entry.engine, entry.persona, entry.ended_how) == ("personaplex", "ad-hoc", "caller_hung_up")
