"""What signed requests, and requests that are not, can do to the server."""

import asyncio
import contextlib
import socket

import pytest
from pydantic import ValidationError
from starlette.responses import Response
from twilio.request_validator import RequestValidator

from bridge.facts.settings import Settings
from bridge.server import door
from bridge.server.signature import Signatures
from bridge.server.twilio.replays import KEEP_SECONDS, MAX_ANSWERS, Replays
from bridge.transcript.records import CarrierReport

from .phone import TOKEN, Phone, slot_is_free, until, whole_stream

# -- repeated requests


async def test_a_webhook_that_comes_twice_is_answered_the_same_and_promises_one_slot(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        phone = Phone(server, http)
        first = await phone.post("/twilio/voice")
        marked = {"I-Twilio-Idempotency-Token": "5a2c"}
        again = await asyncio.gather(phone.post("/twilio/voice"), phone.post("/twilio/voice", headers=marked))
        assert {first.text} == {answer.text for answer in again}
        assert server.switchboard.tokens.outstanding == 1
        other = await Phone(server, http, "CA2").post("/twilio/voice")
        assert other.text != first.text


async def test_a_status_that_comes_twice_is_recorded_once(serve, http):
    async with serve() as server:
        phone = Phone(server, http)
        await whole_stream(phone)
        await phone.over()
        told = {"CallStatus": "completed", "CallDuration": "3", "SequenceNumber": "2"}
        for headers in ({}, {}, {"I-Twilio-Idempotency-Token": "b7"}):
            await phone.post("/twilio/call-status", headers=headers, **told)
        marked = {"I-Twilio-Idempotency-Token": "b7"}
        await phone.post("/twilio/call-status", headers=marked, **told | {"Timestamp": "later"})
        await phone.post("/twilio/call-status", CallStatus="in-progress", SequenceNumber="1")
        kept = lambda: [record.what for record in phone.records if isinstance(record, CarrierReport)]  # noqa: E731
        await until(lambda: "in-progress" in kept())
        assert sorted(kept()) == ["completed", "in-progress"]


async def test_answers_are_kept_for_an_hour_and_for_so_many_requests():
    now = 0.0
    replays, made = Replays(lambda: now), []

    async def answer():
        made.append(Response())
        return made[-1]

    assert await replays.once(["a"], answer) is await replays.once(["a", "b"], answer)
    now += KEEP_SECONDS + 1
    await replays.once(["a"], answer)
    assert len(made) == 2
    for number in range(MAX_ANSWERS + 10):
        await replays.once([str(number)], answer)
    assert len(replays._answers) <= MAX_ANSWERS + 1


async def test_an_answer_that_could_not_be_made_is_not_kept():
    replays = Replays(lambda: 0.0)

    async def fails():
        await asyncio.sleep(0)
        raise RuntimeError("the disk is full")

    async def works():
        return Response()

    failed = await asyncio.gather(replays.once(["a"], fails), replays.once(["a"], works), return_exceptions=True)
    assert [type(error) for error in failed] == [RuntimeError, RuntimeError]
    assert isinstance(await replays.once(["a"], works), Response)


# -- one caller's calls


async def test_a_caller_with_too_many_calls_hears_that_lines_are_busy_and_others_are_answered(serve, http):
    async with serve(calls_per_caller=2) as server:
        first, second, third = (Phone(server, http, f"CA{number}") for number in range(3))
        await first.ring()
        async with second.stream():
            response, verbs = await third.ask("/twilio/voice")
            assert verbs == ["Say", "Hangup"]
            assert "busy" in response.find("Say").text
            await until(lambda: any(e.carrier_id == "CA2" and e.ended_how for e in server.store.list()))
            assert third.row.ended_how == "too_many_calls"
            for number in ("+12025550198", "anonymous", "anonymous", "anonymous"):
                _, verbs = await Phone(server, http, f"CA-{verbs}-{number}", From=number).ask("/twilio/voice")
                assert verbs[0] == "Connect"


# -- the public address


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        ("https://bridge.example.com", "https://bridge.example.com:443"),
        ("https://bridge.example.com:443", "https://bridge.example.com"),
        ("http://bridge.example.com", "http://bridge.example.com:80"),
        ("https://bridge.example.com:8443", "https://bridge.example.com:8443"),
        ("https://example.com/phone/", "https://example.com/phone"),
        ("https://example.com:443/phone", "https://example.com/phone"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
    ],
)
def test_a_signature_may_be_made_with_the_default_port_or_without_it(public, signed):
    signatures, sign = Signatures(TOKEN, public), RequestValidator(TOKEN).compute_signature
    form = {"CallSid": "CA1"}
    path = "/twilio/voice?persona=a"
    assert not signatures.webhook_problem(path, form, sign(signed + path, form))
    stream = "ws" + signed.removeprefix("http") + "/twilio/media/x"
    assert not signatures.upgrade_problem("/twilio/media/x", sign(stream, {}))
    for other in (signed + "0", signed.replace("://", "://x."), signed.replace("http", "ftp")):
        assert signatures.webhook_problem("/twilio/voice", form, sign(f"{other}/twilio/voice", form))


async def test_a_proxy_may_hand_requests_on_with_its_path_or_without_it(serve, http):
    async with serve(twilio_auth_token=TOKEN, public_url="https://example.com/phone") as server:
        for number, path in enumerate(("/phone/twilio/voice", "/twilio/voice")):
            phone = Phone(server, http, f"CA{number}")
            signature = phone.signature("https://example.com/phone/twilio/voice", phone.form)
            answer = await http.post(
                server.local_url + path, data=phone.form, headers={"X-Twilio-Signature": signature}
            )
            assert answer.status_code == 200
            assert 'url="wss://example.com/phone/twilio/media/' in answer.text
            assert 'action="https://example.com/phone/twilio/after"' in answer.text
        assert (await http.get(server.local_url + "/phonebook/health")).status_code == 404


@pytest.mark.parametrize(
    "url", ["bridge.example.com", "ftp://x.example", "https://a:b@x.example", "https://x.example?a=b"]
)
def test_what_is_no_public_address_is_refused(url):
    with pytest.raises(ValidationError, match="must be an address such as"):
        Settings(_env_file=None, public_url=url)


# -- connections that say nothing, or say it slowly


async def test_connections_that_show_no_request_are_few_and_do_not_last(serve, http, monkeypatch):
    monkeypatch.setattr(door, "REQUEST_SECONDS", 0.3)
    async with serve(waiting_connections=3) as server:
        address = ("127.0.0.1", server.port)
        silent = socket.create_connection(address)
        slow = socket.create_connection(address)
        form = b"Content-Type: application/x-www-form-urlencoded"
        slow.sendall(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n" + form + b"\r\n\r\nCallSid=")
        third = socket.create_connection(address)
        await until(lambda: len(server.door.waiting) == 3)
        fourth = socket.create_connection(address)
        assert (await asyncio.to_thread(fourth.recv, 100)).startswith(b"HTTP/1.1 503")
        for one in (silent, slow, third):
            one.settimeout(2)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.to_thread(one.recv, 100) == b""
        assert (server.door.refused, server.door.expired, len(server.door.waiting)) == (1, 3, 0)
        for one in (silent, slow, third, fourth):
            one.close()
        phone = Phone(server, http)
        await whole_stream(phone)  # and a call lasts longer than a request may
        await slot_is_free(server)
        assert not server.door.waiting
