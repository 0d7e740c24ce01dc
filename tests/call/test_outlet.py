"""What a call sends to its carrier: at 8 kHz to every leg, at 24 kHz beside it to a wide one."""

import numpy as np
import pytest

from bridge.audio import mulaw
from bridge.audio.resample import phone_to_model
from bridge.call.outlet import Outlet
from bridge.facts.events import SendAudio, SendMark
from bridge.facts.formats import MODEL_FRAME, PHONE_FRAME, WIDE_BYTES
from bridge.facts.speech import AgentFrame

NOISE = np.random.default_rng(5).integers(-32768, 32767, MODEL_FRAME).astype("<i2")
FRAME = AgentFrame(pcm=(NOISE / np.float32(32768)).astype(np.float32).tobytes(), text=" Hello", turn=1)


class Leg:
    no_media_seconds, broken = 10.0, ""

    def __init__(self, *, wide):
        self.wide, self.sent = wide, []

    async def send(self, *commands):
        self.sent += commands


def outlet(*, wide):
    leg = Leg(wide=wide)
    return leg, Outlet(leg, [], lambda record: None, lambda: 0)


async def test_a_wide_leg_gets_the_agents_own_samples_and_the_words_that_begin_in_them():
    leg, out = outlet(wide=True)
    await out.say(FRAME)
    audio, mark = leg.sent
    assert audio == SendAudio(audio.ulaw, NOISE.tobytes(), " Hello")
    assert len(audio.ulaw) == PHONE_FRAME
    assert mark == SendMark(0, 1)


async def test_another_leg_gets_the_same_8_khz_audio_and_nothing_beside_it():
    wide_leg, wide = outlet(wide=True)
    leg, narrow = outlet(wide=False)
    for frame in (FRAME, AgentFrame(), AgentFrame(), FRAME):
        await wide.say(frame)
        await narrow.say(frame)
    sent = [command for command in leg.sent if isinstance(command, SendAudio)]
    assert [command.ulaw for command in wide_leg.sent if isinstance(command, SendAudio)] == [
        command.ulaw for command in sent
    ]
    assert {command.wide for command in sent} == {b""}


@pytest.mark.parametrize("pcm", [b"", np.zeros(MODEL_FRAME, np.float32).tobytes()])
async def test_silence_is_as_long_on_both_sides(pcm):
    leg, out = outlet(wide=True)
    await out.say(AgentFrame(pcm=pcm))
    assert leg.sent[0].wide == bytes(WIDE_BYTES * PHONE_FRAME)
    assert len(leg.sent[0].ulaw) == PHONE_FRAME


async def test_what_the_bridge_has_at_8_khz_alone_is_made_wide_without_a_seam():
    leg, out = outlet(wide=True)
    line = mulaw.encode((8000 * np.sin(np.arange(1300) / 9)).astype(np.int16))
    for start in range(0, len(line), 400):
        await out.play(line[start : start + 400])
    assert b"".join(command.ulaw for command in leg.sent) == line
    whole = phone_to_model().process(mulaw.decode_float(line))
    assert b"".join(command.wide for command in leg.sent) == mulaw.to_int16(whole).tobytes()
