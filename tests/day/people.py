"""Those who call during the day, each as the script says; and the receiver of the day's webhooks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import uuid
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import websockets
from twilio.request_validator import RequestValidator

from bridge.caller.account import OVER, Account, Call
from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.dial import Callee
from bridge.caller.recording import SILENCE, packet
from bridge.caller.webhook import CallIds
from bridge.server.app import Server

from .plan import Caller

OURS, PERSON, ABSENT, SLOW = "+12025550111", "+12025550112", "+12025550113", "+12025550114"

VOICE = packet((b"\x10" * 8 + b"\x90" * 8) * 10)
"""20 ms of a square wave of 500 Hz."""

PERSONA = f"""\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
numbers: ["{OURS}"]
greeting: Corner Shop, hello.
recording:
  notice: This call is recorded. Press 8 if you do not want that.
  opt_out_key: 8
refusal: I can't talk about that.
transfer: "{PERSON}"
keys:
  0: transfer
  1: {{say: We are open from nine to five.}}
  5: {{then: transfer, to: "{ABSENT}"}}
  6: {{then: transfer, to: "{SLOW}"}}
  9: {{then: hangup, say: Goodbye then.}}
outbound:
  notice: This is the automated assistant of Corner Shop.
  greeting: Your order is ready.
  timezone: UTC
  days: mon-sun
  hours: 0:00-24:00
  voicemail: Your order is ready. Goodbye.
limits:
  call_seconds: 30
  idle_seconds: 14
