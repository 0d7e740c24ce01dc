"""A browser's phone on a real socket."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PACKET_MS = 20


@dataclass
class Phone:
    """What came is kept; `until` waits for a kind of text."""

    socket: ClientConnection
    texts: list = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    returns_marks: bool = True
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    closed: tuple | None = None

    async def listen(self):
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.audio += message
                else:
                    self.texts.append(json.loads(message))
                    if self.texts[-1]["type"] == "mark" and self.returns_marks:
                        await self.say(type="mark", name=self.texts[-1]["name"])
                self.arrived.set()
        except ConnectionClosed:
            pass
        self.closed = (self.socket.close_code, self.socket.close_reason)
        self.arrived.set()

    async def say(self, **message):
        await self.socket.send(json.dumps(message))

    async def start(self, **wanted):
        await self.say(type="start", **wanted)
        return await self.until("started")

    async def play(self, audio, bytes_per_ms=48, *, paced=True):
        """Send audio at the pace at which it is spoken, or (up to a second) at once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        packet = PACKET_MS * bytes_per_ms
        for number, start in enumerate(range(0, len(audio), packet)):
            if paced:
                await asyncio.sleep(max(0.0, began + number * PACKET_MS / 1000 - loop.time()))
            await self.socket.send(audio[start : start + packet])

    def of(self, kind):
        return [text for text in self.texts if text["type"] == kind]

    def records(self, kind):
        return [text["record"] for text in self.of("record") if text["record"]["type"] == kind]

    async def until(self, kind, seconds=15):
        return (await self.when(lambda: self.of(kind), seconds))[0]

    async def when(self, there, seconds=15):
        """Wait for something to be there."""
        async with asyncio.timeout(seconds):
            while not (found := there()):
                assert self.closed is None, (self.closed, self.texts)
                self.arrived.clear()
                await self.arrived.wait()
        return found

    async def end(self, seconds=15):
        async with asyncio.timeout(seconds):
            while self.closed is None:
                self.arrived.clear()
                await self.arrived.wait()
        return self.closed


@contextlib.asynccontextmanager
async def ringing(server, path="/v1/phone", **options):
    headers = {"Authorization": f"Bearer {server.api_key}"}
    url = f"ws://127.0.0.1:{server.port}{path}"
    async with connect(url, additional_headers=headers, proxy=None, **options) as socket:
        phone = Phone(socket)
        listening = asyncio.create_task(phone.listen())
        try:
            yield phone
        finally:
            listening.cancel()


@pytest.fixture
def ring():
    """`async with ring(server) as phone`."""
    return ringing
