"""Whole calls to the PersonaPlex engine over Twilio's protocol: a real server, a real engine process, a tiny model.

The tiny model has random weights: what it says of its own accord is noise, in sound and in text.
"""

import asyncio
import os
import signal
import wave

import numpy as np
import pytest

from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client
from bridge.facts.errors import EngineError
from bridge.server.apologies import moment
from bridge.server.journal import read_transcript
from bridge.transcript.turns import turns

pytest.importorskip("torch", reason="the personaplex engine needs torch")

TINY = "tests/engine/personaplex/tiny"

SHOP = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
voice: GOLD0
consent: This call is recorded.
greeting: Corner Shop, hello.
blocked:
  - topic: whatever comes to its mind
    words: {words}
gate: {{insistence: 0.01}}
refusal: I can't talk about that.
after_refusals: {{count: 1, action: hangup, say: Goodbye.}}
"""


@pytest.fixture
def tiny(serve, request):
    """`async with tiny(words)`: a server whose persona blocks `words`."""

    def begin(words="[never said]", **settings):
        chosen = {"engine": "personaplex", "model_dir": request.config.rootpath / TINY, "device": "cpu"} | settings
        return serve(personas={"shop": SHOP.format(words=words)}, **chosen)

    return begin


def call(server, listens_ms=2000):
    """A caller who lets the noise go on for so long before and after they speak."""
    script = Script([load_recording(BUNDLED / "u02.wav")], Manners(utterance=listens_ms))
    line = Line(server.local_url, persona="shop", record=True)
    return place_call(line, script, api_key=server.api_key, data_dir=server.settings.data_dir)


def spoken(result, speaker):
    return [turn["text"] for turn in result.turns if turn["speaker"] == speaker]


@pytest.mark.slow
async def test_a_call_is_greeted_understood_and_ends_with_transcript_and_recording(tiny):
    async with tiny() as server:
        result = await call(server)
    assert (result.engine, result.ended, result.problems, result.notes) == ("personaplex", "caller_hung_up", [], [])
    assert spoken(result, "agent")[0] == "This call is recorded. Corner Shop, hello."
    assert spoken(result, "caller") == ["What are your opening hours on Saturday?"]
    assert result.frames > 0.9 * result.frames_expected
    with wave.open(result.recording) as recording:
        assert recording.getnchannels() == 2
        both = np.frombuffer(recording.readframes(recording.getnframes()), np.int16).reshape(-1, 2)
    assert (np.abs(both).max(axis=0) > 1000).all()


@pytest.mark.slow
async def test_callers_words_are_left_out_where_nobody_wants_them(tiny):
    async with tiny(caller_transcript=False) as server:
        result = await call(server)
    assert spoken(result, "caller") == []


@pytest.mark.slow
async def test_a_blocked_word_becomes_the_refusal_and_the_call_ends_as_the_persona_says(tiny):
    async with tiny(words="['hh*', 'pl*', 'ul*', 'orr*', 'ev*', 'du*', 'v*']") as server:
        result = await call(server, listens_ms=60_000)
    assert [verdict["action"] for verdict in result.gate] == ["hangup"]
    assert result.clears == 1
    assert spoken(result, "agent")[-1] == "I can't talk about that. Goodbye."
    assert result.ended == "gate_hangup"


class Listener:
    """A caller who says nothing and hangs up when told to."""

    def __init__(self):
        self.over = False

    def step(self, heard):
        return Step(hang_up=self.over)


@pytest.mark.slow
async def test_a_call_whose_engine_is_killed_goes_on_with_a_prompt_that_knows_what_was_said(tiny):
    async with tiny() as server, http_client(server.local_url) as client:
        listener, ticker = Listener(), Ticker()

        def said():
            return " ".join(turn.text for live in server.switchboard.live.values() for turn in turns(live.records))

        async def until_said(words):
            async with asyncio.timeout(60):
                while words not in said():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

        async with ticker.running():
            call = PhoneCall(Line(server.local_url, persona="shop"), listener, ticker, client)
            placed = asyncio.create_task(call.run())
            await until_said("This call is recorded. Corner Shop, hello.")
            os.kill(int(server.engine.details["pid"]), signal.SIGKILL)
            await until_said("Thank you for waiting. Where were we?")
            listener.over = True
            report = await placed
        assert report.ended == "caller_hung_up"
        assert moment("en") in report.heard
        [entry] = server.store.list()
        records = read_transcript(server.settings.data_dir, entry.transcript).records
        assert records[-1].counters["reseats"] == 1
        heard = [turn.text for turn in turns(records) if turn.heard]
        assert sum("Corner Shop, hello." in text for text in heard) == 1  # it is not greeted again


async def test_a_model_that_is_not_there_is_told_with_what_to_do(tiny, tmp_path):
    with pytest.raises(EngineError, match=r"does not exist.*callbridge model download"):
        async with tiny(model_dir=tmp_path / "nowhere") as server:
            await server.engine.ready()
