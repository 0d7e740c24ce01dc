"""Putting callers through: who sees and hears what, and what becomes of callers whom nobody takes."""

import asyncio
import wave

import pytest

from bridge.caller.dial import Callee
from bridge.server import away
from bridge.server.twilio import answers
from bridge.transcript.records import AskedRecord, Ended, PersonRecord, Problem, RecordingRecord

from .phone import CALLER, OURS, PERSON, Phone, Presses, of, records_of, row_of, slot_is_free, until


async def test_a_person_sees_the_caller_hears_who_it_is_and_the_record_tells_how_it_went(line, twilio):
    async with line() as (server, account):
        account.book[PERSON] = Callee(talks_s=0.1)
        report = await account.ring(OURS, CALLER, Presses())
        [dialled] = report.dials
        assert (dialled.number, dialled.caller_id, dialled.bridged) == (PERSON, CALLER, True)
        assert [verb.text for verb in dialled.told] == ["A call for Corner Shop, from 1 2 0 2 5 5 5 0 1 0 0."]
        assert [verb.name for verb in report.after] == ["Dial", "Hangup"]
        assert report.problems == ()
        row = await row_of(server, report)
        records = records_of(server, row)
        assert row.ended_how == "transfer"
        assert [asked.by for asked in of(records, AskedRecord)] == ["key"]
        assert [person.status for person in of(records, PersonRecord)] == ["ringing", "in-progress", "completed"]
        [ended] = of(records, Ended)
        assert ended.reason.endswith("the caller pressed a key for it; they talked for 0 s")
        await slot_is_free(server)
        await until(lambda: not server.switchboard.calls)


async def test_a_caller_whom_nobody_takes_comes_back_and_the_call_has_one_record(line):
    async with line(slots=1) as (server, account):
        for answer in ("no-answer", "busy"):
            account.book[PERSON] = Callee(answer)
            report = await account.ring(OURS, CALLER, Presses({10: "0", 35: "0"}, until=70))
            assert (report.streams, report.ended, report.problems) == (3, "caller_hung_up", ())
            row = await row_of(server, report)
            records = records_of(server, row)
            assert (row.ended_how, len(of(records, Ended))) == ("caller_hung_up", 1)
            assert [person.status for person in of(records, PersonRecord)] == ["ringing", answer] * 2
            assert of(records, Ended)[0].seconds == pytest.approx(70 * 0.02, abs=0.3)
            await slot_is_free(server)
        assert server.switchboard.register.ended == {"caller_hung_up": 2}


async def test_a_person_who_does_not_press_a_key_has_not_taken_the_call(line):
    async with line(more="transfer_accept: yes\n") as (server, account):
        account.book[PERSON] = Callee()
        report = await account.ring(OURS, CALLER, Presses(until=80))
        [dialled] = report.dials
        assert [verb.name for verb in dialled.told] == ["Gather", "Hangup"]
        assert answers.TAKE_IT in dialled.told[0].text
        assert report.streams == 2
        account.book[PERSON] = Callee(keys="5", talks_s=0.1)
        report = await account.ring(OURS, CALLER, Presses())
        assert report.dials[0].bridged
        assert report.streams == 1
        assert (await row_of(server, report)).ended_how == "transfer"


async def test_a_key_may_lead_to_another_person(line):
    async with line(keys="{'2': {then: transfer, to: '+12025550119'}}") as (_, account):
        report = await account.ring(OURS, "anonymous", Presses({10: "2"}))
        [dialled] = report.dials
        assert (dialled.number, dialled.caller_id) == ("+12025550119", OURS)


async def test_a_caller_who_comes_back_to_a_full_house_is_told_so(line):
    async with line(slots=1) as (server, account):
        account.book[PERSON] = Callee("no-answer", ring_s=0.8)
        ringing = asyncio.create_task(account.ring(OURS, CALLER, Presses()))
        await until(lambda: len(server.switchboard.away))
        await slot_is_free(server)
        other = asyncio.create_task(account.ring(OURS, "+12025550101", Presses({}, until=75)))
        report = await ringing
        assert report.after[-2].text == answers.NOBODY_THERE
        row = await row_of(server, report)
        assert row.ended_how == "transfer"
        assert "no slot was free to come back to" in of(records_of(server, row), Ended)[0].reason
        await other


async def test_a_caller_who_hangs_up_while_the_person_rings_is_over_at_once(line):
    async with line() as (server, account):
        account.book[PERSON] = Callee(ring_s=20)
        ringing = asyncio.create_task(account.ring(OURS, CALLER, Presses()))
        await until(lambda: len(server.switchboard.away))
        next(iter(account.calls.values())).phone.hang_up()
        report = await ringing
        row = await row_of(server, report)
        assert "the caller hung up" in of(records_of(server, row), Ended)[0].reason
        assert not len(server.switchboard.away)


async def test_a_carrier_that_never_asks_again_leaves_no_call_behind(serve, http, monkeypatch, shop):
    monkeypatch.setattr(away, "ASKED_SECONDS", 0.1)
    async with serve(personas={"shop": shop + "keys: {'0': transfer}\n"}) as server:
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.speak(socket, 5)
            await phone.press(socket, "0")
            await phone.speak(socket, 20)
            await phone.play_to_mark(socket)
            await slot_is_free(server)
        await phone.over()
        assert phone.row.ended_how == "transfer"
        assert phone.records[-1].reason.endswith("the carrier never asked for the person's number")


async def test_a_server_that_stops_closes_the_records_of_calls_that_are_away(line):
    async with line() as (server, account):
        account.book[PERSON] = Callee(ring_s=20)
        ringing = asyncio.create_task(account.ring(OURS, CALLER, Presses()))
        await until(lambda: len(server.switchboard.away))
        await server.switchboard.stop()
        next(iter(account.calls.values())).phone.hang_up()
        report = await ringing
        row = await row_of(server, report)
        assert "the server was stopped meanwhile" in of(records_of(server, row), Ended)[0].reason


async def test_a_stream_to_come_back_on_that_cannot_be_opened_ends_the_one_record(line, http):
    async with line() as (server, _):
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.speak(socket, 5)
            await phone.press(socket, "0")
            await phone.speak(socket, 20)
            await phone.play_to_mark(socket)
            await slot_is_free(server)
        _, verbs = await phone.ask("/twilio/after")
        assert verbs == ["Dial"]
        [call_id] = server.switchboard.live
        form = {"DialCallStatus": "busy", "CallStatus": "in-progress"}
        _, verbs = await phone.ask(f"/twilio/person/{call_id}", **form)
        assert verbs == ["Connect", "Say", "Dial"]
        assert server.switchboard.tokens.outstanding == 1
        await phone.post("/twilio/stream-status", StreamEvent="stream-error", StreamErrorCode="31920")
        await slot_is_free(server)
        await phone.over()
        assert phone.row.ended_how == "never_connected"
        assert len(of(phone.records, Ended)) == 1
        assert any("31920" in problem.what for problem in of(phone.records, Problem))


async def test_a_recording_goes_on_in_its_file_when_the_caller_comes_back(line):
    async with line(record=True) as (server, account):
        account.book[PERSON] = Callee("no-answer", ring_s=1.0)
        report = await account.ring(OURS, CALLER, Presses(until=100))
        row = await row_of(server, report)
        assert [r.state for r in of(records_of(server, row), RecordingRecord)] == ["began", "began"]
        with wave.open(str(server.settings.data_dir / row.recording)) as file:
            seconds = file.getnframes() / file.getframerate()
        assert seconds > row.seconds + 0.75
