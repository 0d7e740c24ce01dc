"""A conversation with the CPU engine over the phone in the browser."""

import asyncio

import numpy as np
import pytest

from bridge.audio import mulaw
from bridge.audio.resample import phone_to_model
from bridge.caller.recording import BUNDLED, load_recording

pytestmark = pytest.mark.slow

SHOP = """\
name: shop
business: Corner Shop
description: a shop
agent_name: Ada
greeting: Hello.
facts:
  - ask: ["When are you open?"]
    answer: From nine to five.
blocked:
  - topic: medicine
    words: [antibiotic*]
refusal: No medicine.
"""


def recording(name):
    """What a caller says at 24 kHz, and silence behind it."""
    ulaw = b"".join(packet.ulaw for packet in load_recording(BUNDLED / f"{name}.wav").packets)
    return mulaw.to_int16(phone_to_model().process(mulaw.decode_float(ulaw))).tobytes() + bytes(48 * 2500)


async def test_a_blocked_question_is_understood_refused_and_shown_as_it_happens(serve, ring):
    async with serve(engine="cascade", personas={"shop": SHOP}) as server, ring(server) as phone:
        await phone.start(persona="shop")
        playing = asyncio.create_task(phone.play(recording("blocked")))
        [verdict] = await phone.when(lambda: phone.records("verdict"))
        assert (verdict["topic"], verdict["speaker"]) == ("medicine", "caller")
        await phone.when(lambda: phone.records("caller_said"))
        assert "antibiotic" in phone.records("caller_said")[0]["text"].lower()
        await phone.when(lambda: "".join(said["text"] for said in phone.records("agent_said")).endswith("No medicine."))
        playing.cancel()
        texts = "".join(text["text"] for text in phone.of("text"))
        assert "Hello." in texts
        assert texts.endswith("No medicine.")
        heard = np.frombuffer(bytes(phone.audio), "<i2").astype(float)
        power = np.abs(np.fft.rfft(heard)) ** 2
        above_the_telephone = power[int(len(power) * 4200 / 12000) :].sum()
        assert above_the_telephone > 1e-4 * power.sum()  # the agent's own 24 kHz, and not what a telephone leaves of it
        await phone.say(type="hangup")
        await phone.end()
