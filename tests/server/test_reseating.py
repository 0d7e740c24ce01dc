"""Calls that outlive their engine: real engine processes, killed and stopped in the middle of calls on real sockets."""

import asyncio
import os
import signal
import wave

import numpy as np
import pytest

from bridge.audio import mulaw
from bridge.audio.music import hold_music_ulaw
from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.recording import BUNDLED, load_recording, packet
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client
from bridge.server import engine_process
from bridge.server.apologies import apology, moment
from bridge.server.journal import read_transcript
from bridge.transcript.records import Ended, Problem
from bridge.transcript.turns import turns

SHOP = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
numbers: ["+12025550111"]
greeting: Hello!
facts:
  - ask: ["What are your opening hours on Saturday?"]
    answer: We are open from nine to five.
refusal: I can't talk about that.
"""
BUZZ = packet((b"\x10" * 8 + b"\x90" * 8) * 10)
"""500 Hz, loud."""


class Caller:
    """Speaks `said`, packet by packet, and then buzzes until `done` has been true for half a second."""

    @property
    def echoed(self):
        """Whether the last 0.2 s were the buzz, which the echo engine gives back: music and lines are softer."""
        return level_db(self.heard[-1600:]) > -12

    def __init__(self, done, said=()):
        self.done, self.said, self.left = done, list(said), 25
        self.heard = bytearray()

    def step(self, heard):
        self.heard += heard.ljust(160, b"\xff")
        self.left -= self.done()
        return Step(self.said.pop(0) if self.said else BUZZ, hang_up=self.left <= 0)


async def until(condition):
    """Wait for something that another process brings about, and that has no event here."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def place(server, caller):
    """Place a recorded call; a task."""

    async def call():
        ticker = Ticker()
        async with http_client(server.local_url) as client, ticker.running():
            line = Line(server.local_url, to="+12025550111", record=True)
            async with asyncio.timeout(60):  # who never hears what it waits for does not hang up
                return await PhoneCall(line, caller, ticker, client).run()

    return asyncio.create_task(call())


async def strike(server, number):
    """Send a signal to the engine process; its id."""
    pid = int(server.engine.details["pid"])
    os.kill(pid, number)
    return pid


def record_of(server):
    """The transcript of the only call there was."""
    [entry] = server.store.list()
    return read_transcript(server.settings.data_dir, entry.transcript).records


def problems(records):
    return [record.what for record in records if isinstance(record, Problem)]


def level_db(ulaw):
    return 20 * np.log10(np.sqrt(np.mean(mulaw.decode_float(ulaw) ** 2)))