"""


class Talker:
    """Speaks, or is silent, presses keys at their moments, and hangs up after `moments`; 0: never."""

    def __init__(self, moments: int, keys: dict[int, str] | None = None, *, silent: bool = False) -> None:
        self._moments, self._keys, self._silent = moments, keys or {}, silent
        self.now = 0

    def step(self, heard: bytes) -> Step:
        self.now += 1
        return Step(
            SILENCE if self._silent else VOICE,
            digits=self._keys.get(self.now, ""),
            hang_up=0 < self._moments <= self.now,
        )


@dataclass
class Town:
    """The server, the account whose number it answers, and a client for those who call by hand."""

    server: Server
    account: Account
    http: httpx.AsyncClient
    problems: list[str] = field(default_factory=list)

    async def call(self, caller: Caller) -> str:
        """Place one call as the script says; the carrier's name for it."""
        match caller.kind:
            case "talk":
                return await self._ring(caller, Talker(caller.moments))
            case "digits":
                chance = random.Random(caller.seed)
                keys = {at: chance.choice("1247*#") for at in chance.sample(range(30, caller.moments), 4)}
                return await self._ring(caller, Talker(caller.moments, keys))
            case "key_hangup":
                return await self._ring(caller, Talker(0, {caller.moments: "9"}))
            case "opt_out":
                return await self._ring(caller, Talker(caller.moments, {caller.moments - 20: "8"}))
            case "transfer":
                return await self._ring(caller, Talker(0, {caller.moments: "0"}))
            case "nobody":
                return await self._ring(caller, Talker(caller.moments + 400, {caller.moments: "5"}))
            case "gives_up":
                return await self._gives_up(caller)
            case "idle":
                return await self._ring(caller, Talker(0, silent=True))
            case "endless":
                return await self._ring(caller, Talker(0))
            case "drop":
                return await self._drop(caller)
            case "ended_by_request":
                return await self._ended_by_request(caller)
            case "forged":
                return await self._forged(caller)
            case "called" | "voicemail" | "machine" | "unreached" | "not_to_be_called":
                return await self._we_call(caller)
            case _:
                return await Hand(self, caller).call()

    async def _ring(self, caller: Caller, talker: Talker) -> str:
        report = await self.account.ring(OURS, caller.number, talker, keep_audio=False)
        expected = 2 if caller.kind == "nobody" else 1
        self.check(caller, report.streams == expected, f"{report.streams} streams, then {report.after}")
        self.check(caller, not report.problems, f"the carrier complains: {report.problems}")
        return report.ids.call_sid

    async def _gives_up(self, caller: Caller) -> str:
        placed = asyncio.create_task(self._ring(caller, Talker(0, {caller.moments: "6"})))
        phone = await self._phone_of(caller)
        await until(lambda: placed.done() or any(live.ticket.from_number == caller.number for live in self._away()))
        phone.hang_up()
        return await placed

    def _away(self) -> list[Any]:
        switchboard = self.server.switchboard
        return [live for live in switchboard.live.values() if switchboard.away.get(live.ticket.call_id)]

    async def _ended_by_request(self, caller: Caller) -> str:
        placed = asyncio.create_task(self._ring(caller, Talker(0)))
        phone = await self._phone_of(caller)
        await until(lambda: placed.done() or any(live.ticket.from_number == caller.number for live in self._live()))
        await asyncio.sleep(caller.moments / 200)
        phone.hang_up()
        return await placed

    def _live(self) -> list[Any]:
        return [live for live in self.server.switchboard.live.values() if live.session]

    async def _phone_of(self, caller: Caller) -> PhoneCall:
        call = await self._placed(caller)
        assert call.phone is not None
        return call.phone

    async def _placed(self, caller: Caller) -> Call:
        def found() -> list[Call]:
            return [call for call in self.account.calls.values() if caller.number in (call.caller, call.to)]

        await until(found)
        return found()[0]

    async def _drop(self, caller: Caller) -> str:
        """The network between carrier and server goes away in the middle of the call."""
        async with Wire(self.server.port).running() as wire:
            account = self.account
            line = replace(
                account.line,
                url=f"http://127.0.0.1:{wire.port}",
                public_url=self.server.public_url,
                to=OURS,
                caller=caller.number,
            )
            talker = Talker(0)
            ids = CallIds.new()
            phone = PhoneCall(line, talker, account._ticker, self.http, keep_audio=False, ids=ids, book=account.book)
            placed = asyncio.create_task(phone.run())
            await until(lambda: talker.now >= caller.moments or placed.done())
            wire.cut()
            report = await placed
            said = [verb.name for verb in report.after]
            self.check(caller, said[:2] == ["Say", "Dial"], f"the caller was led to {said}")
            return ids.call_sid

    async def _we_call(self, caller: Caller) -> str:
        """Ask the server to call somebody."""
        chance = random.Random(caller.seed)
        found = {"voicemail": "machine_end_beep", "machine": chance.choice(["fax", "machine_start"])}
        self.account.book[caller.number] = Callee(
            answer=chance.choice(["busy", "no-answer", "failed"]) if caller.kind == "unreached" else "answers",
            ring_s=0.1,
            talker=lambda: Talker(caller.moments if caller.kind == "called" else 0),
            answered_by=found.get(caller.kind, "human"),
            detect_s=1.5,
        )
        if caller.kind == "not_to_be_called":
            await asyncio.to_thread(self.server.do_not_call.add, caller.number)
        answer = await self.http.post(
            f"{self.server.local_url}/api/calls",
            json={"to": caller.number, "persona": "shop"},
            headers={"Authorization": f"Bearer {self.server.api_key}"},
        )
        if caller.kind == "not_to_be_called":
            self.check(caller, answer.status_code == 403, f"the order was answered {answer.status_code}")
            return CallIds.new().call_sid
        self.check(caller, answer.status_code == 201, f"the order was answered {answer.status_code}: {answer.text}")
        call = await self._placed(caller)
        over = f"call {caller.at} ({caller.kind}, {self.account.book[caller.number]}) ends; it is {call}"
        await until(lambda: call.status in OVER and (call.report or caller.kind == "unreached"), what=over)
        verbs = [verb.name for verb in call.report.after] if call.report else []
        expected = {"voicemail": ["Say", "Hangup"], "machine": ["Hangup"]}.get(caller.kind, [])
        self.check(caller, verbs == expected, f"they were led to {verbs}")
        return call.sid

    async def _forged(self, caller: Caller) -> str:
        sid = CallIds.new().call_sid
        form = {"CallSid": sid, "From": caller.number, "To": OURS, "CallStatus": "ringing"}
        url = f"{self.server.public_url}/twilio/voice"
        for signature in ("", RequestValidator("f" * 32).compute_signature(url, form)):
            answer = await self.http.post(url, data=form, headers={"X-Twilio-Signature": signature})
            self.check(caller, answer.status_code == 403, f"a forged webhook was answered {answer.status_code}")
        return sid

    def check(self, caller: Caller, good: bool, what: str) -> None:
        """Note what is not as the script has it."""
        if not good:
            self.problems.append(f"call {caller.at} ({caller.kind}): {what}")


