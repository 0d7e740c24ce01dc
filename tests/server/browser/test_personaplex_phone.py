"""Prompts of one's own with the PersonaPlex engine: a real engine process, a tiny model with random weights."""

import pytest

pytest.importorskip("torch", reason="the personaplex engine needs torch")
pytestmark = pytest.mark.slow

TINY = "tests/engine/personaplex/tiny"
SHOP = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
voice: GOLD0
greeting: Corner Shop, hello.
refusal: I can't talk about that.
"""


async def test_a_prompt_of_ones_own_is_taken_in_for_one_call_and_a_voice_that_is_not_there_is_named(
    serve, ring, request
):
    chosen = {"engine": "personaplex", "model_dir": request.config.rootpath / TINY, "device": "cpu"}
    async with serve(personas={"shop": SHOP}, **chosen) as server:
        async with ring(server) as phone:
            await phone.say(type="start", text_prompt="You enjoy having a good conversation.", voice="NOBODY")
            code, reason = await phone.end()
            assert (code, "there is no voice 'NOBODY'" in reason) == (4422, True)
        async with ring(server) as phone:
            wanted = {"text_prompt": "You enjoy having a good conversation.", "voice": "GOLD0.pt", "seed": 7}
            assert (await phone.start(**wanted))["persona"] == "ad-hoc"
            await phone.play(bytes(48 * 1200))
            await phone.when(lambda: len(phone.audio) >= 10 * 3840)
            assert any(phone.audio)  # the noise of the model, at 24 kHz
            await phone.say(type="hangup")
            assert (await phone.end())[0] == 1000
        assert server.switchboard.engine.counters.restarts == 0
