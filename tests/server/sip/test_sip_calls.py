"""Asterisk's side of a call, scripted on a real socket: the messages are those of a real Asterisk 22.10."""

import asyncio
import base64
import contextlib
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.server.journal import read_transcript
from bridge.transcript.records import Call, DigitPressed, Ended

PASSWORD = "a-password-of-asterisks"
LOUD = (bytes([0x10]) * 8 + bytes([0x90]) * 8) * 10  # a 500 Hz square wave


def basic(password=PASSWORD):
    return {"Authorization": "Basic " + base64.b64encode(f"asterisk:{password}".encode()).decode()}


class Channel:
    """One channel of Asterisk: it starts, sends the caller's packets, and keeps what it is sent."""

    def __init__(self, socket):
        self.socket, self.commands, self.audio = socket, [], bytearray()

    async def start(self, to="+12025550111", channel="1795276439.0", **changed):
        variables = {"SIP_TO": to, "SIP_FROM": "+12025550100", "BRIDGE_CHANNEL": channel} | changed
        await self.say(
            event="MEDIA_START", channel_id="1795276439.1", format="ulaw", optimal_frame_size=160, ptime=20,
            connection_id="bridge", channel="WebSocket/bridge/0x1", channel_variables=variables,
        )  # fmt: skip

    async def say(self, **event):
        await self.socket.send(json.dumps(event))

    async def read(self):
        """One message: a command's name, or the length of audio."""
        message = await self.socket.recv()
        if isinstance(message, bytes):
            self.audio += message
            return len(message)
        command = json.loads(message)
        self.commands.append(command["command"])
        if command["command"] == "MARK_MEDIA":
            await self.say(event="MEDIA_MARK_PROCESSED", channel_id="1.1", correlation_id=command["correlation_id"])
        return command["command"]

    async def read_to_the_end(self):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.read()

    async def talk(self, seconds, voice=LOUD):
        """The caller's packets in real time."""
        for _ in range(round(seconds * 50)):
            await self.socket.send(voice)
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def channel(server, password=PASSWORD):
    url = server.local_url.replace("http", "ws") + "/sip/media"
    async with connect(url, subprotocols=["media"], additional_headers=basic(password), proxy=None) as socket:
        assert socket.subprotocol == "media"
        yield Channel(socket)


async def after(server, http, channel="1795276439.0", password=PASSWORD):
    return await http.get(f"{server.local_url}/sip/after/{channel}", headers=basic(password))


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def records_of(server):
    (entry,) = server.store.list()
    return read_transcript(server.settings.data_dir, entry.transcript).records


async def test_a_call_rings_is_answered_heard_and_recorded_like_any_other(serve, http):
    async with serve(sip_password=PASSWORD) as server:
        async with channel(server) as asterisk:
            await asterisk.start()
            assert await asterisk.read() == "ANSWER"
            reading = asyncio.create_task(asterisk.read_to_the_end())
            await asterisk.say(event="DTMF_END", channel_id="1.1", digit="5")
            await asterisk.talk(0.5)
            assert bytes(asterisk.audio[-1600:]).strip(b"\xff"), "the echo of the caller's voice never came"
            assert len(asterisk.audio) % 160 == 0
        await reading
        await until(lambda: not server.switchboard.calls)
        call, *rest = records_of(server)
        assert isinstance(call, Call)
        assert (call.carrier, call.carrier_id, call.persona) == ("sip", "1795276439.0", "shop")
        assert (call.from_number, call.to_number) == ("+12025550100", "+12025550111")
        assert any(isinstance(record, DigitPressed) and record.digit == "5" for record in rest)
        assert isinstance(rest[-1], Ended)
        assert rest[-1].how == "caller_hung_up"
        answer = await after(server, http)
        assert (answer.status_code, answer.text) == (200, "16")


async def test_nothing_is_sent_before_media_start(serve):
    async with serve(sip_password=PASSWORD) as server, channel(server) as asterisk:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asterisk.read()
        await asterisk.start()
        assert await asterisk.read() == "ANSWER"


