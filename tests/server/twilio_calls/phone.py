"""One call as Twilio places it, message by message: for what a caller who talks never does."""

import asyncio
import base64
import contextlib
import json
import xml.etree.ElementTree as ET

import websockets
from twilio.request_validator import RequestValidator

from bridge.caller.live_stream import Step
from bridge.server.journal import read_transcript
from bridge.transcript.records import Ended

TOKEN = "0123456789abcdef0123456789abcdef"
OURS, CALLER, PERSON = "+12025550111", "+12025550100", "+12025550112"
SILENCE = b"\xff" * 160


async def until(condition, seconds=10.0):
    """Wait for something that another process or thread brings about, and that has no event here."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def slot_is_free(server):
    """The slot is free again within a second."""
    await until(lambda: server.switchboard.free == server.engine.capacity, seconds=1.0)


class Phone:
    """A call's requests, signed where the server has a token."""

    def __init__(self, server, http, sid="CA1", **form):
        self.server, self.http, self.sid = server, http, sid
        self.form = {"CallSid": sid, "From": "+12025550100", "To": "+12025550111", "CallStatus": "ringing"} | form
        secret = server.settings.twilio_auth_token
        self.validator = RequestValidator(secret.get_secret_value()) if secret else None
        self.packets = 0

    def signature(self, url, form):
        return self.validator.compute_signature(url, form) if self.validator else ""

    async def post(self, path, headers=None, **form):
        form = self.form | form
        url = self.server.public_url + path
        signed = {"X-Twilio-Signature": self.signature(url, form)} | (headers or {})
        return await self.http.post(self.server.local_url + path, data=form, headers=signed)

    async def ask(self, path, **form):
        """The TwiML of an answer, and its verbs."""
        answer = await self.post(path, **form)
        assert answer.status_code == 200, answer.text
        response = ET.fromstring(answer.text)
        return response, [verb.tag for verb in response]

    async def ring(self):
        """The address of the stream that the voice webhook names."""
        response, _ = await self.ask("/twilio/voice")
        return response.find("Connect/Stream").attrib["url"]

    async def open(self, address=None):
        """The socket of the call's stream."""
        address = address or await self.ring()
        return await websockets.connect(
            address, additional_headers={"x-twilio-signature": self.signature(address, {})}, max_size=None
        )

    @contextlib.asynccontextmanager
    async def stream(self, address=None):
        """A stream that has started, seated in the engine."""
        async with await self.open(address) as socket:
            before = self.server.engine.open_slots
            await socket.send(self.start())
            await until(lambda: self.server.engine.open_slots > before)
            yield socket

    def start(self):
        media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"streamSid": "MZ1", "callSid": self.sid, "mediaFormat": media, "customParameters": {}}
        return json.dumps({"event": "start", "streamSid": "MZ1", "start": start})

    async def speak(self, socket, packets=1, ulaw=SILENCE):
        for _ in range(packets):
            media = {"track": "inbound", "chunk": str(self.packets + 1), "timestamp": str(self.packets * 20)}
            media["payload"] = base64.b64encode(ulaw).decode()
            await socket.send(json.dumps({"event": "media", "streamSid": "MZ1", "media": media}))
            self.packets += 1

    async def press(self, socket, digit):
        await socket.send(json.dumps({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"digit": digit}}))

    async def play_to_mark(self, socket):
        """Take what the server sends up to the next mark, and return it as played."""
        async with asyncio.timeout(10):
            while '"event":"mark"' not in (message := await socket.recv()):
                pass
        await socket.send(message)

    async def hang_up(self, socket):
        await socket.send('{"event":"stop","streamSid":"MZ1"}')
        return await end_of(socket)

    @property
    def row(self):
        """The call's row in the index; exactly one."""
        [entry] = [entry for entry in self.server.store.list() if entry.carrier_id == self.sid]
        return entry

    @property
    def records(self):
        """The call's record as it lies on the disk."""
        return read_transcript(self.server.settings.data_dir, self.row.transcript).records

    async def over(self):
        """The call's record is closed."""
        await until(lambda: not self.server.switchboard.calls)
        await until(lambda: any(e.carrier_id == self.sid and e.ended_how for e in self.server.store.list()))
        await until(lambda: of(self.records, Ended))  # which another thread writes


async def end_of(socket):
    """The close code and reason that the server gave."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason


async def whole_stream(phone, address=None):
    """A stream from its start to the caller's hanging up, with half a second of audio."""
    async with phone.stream(address) as socket:
        await phone.speak(socket, 25)
        return await phone.hang_up(socket)


class Presses:
    """A caller who presses keys, each at its packet, and hangs up at last. It is a `Talker`."""

    def __init__(self, keys=None, until=60):
        self.keys, self.until, self.now = {10: "0"} if keys is None else keys, until, 0

    def step(self, heard):
        self.now += 1
        return Step(digits=self.keys.get(self.now, ""), hang_up=self.now >= self.until)


async def row_of(server, report):
    await until(lambda: any(row.ended_how and row.carrier_id == report.ids.call_sid for row in server.store.list()))
    [row] = [row for row in server.store.list() if row.carrier_id == report.ids.call_sid]
    await until(lambda: of(records_of(server, row), Ended))  # which another thread writes
    return row


def records_of(server, row):
    return read_transcript(server.settings.data_dir, row.transcript).records


def of(records, kind):
    return [record for record in records if isinstance(record, kind)]
