"""Twilio's requests against a real server on real sockets: what is let in, what is refused, and what survives it."""

import asyncio
import contextlib
import json
import xml.etree.ElementTree as ET

import pytest
import websockets
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from bridge.audio import intake
from bridge.server.journal import read_transcript
from bridge.transcript.records import Ended, Problem

TOKEN = "0123456789abcdef0123456789abcdef"
FORM = {"CallSid": "CA1", "AccountSid": "AC1", "From": "+12025550100", "To": "+12025550111", "CallStatus": "ringing"}
START = {
    "event": "start",
    "streamSid": "MZ1",
    "start": {
        "streamSid": "MZ1",
        "callSid": "CA1",
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {},
    },
}


def packet(number, payload="/" * 212 + "/w=="):
    media = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(number * 20), "payload": payload}
    return json.dumps({"event": "media", "streamSid": "MZ1", "media": media})


async def until(condition):
    """Wait for something that another process or thread brings about, and that has no event here."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def stream_address(http, server, form=FORM):
    answer = await http.post(f"{server.local_url}/twilio/voice", data=form)
    assert answer.status_code == 200, answer.text
    return ET.fromstring(answer.text).find("Connect/Stream").attrib["url"]


@contextlib.asynccontextmanager
async def stream(http, server):
    """A stream that has started."""
    async with websockets.connect(await stream_address(http, server), max_size=None) as socket:
        await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        await socket.send(json.dumps(START))
        await until(lambda: server.engine.open_slots)
        yield socket


async def end_of(socket):
    """The close code and reason that the server gave."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason


async def all_calls_over(server):
    await until(lambda: not server.switchboard.calls and not server.engine.open_slots)


def last_record(server):
    entry = next(entry for entry in server.store.list() if entry.carrier_id == "CA1")
    return read_transcript(server.settings.data_dir, entry.transcript)


async def assert_unharmed(server, http, token=None):
    """A whole call still goes through: each frame that the echo engine is sent comes back, and the slot is freed."""
    form = FORM | {"CallSid": "CA-unharmed"}
    sign = RequestValidator(token).compute_signature if token else lambda url, form: ""
    url = f"{server.local_url}/twilio/voice"
    answer = await http.post(url, data=form, headers={"X-Twilio-Signature": sign(url, form)})
    address = ET.fromstring(answer.text).find("Connect/Stream").attrib["url"]
    async with websockets.connect(address, additional_headers={"x-twilio-signature": sign(address, {})}) as socket:
        start = json.loads(json.dumps(START))
        start["start"]["callSid"] = "CA-unharmed"
        await socket.send(json.dumps(start))
        for number in range(20):
            await socket.send(packet(number))
        async with asyncio.timeout(10):
            frames = [json.loads(await socket.recv()) for _ in range(5)]
        assert [frame["event"] for frame in frames] == ["media"] * 5
        await socket.send('{"event":"stop","streamSid":"MZ1"}')
        assert (await end_of(socket))[0] == 1000
    await all_calls_over(server)


# -- the voice webhook


