"""The dental practice, with the CPU engine, over each of the compatible addresses at once."""

import asyncio
import base64
import json
import re
from urllib.parse import urlencode

import numpy as np
import pytest

from bridge.audio.wav import read_wav, resampled
from bridge.caller.recording import BUNDLED
from bridge.server.journal import read_transcript
from bridge.transcript.turns import turns
from tests.server.compat.conftest import ChatClient, ask, at_its_pace, opened, pcm, samples_of

GREETING = "Hello, what can I do for you?"
QUESTION = "What are your opening hours on Saturday?"
ANSWER = "On Saturday we are open from nine to two."
REFUSAL = "I'm sorry, I can't talk about that."


@pytest.fixture
def dental(request):
    """The dental practice, in fewer words."""
    text = (request.config.rootpath / "personas" / "dental.yaml").read_text()
    text = re.sub(r"^consent: .*\n", "", text, flags=re.M)
    text = text.replace("- malpractice", "- shoes")  # which the recogniser hears well
    text = re.sub(r"^greeting: .*$", f"greeting: {GREETING}", text, flags=re.M)
    return {"dental": re.sub(r"answer: We're open Monday.*$", f"answer: {ANSWER}", text, flags=re.M)}


async def chat(server, folder):
    """A recorded session of the public web client: handshake, sound and text come back."""
    session = json.loads((folder / "data" / "public_session.json").read_text())
    pages = [(due, b"\x01" + base64.b64decode(page)) for due, page in session["pages"]]
    async with opened(server, f"/api/chat?{urlencode(session['query'])}", "") as socket:
        client = ChatClient(socket)
        listening = asyncio.create_task(client.listen())
        await client.until(lambda: client.kinds == [0])
        await at_its_pace(socket.send, pages)
        await client.until(lambda: ANSWER in client.text)
        await socket.close()
        await listening
    assert client.kinds[0] == 0
    assert client.text.split() == f"{GREETING} {ANSWER}".split()
    assert np.abs(client.heard).max() > 0.1


async def conversation(server):
    """A client that says its question and then nothing more, not even silence."""
    rate, samples = read_wav((BUNDLED / "u02.wav").read_bytes())
    said = pcm(np.concatenate((np.zeros(24 * 2000, np.float32), resampled(samples, rate, 24000))))
    told = []
    async with opened(server, "/ws/conversation") as socket:
        await socket.send(json.dumps({"text_prompt": "You are a pirate."}))
        pieces = [(at // 48, said[at : at + 3840]) for at in range(0, len(said), 3840)]
        speaking = asyncio.create_task(at_its_pace(socket.send, pieces))
        async for message in socket:
            if isinstance(message, str):
                told.append(json.loads(message))
                if [each["type"] for each in told].count("done") == 2:
                    break
        await speaking
    words = [each.get("data", {}).get("text", each["type"]) for each in told[1:]]
    assert words == [GREETING, "done", "processing", QUESTION, ANSWER, "done"]
    assert (told[4]["data"]["user"], told[5]["data"]["assistant"]) == (QUESTION, ANSWER)


async def speech(server, name, caller, agent):
    answer = await ask(server, (BUNDLED / f"{name}.wav").read_bytes())
    asked, answered = json.loads(answer.headers["x-transcript"])["turns"]
    assert (asked["speaker"], answered["speaker"]) == ("caller", "agent")
    assert caller in asked["text"]
    assert agent in answered["text"]
    heard = samples_of(answer.content)
    assert heard[24 * answered["start_ms"] : 24 * answered["end_ms"]].astype(float).std() > 300


@pytest.mark.slow
async def test_callers_are_answered_as_the_persona_says_and_blocked_topics_refused(serve, dental, request):
    settings = {"engine": "cascade", "personas": dental, "enforce_persona": "dental", "chat_without_key": True}
    async with serve(**settings) as server:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(chat(server, request.path.parent))
            group.create_task(conversation(server))
            group.create_task(speech(server, "u02", QUESTION, ANSWER))
            group.create_task(speech(server, "u17", "shoes", REFUSAL))
        await server.switchboard.stop()
        entries = server.store.list()
        records = [read_transcript(server.settings.data_dir, entry.transcript).records for entry in entries]
    assert [entry.persona for entry in entries] == ["dental"] * 4
    assert sorted(entry.verdicts for entry in entries) == [0, 0, 0, 1]
    for said in map(turns, records):
        assert said[0].text == GREETING
        assert {turn.speaker for turn in said} == {"caller", "agent"}
