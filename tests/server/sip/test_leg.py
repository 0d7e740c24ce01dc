"""The leg of a call from Asterisk, on a real WebSocket object whose wire and clock are the test's."""

import asyncio
import json

from starlette.websockets import WebSocket

from bridge.audio.intake import Intake
from bridge.facts.events import Audio, Clear, Ended, SendAudio
from bridge.server.sip.leg import AsteriskLeg

PACKET = b"\x55" * 160
SILENCE = b"\xff" * 160
START = json.dumps(
    {"event": "MEDIA_START", "channel_id": "1.1", "format": "ulaw", "optimal_frame_size": 160, "channel_variables": {}}
)


class Wire:
    """What Asterisk sends is put in; what it gets is kept."""

    def __init__(self):
        self.now, self.sent = 100.0, []
        self._coming = asyncio.Queue()

    async def leg(self):
        socket = WebSocket({"type": "websocket", "headers": [], "subprotocols": []}, self._receive, self._send)
        self._coming.put_nowait({"type": "websocket.connect"})
        await socket.accept()
        leg = AsteriskLeg(socket, lambda: self.now)
        self.put(START)
        await leg.start()
        await leg.answer()
        self.sent.clear()
        return leg

    def put(self, message):
        self._coming.put_nowait(
            {"type": "websocket.receive", "bytes" if isinstance(message, bytes) else "text": message}
        )

    def close(self, code=1000):
        self._coming.put_nowait({"type": "websocket.disconnect", "code": code})

    async def _receive(self):
        return await self._coming.get()

    async def _send(self, message):
        self.sent.append(message.get("bytes") or message.get("text") or message["type"])


async def packets(wire, events, count):
    """So many packets of the caller, 20 ms apart."""
    for _ in range(count):
        wire.now += 0.02
        wire.put(PACKET)
        assert isinstance(await anext(events), Audio)


async def test_asterisk_is_fed_silence_while_the_engine_says_nothing():
    wire = Wire()
    leg = await wire.leg()
    await packets(wire, leg.events(), 50)
    assert set(wire.sent) == {SILENCE}
    assert 45 <= len(wire.sent) <= 50


async def test_nothing_is_fed_while_the_engine_speaks():
    wire = Wire()
    leg = await wire.leg()
    events = leg.events()
    for _ in range(10):
        await leg.send(SendAudio(PACKET * 4))
        await packets(wire, events, 4)
    assert set(wire.sent) == {PACKET * 4}


async def test_after_a_flush_silence_is_fed_again():
    wire = Wire()
    leg = await wire.leg()
    await leg.send(SendAudio(PACKET * 100))
    await leg.send(Clear())
    await packets(wire, leg.events(), 10)
    assert SILENCE in wire.sent


async def test_a_channel_that_closes_has_hung_up_and_one_that_breaks_has_not():
    for code, last in ((1000, Ended("the caller hung up")), (1006, None)):
        wire = Wire()
        leg = await wire.leg()
        wire.close(code)
        assert [event async for event in leg.events()] == ([last] if last else [])


async def test_a_caller_who_was_on_hold_is_heard_again():
    wire, intake = Wire(), Intake()
    leg = await wire.leg()
    events, began, heard = leg.events(), wire.now, 0
    for number in range(150):
        wire.now += 3.0 if number == 50 else 0.02
        now_ms = 1000 * (wire.now - began)
        list(intake.catch_up(now_ms))
        wire.put(PACKET)
        audio = await anext(events)
        frames = intake.accept(audio.at_ms, audio.ulaw, now_ms)
        heard += sum(PACKET in frame.ulaw for frame in frames if number > 50)
    assert heard >= 17  # of 100 packets those after the first 400 ms
