"""The stand-in for Twilio's REST API, asked by the real `twilio` library, and the calls that requests bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException

from bridge.caller.account import RestError
from bridge.caller.dial import Callee, Listener, dial
from bridge.caller.errors import CallError
from bridge.caller.twiml import parse_twiml
from bridge.caller.webhook import CallIds, Line
from bridge.server.twilio_client import clock_of, twilio_client

OURS, THEIRS = "+12025550143", "+12025550199"


async def off_loop(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The library blocks."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def until_stop(talk: Any) -> None:
    await talk.until("start")
    await talk.until("stop")


async def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as caught:
        await off_loop(call, *args, **kwargs)
    return caught.value


def forms(bridge: Any, path: str) -> list[dict[str, str]]:
    return [form for url, form, _ in bridge.posts if url.endswith(path)]


# -- the account and its numbers


async def test_the_account_answers_to_its_own_credentials_alone(twilio: Any) -> None:
    account = twilio.account
    fetched = await off_loop(twilio.client.api.accounts(account.sid).fetch)
    assert (fetched.sid, fetched.status, fetched.type) == (account.sid, "active", "Full")
    for sid, token in ((account.sid, "f" * 32), ("AC" + "0" * 32, account.auth_token)):
        client = twilio_client(sid, token, twilio.url)
        error = await refused(client.api.accounts(sid).fetch)
        assert (error.status, error.code) == (401, 20003)


async def test_numbers_are_found_changed_and_listed_over_pages(twilio: Any) -> None:
    for last in range(7):
        twilio.account.own(f"+1202555010{last}", voice_url=f"https://old.example.com/{last}")
    numbers = twilio.client.incoming_phone_numbers
    assert len(await off_loop(numbers.list, page_size=3)) == 7
    [number] = await off_loop(numbers.list, phone_number="+12025550103")
    assert (number.voice_url, number.capabilities["voice"]) == ("https://old.example.com/3", True)
    changed = await off_loop(numbers(number.sid).update, voice_url="https://new.example.com/", status_callback="")
    assert changed.voice_url == "https://new.example.com/"
    assert (await off_loop(numbers(number.sid).fetch)).voice_url == "https://new.example.com/"
    assert (await refused(numbers(number.sid).update, voice_url="ftp://new.example.com")).code == 21502
    assert (await refused(numbers("PN" + "0" * 32).fetch)).code == 20404


async def test_an_answer_tells_twilios_time(twilio: Any) -> None:
    client = twilio.client
    twilio.account.clock_skew_s = 7200
    await off_loop(client.calls.list)
    first = clock_of(client)
    twilio.account.clock_skew_s = 0
    await off_loop(client.calls.list)
    assert 7100 < (first - clock_of(client)).total_seconds() < 7300


async def test_a_refusal_can_be_ordered_for_the_next_request(twilio: Any) -> None:
    twilio.account.refuse.append(RestError(429, 20429, "Too Many Requests"))
    assert (await refused(twilio.client.calls("CA1").fetch)).status == 429
    assert await off_loop(twilio.client.calls.list) == []


# -- somebody rings a number


async def test_a_number_rings_where_its_configuration_says(twilio: Any, scripted: Any, serve: Any) -> None:
    async with serve(scripted(until_stop)) as bridge:
        twilio.account.own(OURS, voice_url=f"{bridge.url}/twilio/voice?persona=x", status_callback="/twilio/status")
        report = await twilio.account.ring(OURS, THEIRS, Listener(0.1))
        assert report.ended == "caller_hung_up"
        assert not report.problems
        [voice], [status] = forms(bridge, "/twilio/voice?persona=x"), forms(bridge, "/twilio/status")
        assert (voice["To"], voice["From"], voice["CallStatus"]) == (OURS, THEIRS, "ringing")
        assert (status["CallSid"], status["CallStatus"]) == (report.ids.call_sid, "completed")
        call = await off_loop(twilio.client.calls(report.ids.call_sid).fetch)
        assert (call.status, call.direction) == ("completed", "inbound")


async def test_when_the_voice_url_fails_the_fallback_is_asked_and_told_why(
    twilio: Any, scripted: Any, serve: Any
) -> None:
    bridge = scripted(until_stop, after="<Response><Say>Sorry.</Say></Response>")
    bridge.twiml = lambda b: "<Response><Sing/></Response>"
    async with serve(bridge):
        voice, fallback = f"{bridge.url}/twilio/voice", f"{bridge.url}/twilio/after"
        twilio.account.own(OURS, voice_url=voice, voice_fallback_url=fallback)
        report = await twilio.account.ring(OURS, THEIRS, Listener())
        assert [verb.text for verb in report.verbs] == ["Sorry."]
        [form] = forms(bridge, "/after")
        assert (form["ErrorCode"], form["ErrorUrl"]) == ("12200", voice)
        twilio.account.own(THEIRS, voice_url=voice)
        with pytest.raises(CallError, match="no verb"):
            await twilio.account.ring(THEIRS, OURS, Listener())


@pytest.mark.parametrize("how", ["twiml", "url"])
async def test_a_request_leads_a_call_out_of_its_stream(twilio: Any, scripted: Any, serve: Any, how: str) -> None:
    bridge = scripted(until_stop, after="<Response><Say>Hold on.</Say></Response>")
    async with serve(bridge):
        twilio.account.own(OURS, voice_url=f"{bridge.url}/twilio/voice")
        ringing = asyncio.create_task(twilio.account.ring(OURS, THEIRS, Listener(60)))
        await until(lambda: bridge.conversations)
        [sid] = twilio.account.calls
        there = {"url": f"{bridge.url}/twilio/after"} if how == "url" else {"twiml": bridge.after}
        assert (await off_loop(twilio.client.calls(sid).update, **there)).status == "in-progress"
        report = await ringing
        assert report.ended == "redirected"
        assert [verb.text for verb in report.after] == ["Hold on."]
        assert bridge.conversation.of("stop")


async def test_a_request_hangs_up_once_and_then_there_is_no_such_call(twilio: Any, scripted: Any, serve: Any) -> None:
    async with serve(scripted(until_stop)) as bridge:
        twilio.account.own(OURS, voice_url=f"{bridge.url}/twilio/voice")
        ringing = asyncio.create_task(twilio.account.ring(OURS, THEIRS, Listener(60)))
        await until(lambda: bridge.conversations)
        [sid] = twilio.account.calls
        call = twilio.client.calls(sid)
        assert (await off_loop(call.update, status="completed")).status == "completed"
        assert (await ringing).ended == "hung_up"
        assert (await refused(call.update, status="completed")).code == 20404
        late = await refused(call.update, twiml="<Response/>")
        assert (late.status, late.code) == (400, 21220)


# -- people who are dialled


def dialling(*nouns: str, **attributes: str) -> Callable[[Any], str]:
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return lambda bridge: f'<Response><Dial action="/twilio/after"{written}>{"".join(nouns)}</Dial></Response>'


async def dialled(twilio: Any, bridge: Any) -> Any:
    twilio.account.own(OURS, voice_url=f"{bridge.url}/twilio/voice")
    return await twilio.account.ring(OURS, THEIRS, Listener())


@pytest.mark.parametrize("answer", ["busy", "no-answer", "failed"])
async def test_what_comes_of_dialling_is_asked_of_the_action(
    twilio: Any, scripted: Any, serve: Any, answer: Any
) -> None:
    twilio.account.book["+12025550150"] = Callee(answer=answer)
    bridge = scripted(until_stop, after="<Response><Hangup/></Response>")
    bridge.twiml = dialling("<Number>+12025550150</Number>", callerId=OURS)
    async with serve(bridge):
        report = await dialled(twilio, bridge)
        [form] = forms(bridge, "/after")
        assert (form["DialCallStatus"], form["DialBridged"]) == (answer, "false")
        [outcome] = report.dials
        assert (outcome.number, outcome.caller_id, outcome.status) == ("+12025550150", OURS, answer)


async def test_a_phone_that_rings_longer_than_the_dial_waits_is_not_answered() -> None:
    waited = []

    async def wait(seconds: float) -> bool:
        waited.append(seconds)
        return True

    [verb] = parse_twiml(b'<Response><Dial timeout="20">+12025550150</Dial></Response>')
    async with httpx.AsyncClient() as client:
        book = {"+12025550150": Callee(ring_s=21)}
        outcome = await dial(verb, Line("http://127.0.0.1"), CallIds.new(), "http://127.0.0.1", client, book, wait)
    assert (outcome.status, waited) == ("no-answer", [20])


@pytest.mark.parametrize(("keys", "bridged"), [("1", True), ("2", False), ("", False)])
async def test_a_person_is_told_something_first_and_may_decline(
    twilio: Any, scripted: Any, serve: Any, keys: str, bridged: bool
) -> None:
    twilio.account.book["+12025550150"] = Callee(keys=keys)
    whisper = '<Gather numDigits="1" action="/twilio/key"><Say>About a bill.</Say></Gather><Hangup/>'
    accepted = "<Pause/>" if bridged else "<Hangup/>"

    def twiml(b: Any) -> str:
        match b.posts[-1][0].rpartition("/")[2]:
            case "whisper":
                return f"<Response>{whisper}</Response>"
            case "key":
                return f"<Response>{accepted}</Response>"
        return dialling('<Number url="/twilio/whisper">+12025550150</Number>')(b)

    bridge = scripted(until_stop, after="<Response><Hangup/></Response>", twiml=twiml)
    async with serve(bridge):
        report = await dialled(twilio, bridge)
        [outcome] = report.dials
        assert (outcome.bridged, outcome.told[0].text) == (bridged, "About a bill.")
        [asked] = forms(bridge, "/whisper")
        assert (asked["To"], asked["ParentCallSid"]) == ("+12025550150", report.ids.call_sid)
        assert [form["Digits"] for form in forms(bridge, "/key")] == ([keys] if keys else [])
        assert forms(bridge, "/after")[0]["DialBridged"] == str(bridged).lower()


async def test_the_second_of_two_numbers_is_tried_when_the_first_is_busy(
    twilio: Any, scripted: Any, serve: Any
) -> None:
    twilio.account.book["+12025550150"] = Callee(answer="busy")
    bridge = scripted(until_stop, after="<Response><Hangup/></Response>")
    bridge.twiml = dialling("<Number>+12025550150</Number>", "<Sip>sip:desk@pbx.example.com</Sip>")
    async with serve(bridge):
        [outcome] = (await dialled(twilio, bridge)).dials
        assert (outcome.number, outcome.status) == ("sip:desk@pbx.example.com", "completed")


async def test_led_away_from_a_person_the_action_is_asked_and_its_answer_left_aside(
    twilio: Any, scripted: Any, serve: Any
) -> None:
    twilio.account.book["+12025550150"] = Callee(talks_s=60)
    bridge = scripted(until_stop, after="<Response><Say>The call is back.</Say></Response>")
    told = 'statusCallback="/twilio/leg" statusCallbackEvent="answered"'
    bridge.twiml = dialling(f"<Number {told}>+12025550150</Number>", callerId=OURS)
    async with serve(bridge):
        ringing = asyncio.create_task(dialled(twilio, bridge))
        await until(lambda: forms(bridge, "/leg"))
        [sid] = twilio.account.calls
        await off_loop(twilio.client.calls(sid).update, twiml="<Response><Say>Led elsewhere.</Say></Response>")
        report = await ringing
        assert [form["DialCallStatus"] for form in forms(bridge, "/after")] == ["completed"]
        assert [verb.text for verb in report.after if verb.name == "Say"] == ["Led elsewhere."]


async def test_a_call_comes_back_from_a_person_to_the_agent(twilio: Any, scripted: Any, serve: Any) -> None:
    twilio.account.book["+12025550150"] = Callee(answer="no-answer")

    async def talk(talk: Any) -> None:
        await talk.until("media")
        if len(bridge.conversations) == 1:
            await talk.socket.close(1000)
        else:
            await talk.until("stop")

    def again(b: Any) -> str:
        return f'<Response><Connect action="/twilio/after"><Stream url="{b.stream_url}"/></Connect></Response>'

    bridge = scripted(talk, after='<Response><Dial action="/twilio/again">+12025550150</Dial></Response>', twiml=again)
    async with serve(bridge):
        twilio.account.own(OURS, voice_url=f"{bridge.url}/twilio/voice")
        report = await twilio.account.ring(OURS, THEIRS, Listener(0.3))
        assert (report.streams, report.ended, report.dials[0].status) == (2, "caller_hung_up", "no-answer")
        starts = {conversation.stream_sid for conversation in bridge.conversations}
        assert len(starts) == 2
        assert not report.problems


# -- calls that requests place


async def test_an_outbound_call_rings_is_answered_and_reports_each_step(twilio: Any, scripted: Any, serve: Any) -> None:
    twilio.account.own(OURS)
    async with serve(scripted(until_stop)) as bridge:
        call = await off_loop(
            twilio.client.calls.create,
            to=THEIRS,
            from_=OURS,
            url=f"{bridge.url}/twilio/voice",
            status_callback=f"{bridge.url}/twilio/status",
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        )
        assert call.status == "queued"
        await until(lambda: twilio.account.calls[call.sid].report)
        report = twilio.account.calls[call.sid].report
        assert report.ended == "caller_hung_up"
        await until(lambda: twilio.account.calls[call.sid].phone is None)
        [voice], told = forms(bridge, "/voice"), forms(bridge, "/status")
        assert (voice["Direction"], voice["CallStatus"], voice["From"]) == ("outbound-api", "in-progress", OURS)
        assert [form["CallStatus"] for form in told] == ["queued", "ringing", "in-progress", "completed"]
        assert [form["SequenceNumber"] for form in told] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("answer", ["busy", "no-answer", "failed"])
async def test_an_outbound_call_that_nobody_answers_asks_for_no_twiml(
    twilio: Any, scripted: Any, serve: Any, answer: Any
) -> None:
    twilio.account.own(OURS)
    twilio.account.book[THEIRS] = Callee(answer=answer)
    async with serve(scripted(until_stop)) as bridge:
        url, told = f"{bridge.url}/twilio/voice", f"{bridge.url}/twilio/status"
        call = await off_loop(twilio.client.calls.create, to=THEIRS, from_=OURS, url=url, status_callback=told)
        await until(lambda: forms(bridge, "/status"))
        assert forms(bridge, "/status")[0]["CallStatus"] == answer
        assert not forms(bridge, "/voice")
        assert (await off_loop(twilio.client.calls(call.sid).fetch)).status == answer


@pytest.mark.parametrize(
    ("detection", "is_async", "found"),
    [("DetectMessageEnd", "true", "machine_end_beep"), ("Enable", "true", "machine_start"), ("Enable", None, None)],
)
async def test_a_machine_is_told_from_a_person(
    twilio: Any, scripted: Any, serve: Any, detection: str, is_async: str | None, found: str | None
) -> None:
    twilio.account.own(OURS)
    twilio.account.book[THEIRS] = Callee(
        answered_by="machine_end_beep" if found else "human", talker=lambda: Listener(0.3), detect_s=0.05
    )
    async with serve(scripted(until_stop)) as bridge:
        call = await off_loop(
            twilio.client.calls.create,
            to=THEIRS,
            from_=OURS,
            url=f"{bridge.url}/twilio/voice",
            machine_detection=detection,
            async_amd=is_async,
            async_amd_status_callback=f"{bridge.url}/twilio/answered-by" if is_async else None,
        )
        await until(lambda: twilio.account.calls[call.sid].ended)
        if is_async:
            assert [form["AnsweredBy"] for form in forms(bridge, "/answered-by")] == [found]
            assert "AnsweredBy" not in forms(bridge, "/voice")[0]
        else:
            assert forms(bridge, "/voice")[0]["AnsweredBy"] == "human"


async def test_an_outbound_call_that_twilio_would_not_place_is_refused_with_its_code(twilio: Any) -> None:
    twilio.account.own(OURS)
    create, twiml = twilio.client.calls.create, "<Response><Say>Hello.</Say></Response>"
    assert (await refused(create, to="", from_=OURS, twiml=twiml)).code == 21201
    assert (await refused(create, to=THEIRS, from_="", twiml=twiml)).code == 21213
    assert (await refused(create, to="0123", from_=OURS, twiml=twiml)).code == 21211
    assert (await refused(create, to=THEIRS, from_="+12025550100", twiml=twiml)).code == 21210
    assert (await refused(create, to=THEIRS, from_=OURS, url="nowhere")).code == 21205
    assert (await refused(create, to=THEIRS, from_=OURS, twiml="<Response><Sing/></Response>")).code == 12200
    assert (await refused(create, to=THEIRS, from_=OURS, twiml=f"<Response>{' ' * 4000}</Response>")).code == 21623


async def test_a_call_that_still_rings_can_be_called_off(twilio: Any) -> None:
    twilio.account.own(OURS)
    twilio.account.book[THEIRS] = Callee(ring_s=60)
    call = await off_loop(
        twilio.client.calls.create, to=THEIRS, from_=OURS, twiml="<Response><Say>Hi.</Say></Response>"
    )
    await off_loop(twilio.client.calls(call.sid).update, status="canceled")
    await until(lambda: twilio.account.calls[call.sid].ended)
    assert twilio.account.calls[call.sid].status == "canceled"
    assert not twilio.account.calls[call.sid].report
