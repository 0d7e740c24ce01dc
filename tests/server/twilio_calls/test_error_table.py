"""Each row of the table of Twilio's errors, provoked: what the caller is led to, is recorded and logged; and the slot.

Those that a proxy or a network brings about are provoked in tests/connect/test_stream_errors.py; here are the faults
of our own that the checks elsewhere keep from happening, put in by hand, and what needs no network.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from bridge.call.session import CallSession
from bridge.caller.dial import Callee, Listener
from bridge.caller.webhook import Line
from bridge.server.signature import Signatures
from bridge.server.twilio import arrival
from bridge.server.twilio.errors import STREAM_ERRORS
from bridge.server.twilio_client import GONE
from bridge.server.twilio_leg import TwilioLeg
from bridge.transcript.records import Problem

from .phone import CALLER, OURS, PERSON, Presses, of, records_of, row_of, slot_is_free, until

ROWS = {*STREAM_ERRORS, str(GONE)}
ELSEWHERE = Path(__file__).parents[2] / "connect" / "test_stream_errors.py"


def test_every_row_of_the_table_is_provoked():
    provoked = ELSEWHERE.read_text() + Path(__file__).read_text()
    assert {row for row in ROWS if not re.search(rf'"{row}"|def test_\w*{row}_', provoked)} == set()


async def problems_of(server, report):
    row = await row_of(server, report)
    return row, [problem.what for problem in of(records_of(server, row), Problem)]


@dataclass(frozen=True)
class Refusing(Line):
    """A line on which streams find a closed door, and webhooks an open one."""

    def reach(self, url):
        return "ws://127.0.0.1:9/" if url.startswith("ws") else Line.reach(self, url)


async def test_31902_a_stream_whose_socket_is_refused(line, caplog):
    async with line(slots=1) as (server, account):
        names = list(Line.__dataclass_fields__)
        account.line = Refusing(**{name: getattr(account.line, name) for name in names})
        report = await account.ring(OURS, CALLER, Listener(1))
        assert report.problems[0].startswith("31902:")
        assert [verb.name for verb in report.after] == ["Say", "Dial"]
        assert report.dials[0].number == PERSON
        await slot_is_free(server)
        row, problems = await problems_of(server, report)
        assert row.ended_how == "never_connected"
        assert problems == [f"Twilio reports stream error 31902: {STREAM_ERRORS['31902']}"]
        assert problems[0] in caplog.text


async def test_31921_a_stream_that_our_side_closes_in_error(line, caplog, monkeypatch):
    async def fails(session, frame):
        raise RuntimeError("a fault of the bridge")

    monkeypatch.setattr(CallSession, "_say_frame", fails)
    async with line(slots=1) as (server, account):
        report = await account.ring(OURS, CALLER, Listener(5))
        assert (report.ended, report.close_code) == ("server_closed", 1011)
        assert [verb.name for verb in report.after] == ["Say", "Dial", "Hangup"]
        assert report.dials[0].number == PERSON
        await slot_is_free(server)
        await until(lambda: "31921" in caplog.text)
        row, _ = await problems_of(server, report)
        assert row.ended_how == "internal_error"
        what = f"Twilio reports stream error 31921: {STREAM_ERRORS['31921']}"
        await until(lambda: what in [problem.what for problem in of(records_of(server, row), Problem)])
        assert what in caplog.text


async def test_31923_31941_an_answer_that_names_no_host_or_a_wrong_track(line, caplog, monkeypatch):
    async with line(slots=1, faulty_twiml=True) as (server, account):
        next(iter(account.numbers.values())).voice_fallback_url = f"{server.local_url}/twilio/fallback"

        def with_track(answer):
            return Response(str(answer).replace("<Stream ", '<Stream track="both_tracks" '), media_type="text/xml")

        faults = {
            "31923": lambda patch: patch.setattr(Signatures, "stream_url", lambda self, path: "wss://" + path),
            "31941": lambda patch: patch.setattr(arrival, "twiml", with_track),
        }
        for code, fault in faults.items():
            with monkeypatch.context() as patch:
                fault(patch)
                report = await account.ring(OURS, CALLER, Listener(1))
            assert [verb.name for verb in report.verbs] == ["Say", "Dial"]
            assert report.dials[0].number == PERSON
            await slot_is_free(server)
            row, problems = await problems_of(server, report)
            assert row.ended_how == "never_connected"
            assert problems == [f"Twilio could not use our answer at /twilio/voice: {STREAM_ERRORS[code]} ({code})"]
            assert problems[0] in caplog.text


async def test_31950_a_message_that_twilio_does_not_understand(line, caplog, monkeypatch):
    monkeypatch.setattr(TwilioLeg, "_messages", lambda self, command: [b"\x00\x01"])
    async with line(slots=1) as (server, account):
        report = await account.ring(OURS, CALLER, Presses({}, until=40))
        assert report.problems[0].startswith("31950:")
        assert report.ended == "caller_hung_up"  # who heard nothing: no sound comes through a message that is none
        await slot_is_free(server)
        row, problems = await problems_of(server, report)
        assert row.ended_how == "caller_hung_up"
        assert problems == [f"Twilio reports stream error 31950: {STREAM_ERRORS['31950']}"]
        assert problems[0] in caplog.text


async def test_20404_a_hang_up_that_comes_too_late(line, http, caplog):
    caplog.set_level("INFO")
    async with line(slots=1) as (server, account):
        account.book[PERSON] = Callee(talks_s=20)
        ringing = asyncio.create_task(account.ring(OURS, CALLER, Presses()))
        await until(lambda: len(server.switchboard.away))
        [live] = server.switchboard.live.values()
        [call] = account.calls.values()
        phone, call.status, call.phone = call.phone, "completed", None  # for Twilio the call is over this moment
        headers = {"Authorization": f"Bearer {server.api_key}"}
        url = f"{server.local_url}/api/calls/{live.ticket.call_id}/hangup"
        assert (await http.post(url, headers=headers)).status_code == 202
        assert "had ended already" in caplog.text
        await slot_is_free(server)
        call.phone = phone
        phone.hang_up()
        row, problems = await problems_of(server, await ringing)
        assert (row.ended_how, problems) == ("transfer", [])