def longest_silence(ulaw):
    """Seconds, in steps of 20 ms, of the longest stretch below −50 dBFS."""
    loud = np.abs(mulaw.decode(ulaw)[: len(ulaw) // 160 * 160].reshape(-1, 160)).max(axis=1) > 0.003 * 32768
    edges = np.flatnonzero(np.concatenate(([True], loud, [True])))
    return (np.diff(edges).max() - 1) * 0.02


async def test_a_call_goes_on_in_a_new_engine_process_when_its_own_is_killed(serve):
    async with serve(personas={"shop": SHOP}) as server:
        caller = Caller(lambda: server.switchboard.seating.reseated and caller.echoed)
        placed = place(server, caller)
        await until(lambda: len(caller.heard) > 4000)
        killed = await strike(server, signal.SIGKILL)
        struck = len(caller.heard)
        report = await placed
        assert report.ended == "caller_hung_up"
        assert report.problems == ()
        assert int(server.engine.details["pid"]) != killed
        assert not server.engine.open_slots

        assert report.heard.index(moment("en")) - struck < 8000
        assert longest_silence(report.heard[struck:]) < 0.6

        records = record_of(server)
        assert [type(record) for record in records if isinstance(record, Ended)] == [Ended]
        assert records[-1].counters["reseats"] == 1
        assert problems(records) == [
            "the echo engine has stopped: the engine process has ended",
            "the call goes on in a new engine process",
        ]
        [entry] = server.store.list()
        with wave.open(str(server.settings.data_dir / entry.recording)) as recording:
            both = np.frombuffer(recording.readframes(recording.getnframes()), np.int16).reshape(-1, 2)
        assert abs(len(both) - len(report.said)) < 8000
        assert np.abs(both[-4000:-800]).max(axis=0).min() > 1000  # both voices, to the end


@pytest.mark.slow
async def test_a_caller_whose_engine_hangs_hears_a_line_and_music_until_it_is_replaced(serve):
    async with serve(personas={"shop": SHOP}, watchdog_seconds=6) as server:
        caller = Caller(lambda: server.switchboard.seating.reseated and caller.echoed)
        placed = place(server, caller)
        await until(lambda: len(caller.heard) > 4000)
        hung = await strike(server, signal.SIGSTOP)
        struck = len(caller.heard)
        report = await placed
        assert report.ended == "caller_hung_up"
        assert int(server.engine.details["pid"]) != hung
        at = report.heard.index(moment("en")[:8000])
        report.heard.index(hold_music_ulaw()[:1600], at)
        assert at - struck < 2.7 * 8000  # before the watchdog gave the engine up
        assert longest_silence(report.heard[at:]) < 0.6
        assert "no sign of life" in problems(record_of(server))[0]


@pytest.mark.slow
async def test_an_engine_that_hangs_for_a_while_keeps_its_calls(serve):
    async with serve(personas={"shop": SHOP}) as server:
        caller = Caller(lambda: caller.resumed and caller.echoed)
        caller.resumed = False
        placed = place(server, caller)
        await until(lambda: len(caller.heard) > 4000)
        hung = await strike(server, signal.SIGSTOP)
        await until(lambda: moment("en")[:4000] in caller.heard)
        os.kill(hung, signal.SIGCONT)
        caller.resumed = True
        report = await placed
        assert report.clears == 1
        assert problems(record_of(server)) == []


async def test_a_call_that_no_engine_takes_in_time_ends_with_the_apology(serve, monkeypatch):
    monkeypatch.setattr(engine_process, "RESTART_SECONDS", (60.0,))
    async with serve(personas={"shop": SHOP}, reseat_seconds=0.2) as server:
        caller = Caller(lambda: False)
        placed = place(server, caller)
        await until(lambda: len(caller.heard) > 4000)
        await strike(server, signal.SIGKILL)
        await until(lambda: apology("en")[:4000] in caller.heard)
        await server.switchboard.stop()
        await placed


@pytest.mark.slow
async def test_a_conversation_goes_on_where_it_was_with_the_same_transcript(serve):
    async with serve(personas={"shop": SHOP}, engine="cascade") as server:
        question = load_recording(BUNDLED / "u02.wav").packets
        silence = [packet(b"\xff" * 160)] * 75
        caller = Caller(lambda: True, [*silence, *question, *silence * 20])
        caller.left = 10_000

        def said():
            [live] = server.switchboard.live.values()
            return [turn.text for turn in turns(live.records)]

        placed = place(server, caller)
        await until(lambda: len(caller.heard) > 4000)
        await until(lambda: said()[-1:] == ["We are open from nine to five."])
        await strike(server, signal.SIGKILL)
        await until(lambda: server.switchboard.seating.reseated)
        await until(lambda: said()[-1] == "Thank you for waiting. Where were we?")
        caller.said[:0] = question
        await until(lambda: said()[-1] == "We are open from nine to five.")
        caller.left = 1
        assert (await placed).ended == "caller_hung_up"
        spoken = turns(record_of(server))
        assert [(turn.speaker, turn.text) for turn in spoken] == [
            ("agent", "Hello!"),
            ("caller", "What are your opening hours on Saturday?"),
            ("agent", "We are open from nine to five."),
            ("agent", "Thank you for waiting. Where were we?"),
            ("caller", "What are your opening hours on Saturday?"),
            ("agent", "We are open from nine to five."),
        ]
        assert [turn.start_ms for turn in spoken] == sorted(turn.start_ms for turn in spoken)
