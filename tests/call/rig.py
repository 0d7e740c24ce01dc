"""A call between a scripted carrier and a scripted engine, on a clock that the test turns."""

import asyncio

import numpy as np

from bridge.call.session import CallSession
from bridge.facts.events import Audio, Ended, SendMark
from bridge.persona.schema import Persona

PERSONA = Persona.model_validate(
    {
        "name": "shop",
        "business": "A Shop",
        "description": "a shop",
        "agent_name": "Ada",
        "greeting": "Hello.",
        "refusal": "I can't say.",
        "limits": {"call_seconds": 30, "idle_seconds": 3},
    }
)
TONE = np.sin(np.arange(1920) / 10).astype(np.float32).tobytes()


class Line:
    """Carrier and engine in one: what the test puts in comes out as events and frames, what the call sends is kept."""

    no_media_seconds = 10.0
    wide = False
    broken = ""

    def __init__(self):
        self.incoming, self.frames = asyncio.Queue(), asyncio.Queue()
        self.sent, self.pushed, self.said, self.digits, self.closed = [], [], [], [], []
        self.generation = 0

    # the leg
    async def events(self):
        while (event := await self.incoming.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    async def send(self, *commands):
        self.sent += commands

    async def close(self, code=1000, reason=""):
        if not self.closed:
            self.closed.append((code, reason))

    # the slot
    def push(self, frame):
        self.pushed.append(frame)

    async def next(self):
        frame = await self.frames.get()
        if isinstance(frame, Exception):
            raise frame
        return frame

    def say(self, text, wish=None):
        self.said.append((text, wish))

    def digit(self, digit):
        self.digits.append(digit)

    def close_slot(self):
        self.closed_slot = True


class Slot:
    """The engine's half of a `Line`, whose `close` is another than the leg's."""

    def __init__(self, line, ticks=None):
        self.ticks, self.ahead_ms = ticks, 0.0
        self.push, self.next, self.say, self.digit, self.close = (
            line.push, line.next, line.say, line.digit, line.close_slot,
        )  # fmt: skip


class Rig:
    """A call under test. `turn` moves the clock and lets the call's tasks run until nothing is left to do."""

    def __init__(self, **options):
        self.now = 100.0
        self.line = Line()
        self.written = []
        self.slot = Slot(self.line, options.pop("ticks", None))
        self.session = CallSession(
            self.line,
            self.slot,
            options.pop("persona", PERSONA),
            self.written.append,
            lambda: self.now,
            lambda: "2026-01-01T00:00:00.000Z",
            **options,
        )
        self.task = asyncio.create_task(self.session.run())
        self.at_ms = 0

    async def settle(self):
        for _ in range(20):
            await asyncio.sleep(0)

    async def turn(self, seconds=0.0, *, caller=True):
        """Time passes; with `caller` the caller's audio comes with it, in packets of 20 ms."""
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            if caller:
                self.line.incoming.put_nowait(Audio(self.at_ms, b"\xff" * 160))
                self.at_ms += 20
            await asyncio.sleep(0)  # a packet is taken when it comes
        await self.settle()

    async def agent(self, *frames):
        for frame in frames:
            self.line.frames.put_nowait(frame)
        await self.settle()

    def kinds(self, kind):
        return [record for record in self.written if isinstance(record, kind)]

    @property
    def marks(self):
        return [command for command in self.line.sent if isinstance(command, SendMark)]

    async def end(self):
        self.line.incoming.put_nowait(Ended("the carrier ended the stream"))
        return await self.task
