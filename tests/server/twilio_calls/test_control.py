"""Acting on calls from outside: over the HTTP API, and over Twilio's REST API where nothing else reaches them."""

import asyncio
from dataclasses import replace

import pytest

from bridge.caller.account import RestError
from bridge.caller.dial import Callee
from bridge.server.twilio import loose_ends
from bridge.server.twilio.rest import TwilioCalls
from bridge.server.twilio_client import TwilioError, twilio_client
from bridge.transcript.records import AskedRecord, Ended, Problem

from .phone import CALLER, OURS, PERSON, Phone, Presses, of, records_of, row_of, slot_is_free, until


def order(http, server, call_id, what, key=None, **body):
    headers = {"Authorization": f"Bearer {key or server.api_key}"}
    return http.post(f"{server.local_url}/api/calls/{call_id}/{what}", json=body, headers=headers)


async def test_only_who_holds_the_key_acts_on_calls_and_only_on_those_in_progress(serve, http):
    async with serve() as server:
        for what in ("transfer", "hangup"):
            assert (await order(http, server, "0" * 16, what, key="wrong")).status_code == 401
            assert (await order(http, server, "0" * 16, what)).status_code == 404
            assert (await order(http, server, "0" * 16, what, colour="red")).status_code == 422


async def test_a_caller_is_put_through_from_outside_to_whom_one_likes(line, http):
    async with line() as (server, account):
        ringing = asyncio.create_task(account.ring(OURS, CALLER, Presses({}, until=300)))
        await until(lambda: server.engine.open_slots)
        [call_id] = server.switchboard.live
        assert (await order(http, server, call_id, "transfer", to="12025550119")).status_code == 422
        answer = await order(http, server, call_id, "transfer", to="+12025550119", say="To the boss.")
        assert (answer.status_code, answer.json()) == (202, {"call_id": call_id, "asked": "transfer"})
        report = await ringing
        assert [dialled.number for dialled in report.dials] == ["+12025550119"]
        records = records_of(server, await row_of(server, report))
        assert [asked.by for asked in of(records, AskedRecord)] == ["operator"]


async def test_a_call_is_ended_from_outside_with_a_goodbye_or_at_once(line, http):
    async with line() as (server, account):
        for body in ({}, {"now": True}):
            ringing = asyncio.create_task(account.ring(OURS, CALLER, Presses({}, until=300)))
            await until(lambda: server.engine.open_slots)
            [call_id] = server.switchboard.live
            assert (await order(http, server, call_id, "hangup", **body)).status_code == 202
            report = await ringing
            assert [verb.name for verb in report.after] == ["Hangup"]
            assert (await row_of(server, report)).ended_how == "operator_hangup"
            await slot_is_free(server)


async def test_a_caller_who_is_with_a_person_is_hung_up_on_through_twilio(line, http):
    async with line() as (server, account):
        account.book[PERSON] = Callee(talks_s=30)
        ringing = asyncio.create_task(account.ring(OURS, CALLER, Presses()))
        await until(lambda: any(call.phone for call in account.calls.values()) and len(server.switchboard.away))
        [call_id] = server.switchboard.live
        assert (await order(http, server, call_id, "transfer")).status_code == 409
        assert (await order(http, server, call_id, "hangup")).status_code == 202
        report = await ringing
        assert next(iter(account.calls.values())).status == "completed"
        [ended] = of(records_of(server, await row_of(server, report)), Ended)
        assert ended.reason.endswith("it was ended from outside")


async def test_without_credentials_a_caller_who_is_with_a_person_cannot_be_hung_up_on(serve, http, shop):
    async with serve(personas={"shop": shop + "keys: {'0': transfer}\n"}) as server:
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.speak(socket, 5)
            await phone.press(socket, "0")
            await phone.speak(socket, 20)
            await phone.play_to_mark(socket)
            await until(lambda: len(server.switchboard.away))
        [call_id] = server.switchboard.live
        answer = await order(http, server, call_id, "hangup")
        assert answer.status_code == 502
        assert "TWILIO_ACCOUNT_SID" in answer.json()["detail"]


# -- ending calls through the REST API


@pytest.fixture
def calls(twilio):
    """Our side of the REST API."""
    return TwilioCalls(twilio_client(twilio.account.sid, twilio.account.auth_token, twilio.url))


async def test_a_call_that_has_ended_already_counts_as_ended(calls, caplog):
    caplog.set_level("INFO")
    await calls.end("CA" + "0" * 32)  # Twilio answers 20404
    assert "had ended already" in caplog.text


async def test_a_call_is_ended_once_however_often_it_is_asked_for(twilio, calls):
    twilio.account.refuse += [RestError(500, 20500, "later"), RestError(500, 20500, "later")]
    with pytest.raises(TwilioError):
        await calls.end("CA1")
    with pytest.raises(TwilioError):  # and tried again where it failed
        await calls.end("CA1")
    await asyncio.gather(calls.end("CA1"), calls.end("CA1"))
    twilio.account.refuse.append(RestError(500, 20500, "never asked for"))
    await calls.end("CA1")
    assert len(twilio.account.refuse) == 1


async def test_a_call_of_which_twilio_does_not_ask_how_it_goes_on_is_ended(line, http, monkeypatch, caplog):
    monkeypatch.setattr(loose_ends, "ASK_SECONDS", 0.1)
    async with line() as (server, account):
        phone = Phone(server, http)
        account.refuse.append(RestError(404, 20404, "gone"))
        async with phone.stream() as socket:
            await phone.speak(socket, 5)
            socket.transport.abort()
        await slot_is_free(server)
        await phone.over()
        await until(lambda: not account.refuse)
        await until(lambda: of(phone.records, Problem))
        assert (
            of(phone.records, Problem)[-1].what == "Twilio did not ask how the call goes on within 0.1 s; it was ended"
        )
        assert "did not ask" in caplog.text


async def test_a_call_of_which_twilio_asks_is_left_alone(line, http, monkeypatch):
    monkeypatch.setattr(loose_ends, "ASK_SECONDS", 0.2)
    async with line() as (server, account):
        account.line = replace(account.line, url=server.local_url)
        account.book[PERSON] = Callee(talks_s=0.5)
        report = await account.ring(OURS, CALLER, Presses())
        assert report.dials[0].bridged
        assert report.dials[0].status == "completed"
        assert not of(records_of(server, await row_of(server, report)), Problem)
