"""Calling people through Twilio: whom, when, and what becomes of it."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from bridge.caller.account import RestError
from bridge.caller.dial import Callee, Listener
from bridge.transcript.records import Call, CarrierReport

from .phone import OURS, Phone, Presses, of, records_of, slot_is_free, until

THEM = "+12025550143"
OUTBOUND = """
outbound:
  notice: This is the automated assistant of Corner Shop.
  greeting: Your order is ready.
  timezone: UTC
  days: mon-sun
  hours: 0:00-24:00
"""


@pytest.fixture
def shop_calls(serve, twilio, shop, http):
    """`async with shop_calls(…) as (server, account, place)`: `place(to, …)` asks the server to call somebody."""

    @contextlib.asynccontextmanager
    async def opened(more="", **settings):
        async with serve(personas={"shop": shop + OUTBOUND + more}, **twilio.settings, **settings) as server:
            account = twilio.account
            account.line = replace(account.line, url=server.local_url)
            account.own(OURS)

            async def place(to=THEM, key=None, **order):
                headers = {"Authorization": f"Bearer {key or server.api_key}"}
                order = {"to": to, "persona": "shop"} | order
                return await http.post(f"{server.local_url}/api/calls", json=order, headers=headers)

            yield server, account, place

    return opened


async def row_of_call(server, call_id):
    await until(lambda: (row := server.store.get(call_id)) and row.ended_how)
    return server.store.get(call_id)


def told(records):
    return [report.what for report in of(records, CarrierReport)]


async def test_somebody_is_called_talks_with_the_persona_and_the_record_says_who_called_whom(shop_calls):
    async with shop_calls() as (server, account, place):
        account.book[THEM] = Callee(talker=lambda: Listener(0.6), detect_s=0.1)
        answer = await place()
        assert answer.status_code == 201, answer.text
        call_id = answer.json()["call_id"]
        assert answer.json() == {"call_id": call_id, "persona": "shop", "from": OURS, "to": THEM}
        row = await row_of_call(server, call_id)
        assert (row.ended_how, row.direction, row.from_number, row.to_number) == (
            "caller_hung_up", "outbound", OURS, THEM,
        )  # fmt: skip
        await until(lambda: "completed" in told(records_of(server, row)))
        records = records_of(server, row)
        assert of(records, Call)[0].direction == "outbound"
        assert "answered by human" in told(records)
        [call] = account.calls.values()
        assert call.problem == ""
        assert call.report.problems == ()
        await slot_is_free(server)
        assert server.book.by_name("shop").calling.persona.greeting == "Your order is ready."


async def test_whoever_is_not_reached_frees_the_slot_and_has_a_record(shop_calls):
    async with shop_calls(slots=1) as (server, account, place):
        for answer in ("busy", "no-answer", "failed"):
            account.book[THEM] = Callee(answer)
            call_id = (await place()).json()["call_id"]
            await slot_is_free(server)
            row = await row_of_call(server, call_id)
            assert (row.ended_how, row.seconds) == ("never_connected", 0.0)
            await until(lambda: answer in told(records_of(server, row)))  # noqa: B023


async def test_a_machine_is_left_the_message_after_its_beep_or_hung_up_on(shop_calls):
    async with shop_calls("  voicemail: Your order is ready. Goodbye.\n", slots=1) as (server, account, place):
        found = {"machine_end_beep": ["Say", "Hangup"], "fax": ["Hangup"], "machine_start": ["Hangup"]}
        for answered_by, verbs in found.items():
            account.book[THEM] = Callee(talker=lambda: Listener(5), answered_by=answered_by, detect_s=0.3)
            call_id = (await place()).json()["call_id"]
            row = await row_of_call(server, call_id)
            await slot_is_free(server)
            assert row.ended_how == "machine"
            await until(lambda: list(account.calls.values())[-1].report)
            report = list(account.calls.values())[-1].report
            assert [verb.name for verb in report.after] == verbs
            assert (report.after[0].text == "Your order is ready. Goodbye.") is (answered_by == "machine_end_beep")
            assert f"answered by {answered_by}" in told(records_of(server, row))


async def test_a_machine_that_is_found_while_the_stream_begins_is_hung_up_on(shop_calls, http):
    async with shop_calls(slots=1) as (server, account, place):
        account.book[THEM] = Callee(ring_s=20)
        call_id = (await place()).json()["call_id"]
        [call] = account.calls.values()
        phone = Phone(server, http, call.sid)
        answer, _ = await phone.ask(f"/twilio/answered/{call_id}")
        async with await phone.open(answer.find("Connect/Stream").attrib["url"]) as socket:
            telling = asyncio.create_task(phone.post(f"/twilio/machine/{call_id}", AnsweredBy="machine_start"))
            await asyncio.sleep(0.2)
            assert not telling.done()
            await socket.send(phone.start())
            assert (await telling).status_code == 204
            await slot_is_free(server)
        row = await row_of_call(server, call_id)
        assert row.ended_how == "machine"
        assert "answered by machine_start" in told(records_of(server, row))


async def test_a_machine_that_is_found_before_the_stream_is_hung_up_on(shop_calls, http):
    async with shop_calls(slots=1) as (server, account, place):
        account.book[THEM] = Callee(ring_s=5)
        call_id = (await place()).json()["call_id"]
        [call] = account.calls.values()
        phone = Phone(server, http, call.sid)
        assert (await phone.post(f"/twilio/machine/{call_id}", AnsweredBy="machine_start")).status_code == 204
        await slot_is_free(server)
        assert (await row_of_call(server, call_id)).ended_how == "machine"
        await until(lambda: call.status == "canceled")


async def test_nobody_is_called_who_must_not_be(shop_calls):
    async with shop_calls(slots=1) as (server, account, place):
        server.do_not_call.add(THEM)
        for order, status, words in (
            ({}, 403, "do-not-call list"),
            ({"to": "12025550143"}, 422, "E.164"),
            ({"to": "+12025550144", "persona": "nobody"}, 404, "no persona 'nobody'"),
            ({"to": "+12025550144", "key": "wrong"}, 401, "Bearer"),
            ({"to": "+12025550144", "colour": "red"}, 422, "colour"),
        ):
            answer = await place(**order)
            assert (answer.status_code, words in answer.text) == (status, True), answer.text
        account.refuse.append(RestError(400, 21215, "no"))
        answer = await place("+12025550144")
        assert (answer.status_code, "Geo permissions" in answer.text) == (502, True)
        assert not account.calls
        await slot_is_free(server)
        account.book["+12025550144"] = Callee(ring_s=5)
        assert (await place("+12025550144")).status_code == 201
        answer = await place("+12025550145")
        assert (answer.status_code, answer.json()["detail"]) == (409, "all slots are taken")
        assert len(account.calls) == 1


async def test_nobody_is_called_twice_at_once_nor_out_of_hours_nor_by_a_persona_that_calls_nobody(shop_calls, shop):
    async with shop_calls() as (server, account, place):
        account.book[THEM] = Callee(ring_s=5)
        first, second = await asyncio.gather(place(), place())
        assert {first.status_code, second.status_code} == {201, 409}
        persona = server.settings.personas_dir / "shop.yaml"
        text = persona.read_text()
        persona.write_text(text.replace("hours: 0:00-24:00", "hours: 0:00-0:01"))
        answer = await place("+12025550144")
        assert (answer.status_code, "the persona calls mon-sun, 0:00-0:01" in answer.text) == (403, True)
        persona.write_text(shop)
        answer = await place("+12025550144")
        assert (answer.status_code, "no group `outbound`" in answer.text) == (403, True)
        await server.switchboard.drain(0)
        assert (await place("+12025550144")).status_code == 403


async def test_an_answer_to_a_call_that_was_not_placed_is_hung_up_on(shop_calls, http):
    async with shop_calls() as (server, _, _):
        _, verbs = await Phone(server, http).ask("/twilio/answered/0123456789abcdef")
        assert verbs == ["Hangup"]


async def test_whoever_presses_the_key_for_it_is_never_called_again(shop_calls):
    async with shop_calls("keys: {'8': never_call}\n", slots=1) as (server, account, place):
        account.book[THEM] = Callee(talker=lambda: Presses({5: "8"}, until=200))
        assert (await place()).status_code == 201
        await until(lambda: server.do_not_call.listed(THEM))
        await until(lambda: not server.switchboard.calls)
        await slot_is_free(server)
        answer = await place()
        assert (answer.status_code, "do-not-call" in answer.text) == (403, True)