class Hand:
    """A call message by message, for what no honest carrier does."""

    def __init__(self, town: Town, caller: Caller) -> None:
        self.town, self.caller = town, caller
        self.sid = CallIds.new().call_sid
        self.validator = RequestValidator(town.account.auth_token)

    async def call(self) -> str:
        address = await self._webhook()
        match self.caller.kind:
            case "forged_stream":
                for signature in ("", RequestValidator("f" * 32).compute_signature(address, {})):
                    await self._refused(address, signature)
            case "replayed":
                self.town.check(self.caller, await self._webhook() == address, "a repeated webhook got another stream")
                async with self._stream(address) as socket:
                    await self._refused(address, self._sign(address))
                    await self._speak(socket)
                    await socket.send('{"event":"stop","streamSid":"MZ1"}')
                    await _drained(socket)
                await self._told_over()
            case "garbage":
                async with self._stream(address) as socket:
                    await self._speak(socket)
                    await socket.send(b"\x00\x01\x02")
                    await _drained(socket)
                    self.town.check(self.caller, socket.close_code == 1003, f"closed with {socket.close_code}")
                await self._told_over()
            case "never":
                pass
        return self.sid

    async def _webhook(self) -> str:
        answer = await self._post("/twilio/voice", CallStatus="ringing")
        return ET.fromstring(answer.text).find("Connect/Stream").attrib["url"]  # type: ignore[union-attr]

    async def _told_over(self) -> None:
        await self._post("/twilio/call-status", CallStatus="completed", CallDuration="1", Timestamp="now")

    async def _post(self, path: str, **more: str) -> httpx.Response:
        form = {"CallSid": self.sid, "From": self.caller.number, "To": OURS} | more
        url = f"{self.town.server.public_url}{path}"
        token = str(uuid.UUID(int=self.caller.seed))
        headers = {
            "X-Twilio-Signature": self.validator.compute_signature(url, form),
            "I-Twilio-Idempotency-Token": f"{path}{token}",
        }
        answer = await self.town.http.post(url, data=form, headers=headers)
        self.town.check(self.caller, not answer.is_error, f"{path} was answered {answer.status_code}")
        return answer

    def _sign(self, address: str) -> str:
        return str(self.validator.compute_signature(address, {}))

    async def _refused(self, address: str, signature: str) -> None:
        try:
            async with websockets.connect(address, additional_headers={"x-twilio-signature": signature}):
                self.town.check(self.caller, False, "a forged or repeated stream was taken")
        except websockets.InvalidStatus as refusal:
            status = refusal.response.status_code
            self.town.check(self.caller, status == 403, f"a forged stream was answered {status}")

    @contextlib.asynccontextmanager
    async def _stream(self, address: str) -> AsyncIterator[Any]:
        headers = {"x-twilio-signature": self._sign(address)}
        async with websockets.connect(address, additional_headers=headers, ping_interval=None) as socket:
            media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
            start = {"streamSid": "MZ1", "callSid": self.sid, "mediaFormat": media, "customParameters": {}}
            await socket.send(json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))
            yield socket

    async def _speak(self, socket: Any) -> None:
        """Half a second, in one go; marks are returned at once, as if everything had been played."""
        for number in range(25):
            media = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(number * 20)}
            media["payload"] = base64.b64encode(VOICE.ulaw).decode()
            await socket.send(json.dumps({"event": "media", "streamSid": "MZ1", "media": media}))
        async with asyncio.timeout(20):
            frames = 0
            while frames < 3:
                message = await socket.recv()
                frames += '"event":"media"' in message
                if '"event":"mark"' in message:
                    await socket.send(message)


async def _drained(socket: Any) -> None:
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(20):
            while True:
                await socket.recv()


class Wire:
    """A way to the server that can be cut."""

    def __init__(self, upstream: int) -> None:
        self.upstream, self.port = upstream, 0
        self._cut = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Wire]:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    def cut(self) -> None:
        """Both ends lose what they had; new connections go through again."""
        for end in list(self._ends):
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, below = await asyncio.open_connection("127.0.0.1", self.upstream)
        self._ends |= {writer, below}
        try:
            await asyncio.gather(_pipe(reader, below), _pipe(above, writer))
        finally:
            for end in (writer, below):
                self._ends.discard(end)
                end.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


class Receiver:
    """Takes the day's webhooks, but not always at the first time; keeps whose end each tells, and which."""

    def __init__(self, seed: int) -> None:
        self.url = ""
        self.taken: list[tuple[str, str]] = []
        self.refused = 0
        self._chance = random.Random(seed)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Receiver]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/calls"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            fails = self._chance.random() < 0.2
            self.refused += fails
            if not fails:
                self.taken.append((body["call"]["carrier_id"], body["call"]["ended"]))
            status = b"500 No" if fails else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def until(condition: Callable[[], Any], seconds: float = 60.0, what: str = "") -> None:
    """Wait for what somebody else brings about; `what` is said if it does not come."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(what) from None
