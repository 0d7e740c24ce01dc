"""A whole call with a notice before its recording: over real sockets, and with the files that it leaves."""

import asyncio
import wave

import numpy as np
import pytest

from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.recording import packet
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line
from bridge.server.journal import read_transcript
from bridge.transcript.records import AgentSaid, RecordingRecord

TOLD = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
greeting: Corner Shop, hello.
recording:
  notice: This call is recorded. Press 8 to refuse.
  opt_out_key: 8
refusal: I can't talk about medicine.
"""
VOICE = packet(bytes([0x10, 0x90]) * 80)


class Presser:
    """Speaks without pause for `moments` of 20 ms; presses 8 at moment `press`."""

    def __init__(self, moments, press=None):
        self.moments, self.press, self.now = moments, press, 0

    def step(self, heard):
        self.now += 1
        return Step(VOICE, digits="8" if self.now == self.press else "", hang_up=self.now > self.moments)


async def place(server, http, talker):
    """The call's records, its row, and its recording's path."""
    ticker = Ticker()
    async with ticker.running():
        line = Line(server.local_url, persona="shop", record=True)
        await PhoneCall(line, talker, ticker, http, keep_audio=False).run()
    async with asyncio.timeout(10):
        while server.switchboard.calls:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    [entry] = server.store.list()
    transcript = server.settings.data_dir / entry.transcript
    states = [
        record.state
        for record in read_transcript(server.settings.data_dir, entry.transcript).records
        if isinstance(record, RecordingRecord)
    ]
    return states, entry, transcript.with_suffix(".wav")


@pytest.fixture
def told(serve):
    """A server whose persona tells callers that they are recorded."""
    return lambda **settings: serve(personas={"shop": TOLD}, **settings)


async def test_a_call_is_recorded_from_the_end_of_its_notice_on(told, http):
    async with told() as server:
        states, entry, path = await place(server, http, Presser(60))
        assert states == ["began"]
        assert server.settings.data_dir / entry.recording == path
        with wave.open(str(path)) as file:
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        first = int(np.flatnonzero(frames[:, 0])[0])
        assert 80 * 8 <= first <= 1000 * 8  # an echo has no voice: its notice ends with its first frame
        assert frames[first:, 0].all()
        assert abs(len(frames) / 8000 - entry.seconds) < 0.001


async def test_a_caller_who_presses_the_key_leaves_no_recording(told, http):
    async with told() as server:
        states, entry, path = await place(server, http, Presser(60, press=40))
        assert states == ["began", "deleted"]
        assert entry.recording is None
        assert not path.exists()
        shown = await http.get(
            f"{server.local_url}/api/calls/{entry.call_id}", headers={"Authorization": f"Bearer {server.api_key}"}
        )
        assert shown.json()["recording"] is False


async def test_a_call_that_is_not_recorded_is_not_told_that_it_were(told, http):
    async with told(record=False) as server:
        ticker = Ticker()
        async with ticker.running():
            line = Line(server.local_url, persona="shop", record=False)
            await PhoneCall(line, Presser(20, press=10), ticker, http, keep_audio=False).run()
        [entry] = server.store.list()
        assert entry.recording is None


@pytest.mark.slow
async def test_with_a_real_voice_nothing_is_recorded_before_its_last_word_was_heard(told, http):
    async with told(engine="cascade") as server:
        states, entry, path = await place(server, http, Presser(250))
        assert states == ["began"]
        records = read_transcript(server.settings.data_dir, entry.transcript).records
        [began] = [record for record in records if isinstance(record, RecordingRecord)]
        said = [record for record in records if isinstance(record, AgentSaid)]
        notice = [record for record in said if record.end_ms <= began.at_ms]
        assert "".join(record.text for record in notice).strip() == "This call is recorded. Press 8 to refuse."
        with wave.open(str(path)) as file:
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        assert not frames[: began.at_ms * 8].any()
        assert frames[began.at_ms * 8 + 8 :, 0].all()