async def test_an_unsigned_webhook_is_refused(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        answer = await http.post(f"{server.local_url}/twilio/voice", data=FORM)
        assert answer.status_code == 403
        assert "X-Twilio-Signature is missing" in answer.json()["detail"]
        await assert_unharmed(server, http, TOKEN)


async def test_a_forged_webhook_is_refused(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        url = f"{server.local_url}/twilio/voice"
        forged = RequestValidator("f" * 32).compute_signature(url, FORM)
        answer = await http.post(url, data=FORM, headers={"X-Twilio-Signature": forged})
        assert answer.status_code == 403
        assert "PUBLIC_URL" in answer.json()["detail"]


async def test_a_signed_form_that_was_changed_on_its_way_is_refused(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        url = f"{server.local_url}/twilio/voice"
        signature = RequestValidator(TOKEN).compute_signature(url, FORM)
        answer = await http.post(url, data=FORM | {"From": "+12025550177"}, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 403


async def test_signatures_are_made_over_the_public_address_and_not_over_the_host_header(serve, http):
    async with serve(twilio_auth_token=TOKEN, public_url="https://bridge.example.com/") as server:
        public = "https://bridge.example.com/twilio/voice?persona=shop"
        signature = RequestValidator(TOKEN).compute_signature(public, FORM)
        url = f"{server.local_url}/twilio/voice?persona=shop"
        answer = await http.post(url, data=FORM, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 200
        address = ET.fromstring(answer.text).find("Connect/Stream").attrib["url"]
        assert address.startswith("wss://bridge.example.com/twilio/media/")
        assert "?" not in address


async def test_repeated_keys_of_a_form_are_part_of_its_signature(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        url = f"{server.local_url}/twilio/voice"
        form = FORM | {"Tag": ["one", "two"]}
        pairs = FormData([*FORM.items(), ("Tag", "one"), ("Tag", "two")])
        signature = RequestValidator(TOKEN).compute_signature(url, pairs)
        answer = await http.post(url, data=form, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 200


async def test_the_answer_connects_a_stream_and_has_a_way_out_when_it_fails(serve, http):
    async with serve() as server:
        answer = await http.post(f"{server.local_url}/twilio/voice", data=FORM)
        response = ET.fromstring(answer.text)
        assert [verb.tag for verb in response] == ["Connect", "Say", "Dial"]
        assert response.find("Connect").attrib["action"] == f"{server.local_url}/twilio/after"
        assert response.find("Dial").text == "+12025550112"
        names = {parameter.attrib["name"] for parameter in response.findall("Connect/Stream/Parameter")}
        assert names == {"call_id", "persona"}


async def test_a_number_that_nobody_answers_is_told_so(serve, http):
    async with serve() as server:
        answer = await http.post(f"{server.local_url}/twilio/voice", data=FORM | {"To": "+12025550188"})
        assert [verb.tag for verb in ET.fromstring(answer.text)] == ["Say", "Hangup"]


async def test_a_call_beyond_the_slots_hears_that_lines_are_busy_and_reaches_a_person(serve, http):
    async with serve(slots=1) as server:
        await stream_address(http, server)
        answer = await http.post(f"{server.local_url}/twilio/voice", data=FORM | {"CallSid": "CA2"})
        response = ET.fromstring(answer.text)
        assert [verb.tag for verb in response] == ["Say", "Dial"]
        assert "busy" in response.find("Say").text


async def test_a_promised_slot_is_free_again_when_no_stream_comes(serve, http):
    async with serve(slots=1, stream_token_seconds=0.2) as server:
        await stream_address(http, server)
        assert server.switchboard.free == 0
        await until(lambda: server.switchboard.free)


async def test_a_form_without_a_call_is_a_bad_request(serve, http):
    async with serve() as server:
        answer = await http.post(f"{server.local_url}/twilio/voice", data={"To": "+12025550111"})
        assert answer.status_code == 400
        assert "CallSid" in answer.json()["detail"]


async def test_a_long_body_is_refused_before_it_is_read(serve, http):
    async with serve() as server:
        url = f"{server.local_url}/twilio/voice"
        assert (await http.post(url, content=b"x" * 70_000)).status_code == 413

        async def without_length():
            for _ in range(100):
                yield b"x" * 1000

        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await http.post(url, content=without_length(), headers=form)).status_code == 413
        await assert_unharmed(server, http)


# -- the stream's upgrade


async def refused_with(address, **options):
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await websockets.connect(address, **options)
    return refusal.value.response.status_code, json.loads(refusal.value.response.body)["detail"]


async def test_a_stream_address_works_once(serve, http):
    async with serve() as server:
        address = await stream_address(http, server)
        async with websockets.connect(address):
            status, detail = await refused_with(address)
        assert status == 403
        assert "has been used" in detail
        await assert_unharmed(server, http)


async def test_a_stream_address_expires(serve, http):
    async with serve(stream_token_seconds=0.05) as server:
        address = await stream_address(http, server)
        await until(lambda: not server.switchboard.tokens.outstanding)
        assert (await refused_with(address))[0] == 403


async def test_a_stream_address_cannot_be_guessed(serve):
    async with serve() as server:
        address = server.local_url.replace("http", "ws") + "/twilio/media/guess"
        assert (await refused_with(address))[0] == 403


async def test_the_upgrade_is_signed_over_the_wss_address(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        validator = RequestValidator(TOKEN)
        url = f"{server.local_url}/twilio/voice"
        headers = {"X-Twilio-Signature": validator.compute_signature(url, FORM)}
        answer = await http.post(url, data=FORM, headers=headers)
        address = ET.fromstring(answer.text).find("Connect/Stream").attrib["url"]
        assert (await refused_with(address))[1] == "the header x-twilio-signature is missing"
        wrong = {"x-twilio-signature": validator.compute_signature(address.replace("ws", "http", 1), {})}
        assert (await refused_with(address, additional_headers=wrong))[0] == 403
        right = {"x-twilio-signature": validator.compute_signature(address, {})}
        async with websockets.connect(address, additional_headers=right):
            pass


async def test_a_stream_of_another_call_is_refused(serve, http):
    async with serve() as server, websockets.connect(await stream_address(http, server)) as socket:
        other = json.loads(json.dumps(START))
        other["start"]["callSid"] = "CA-of-another"
        await socket.send(json.dumps(other))
        code, reason = await end_of(socket)
        assert code == 1008
        assert "another call" in reason


# -- what comes over the stream


async def test_media_before_start_is_refused(serve, http):
    async with serve() as server, websockets.connect(await stream_address(http, server)) as socket:
        await socket.send(packet(0))
        assert await end_of(socket) == (1008, "media came before start")
        await assert_unharmed(server, http)


async def test_a_binary_message_is_refused(serve, http):
    async with serve() as server:
        async with stream(http, server) as socket:
            await socket.send(b"\x00\x01")
            code, reason = await end_of(socket)
        assert code == 1003
        assert "text only" in reason
        await all_calls_over(server)
        assert last_record(server).ended.how == "protocol_error"
        await assert_unharmed(server, http)


async def test_a_message_of_a_megabyte_is_refused(serve, http):
    async with serve() as server:
        async with stream(http, server) as socket:
            await socket.send(packet(0, "A" * (1 << 20)))
            assert (await end_of(socket))[0] == 1009
        await all_calls_over(server)
        assert isinstance(last_record(server).ended, Ended)
        await assert_unharmed(server, http)


async def test_broken_messages_lose_their_own_audio_and_nothing_else(serve, http, monkeypatch):
    monkeypatch.setattr(intake, "PATIENCE_MS", 60_000)  # after the last packet, too, however slow the machine is
    async with serve() as server:
        async with stream(http, server) as socket:
            await socket.send(packet(0))
            await socket.send(packet(1, "//8"))  # truncated base64
            await socket.send('{"event":"sparkle"}')
            await socket.send("{")
            for number in range(2, 20):
                await socket.send(packet(number))
            async with asyncio.timeout(10):
                frames = [json.loads(await socket.recv()) for _ in range(5)]
            assert all(frame["event"] == "media" for frame in frames)
            await socket.send('{"event":"stop","streamSid":"MZ1"}')
        await all_calls_over(server)
        reading = last_record(server)
        assert reading.ended.how == "caller_hung_up"
        assert reading.ended.counters["unreadable_messages"] == 2
        assert reading.ended.counters["filled_ms"] == 20
        assert sum(isinstance(record, Problem) for record in reading.records) == 2


async def test_a_flood_of_broken_messages_ends_the_call(serve, http):
    async with serve() as server:
        async with stream(http, server) as socket:
            for _ in range(25):
                await socket.send("{")
            assert (await end_of(socket))[0] == 1007
        await all_calls_over(server)
        await assert_unharmed(server, http)


async def test_a_caller_who_vanishes_frees_the_slot(serve, http):
    async with serve(slots=1) as server:
        async with stream(http, server) as socket:
            await socket.send(packet(0))
            socket.transport.abort()
        await all_calls_over(server)
        assert last_record(server).ended.how == "carrier_lost"
        await assert_unharmed(server, http)


async def test_a_stream_that_never_starts_holds_nothing(serve, http):
    async with serve(slots=1) as server:
        async with websockets.connect(await stream_address(http, server)) as socket:
            await socket.send(json.dumps({"event": "connected"}))
        await until(lambda: server.switchboard.free)
        await assert_unharmed(server, http)


# -- afterwards


async def test_after_a_lost_connection_the_caller_hears_an_apology_and_reaches_a_person(serve, http):
    async with serve() as server:
        async with stream(http, server) as socket:
            await socket.send(packet(0))
            socket.transport.abort()
        await all_calls_over(server)
        answer = await http.post(f"{server.local_url}/twilio/after", data={"CallSid": "CA1"})
        assert [verb.tag for verb in ET.fromstring(answer.text)] == ["Say", "Dial"]


async def test_after_a_hang_up_nothing_more_is_said(serve, http):
    async with serve() as server:
        async with stream(http, server) as socket:
            await socket.send(packet(0))
            await socket.send('{"event":"stop","streamSid":"MZ1"}')
            await end_of(socket)
        await all_calls_over(server)
        answer = await http.post(f"{server.local_url}/twilio/after", data={"CallSid": "CA1"})
        assert [verb.tag for verb in ET.fromstring(answer.text)] == ["Hangup"]


async def test_a_stream_error_is_logged_in_words(serve, http, caplog):
    async with serve() as server:
        form = {"CallSid": "CA1", "StreamEvent": "stream-error", "StreamErrorCode": "31920"}
        answer = await http.post(f"{server.local_url}/twilio/stream-status", data=form)
        assert answer.status_code == 204
    assert "was not answered with 101" in caplog.text