async def test_silence_is_fed_while_the_persona_says_nothing(serve):
    """Without packets from us none leave Asterisk; the echo of a silent caller is silence that is sent all the same."""
    async with serve(sip_password=PASSWORD) as server, channel(server) as asterisk:
        await asterisk.start()
        reading = asyncio.create_task(asterisk.read_to_the_end())
        await asterisk.talk(0.6, voice=b"\xff" * 160)
        assert len(asterisk.audio) >= 0.4 * 8000
        reading.cancel()


async def test_a_number_that_no_persona_answers_is_refused_while_it_rings(serve, http):
    async with serve(sip_password=PASSWORD) as server:
        async with channel(server) as asterisk:
            await asterisk.start(to="+12025550999")
            await asterisk.read_to_the_end()
            assert asterisk.commands == ["HANGUP"]
        assert (await after(server, http)).text == "1"
        assert server.store.list() == []


async def test_a_call_beyond_the_slots_is_refused_while_it_rings_so_that_the_trunk_fails_over(serve, http):
    async with serve(sip_password=PASSWORD, slots=1) as server, channel(server) as first:
        await first.start(channel="1.1")
        assert await first.read() == "ANSWER"
        async with channel(server) as second:
            await second.start(channel="1.2")
            await second.read_to_the_end()
            assert second.commands == ["HANGUP"]
        assert (await after(server, http, "1.2")).text == "34"
        ready = await http.get(f"{server.local_url}/sip/ready", headers=basic())
        assert ready.text == "34"


async def test_a_caller_who_is_to_be_put_through_is_referred_to_the_personas_number(serve, http):
    async with serve(sip_password=PASSWORD) as server:
        async with channel(server) as asterisk:
            await asterisk.start()
            assert await asterisk.read() == "ANSWER"
            (live,) = server.switchboard.live.values()
            await until(lambda: live.session is not None)
            live.session.stop("transfer", "the caller is put through to a person")
            await asterisk.read_to_the_end()
        await until(lambda: not server.switchboard.calls)
        assert (await after(server, http)).text == "+12025550112"


@pytest.mark.parametrize(
    ("settings", "password", "words"),
    [
        ({"sip_password": PASSWORD}, "wrong", "password is wrong"),
        ({"sip_password": PASSWORD, "sip_allow": "192.0.2.0/24"}, PASSWORD, "SIP_ALLOW"),
        ({}, "", "password is wrong"),
    ],
)
async def test_strangers_get_neither_a_channel_nor_an_answer(serve, http, settings, password, words):
    async with serve(**settings) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with channel(server, password):
                pass
        assert refused.value.response.status_code == 403
        answer = await after(server, http, password=password)
        assert (answer.status_code, words in answer.text) == (403, True)
        ready = await http.get(f"{server.local_url}/sip/ready", headers=basic(password))
        assert (ready.status_code, words in ready.text) == (403, True)


async def test_without_a_password_of_its_own_the_server_makes_one_for_asterisk(serve):
    async with serve() as server:
        password = (server.settings.data_dir / "sip.key").read_text().strip()
        async with channel(server, password) as asterisk:
            await asterisk.start(to="0012025550111")
            assert await asterisk.read() == "ANSWER"
            (live,) = server.switchboard.live.values()
            assert live.ticket.to_number == "+12025550111"


async def test_what_was_never_called_is_answered_as_busy(serve, http):
    async with serve(sip_password=PASSWORD) as server:
        assert (await after(server, http, "9.9")).text == "34"


@pytest.mark.parametrize("given", ["", "../../etc/passwd", "1.1\r\nX: y", "9" * 300])
async def test_a_channel_id_that_is_none_is_not_believed(serve, given):
    async with serve(sip_password=PASSWORD) as server, channel(server) as asterisk:
        await asterisk.start(channel=given)
        assert await asterisk.read() == "ANSWER"
        (live,) = server.switchboard.live.values()
        assert live.ticket.carrier_id == "1795276439.1"


async def test_a_message_that_breaks_the_protocol_ends_its_call_alone(serve):
    async with serve(sip_password=PASSWORD) as server:
        async with channel(server) as asterisk:
            await asterisk.socket.send(LOUD)
            await asterisk.read_to_the_end()
        assert server.switchboard.calls == 0
        async with channel(server) as asterisk:
            await asterisk.start()
            assert await asterisk.read() == "ANSWER"
