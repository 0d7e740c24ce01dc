"""A person is forgotten while the server runs and holds a call of theirs."""

import asyncio
import json
import sys

from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.recording import packet
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line

PERSON = "+12025550199"
VOICE = packet(bytes([0x10, 0x90]) * 80)


class Talker:
    """Speaks until it is told to hang up."""

    def __init__(self, moments=0):
        self.over = asyncio.Event()
        self.left = moments

    def step(self, heard):
        self.left -= 1
        return Step(VOICE, hang_up=self.over.is_set() or self.left == 0)


async def forget(server, *options):
    """Exit status and what the command says, run as a program of its own."""
    command = ["calls", "forget", PERSON, "--yes", "--json", "--data-dir", str(server.settings.data_dir), *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge.cli.main", *command, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode, json.loads(out)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_masked_calls_of_a_person_are_forgotten_while_another_goes_on(serve, http):
    async with serve(redact=True, record=True) as server:
        ticker, talker = Ticker(), Talker()
        line = Line(server.local_url, persona="shop", caller=PERSON)
        async with ticker.running():
            await PhoneCall(line, Talker(20), ticker, http, keep_audio=False).run()
            await until(lambda: not server.switchboard.calls)
            going_on = asyncio.create_task(PhoneCall(line, talker, ticker, http, keep_audio=False).run())
            await until(lambda: server.switchboard.calls and len(server.store.list()) == 2)
            [live] = server.switchboard.live
            status, told = await forget(server)
            assert (status, told["in_progress"], told["calls"], told["files"]) == (1, [live], 1, 2)
            assert [entry.call_id for entry in server.store.list()] == [live]
            talker.over.set()
            await going_on
        await until(lambda: not server.switchboard.calls)
        status, told = await forget(server)
        assert (status, told["call_ids"], told["in_progress"]) == (0, [live], [])
        assert server.store.list() == []
        assert list(server.settings.data_dir.glob("calls/*")) == []
        for path in server.settings.data_dir.glob("calls.db*"):
            assert live.encode() not in path.read_bytes()
