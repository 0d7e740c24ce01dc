"""Whole calls through the real server with the CPU engine: recorded callers, understood and answered in speech."""

import re
import wave
from dataclasses import replace

import numpy as np
import pytest

from bridge.caller.dial import Callee
from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Manners, Script
from bridge.caller.webhook import Line
from bridge.transcript.summary import summarise

pytestmark = pytest.mark.slow


async def call(server, *names, **manners):
    recordings = [load_recording(BUNDLED / f"{name}.wav") for name in names]
    line = Line(server.local_url, persona="dental", record=True)
    return await place_call(
        line, Script(recordings, Manners(**manners)), api_key=server.api_key, data_dir=server.settings.data_dir
    )


def said(result, speaker):
    return [turn["text"] for turn in result.turns if turn["speaker"] == speaker]


@pytest.fixture
def dental(request):
    """The dental practice, with a greeting that takes a second and not eight."""
    text = (request.config.rootpath / "personas" / "dental.yaml").read_text()
    text = re.sub(r"^consent: .*\n", "", text, flags=re.M)
    return {"dental": re.sub(r"^greeting: .*$", "greeting: Hello, what can I do for you?", text, flags=re.M)}


async def test_what_is_said_is_not_logged(serve, dental, caplog, capfd):
    caplog.set_level("DEBUG")
    async with serve(engine="cascade", personas=dental, log_level="debug") as server:
        result = await call(server, "u02")
    logged = caplog.text + capfd.readouterr().err
    assert result.call_id in logged
    for turn in result.turns:
        assert not any(word in logged for word in turn["text"].split() if len(word) > 6)


async def test_a_question_is_heard_answered_from_the_persona_and_recorded_on_both_channels(serve, dental):
    async with serve(engine="cascade", personas=dental) as server:
        result = await call(server, "u02")
        assert said(result, "caller") == ["What are your opening hours on Saturday?"]
        assert "9 a.m. to 2 p.m." in said(result, "agent")[-1]
        assert result.response_ms[0] is not None
        with wave.open(result.recording) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2).astype(float)
        for turn in result.turns:
            channels = samples[turn["start_ms"] * 8 : turn["end_ms"] * 8].std(axis=0)
            own, other = channels if turn["speaker"] == "caller" else channels[::-1]
            assert own > 300 > 100 > other


async def test_a_question_on_a_blocked_topic_gets_the_refusal_word_for_word_and_a_verdict_that_is_counted(
    serve, dental, http
):
    async with serve(engine="cascade", personas=dental) as server:
        result = await call(server, "blocked")
        assert said(result, "agent")[-1] == server.book.by_name("dental").persona.refusal
        [verdict] = result.gate
        assert (verdict["phrase"], verdict["action"]) == ("antibiotic*", "refuse")
        metrics = (await http.get(f"{server.local_url}/metrics")).text
    labels = 'action="refuse",persona="dental",topic="medical advice and medication"'
    assert f"callbridge_gate_verdicts_total{{{labels}}} 1.0" in metrics
    assert "callbridge_gate_audible_verdicts_total 0.0" in metrics


async def test_changed_hours_are_in_the_next_calls_answer(serve, dental):
    async with serve(engine="cascade", personas=dental) as server:
        file = server.settings.personas_dir / "dental.yaml"
        file.write_text(file.read_text().replace("9 a.m. to 2 p.m.", "10 a.m. to 3 p.m."))
        result = await call(server, "u02")
        assert "10 a.m. to 3 p.m." in said(result, "agent")[-1]


async def test_a_caller_who_interrupts_is_heard_and_what_was_cut_off_is_no_part_of_what_was_said(serve, dental):
    async with serve(engine="cascade", personas=dental) as server:
        result = await call(server, "u02", "u05", interrupt=2_000)
        assert result.clears >= 1
        assert "48 Maple Street" in said(result, "agent")[-1]


async def test_a_goodbye_ends_the_call_from_our_side(serve, dental):
    async with serve(engine="cascade", personas=dental) as server:
        result = await call(server, "u20")
        assert result.ended == "agent_goodbye"
        assert said(result, "agent")[-1].endswith("Goodbye.")
        assert result.unplayed_ms <= 80  # it was played to its end; what came behind it is silence
        assert [verb["verb"] for verb in result.after] == ["Hangup"]


async def test_a_caller_who_asks_for_a_person_is_put_through(serve, dental):
    async with serve(engine="cascade", personas=dental) as server:
        result = await call(server, "u10")
        assert result.ended == "transfer"
        person = server.book.by_name("dental").persona.transfer
        assert result.after == [{"verb": "Dial", "text": person}, {"verb": "Hangup", "text": ""}]


async def test_a_caller_whom_nobody_takes_goes_on_with_an_agent_who_knows_what_was_said(serve, dental, twilio):
    async with serve(engine="cascade", personas=dental, **twilio.settings) as server:
        account, persona = twilio.account, server.book.by_name("dental").persona
        account.line = replace(account.line, url=server.local_url)
        account.own(persona.numbers[0], voice_url=f"{server.local_url}/twilio/voice")
        account.book[persona.transfer] = Callee("busy")
        talker = Script([load_recording(BUNDLED / f"{name}.wav") for name in ("u10", "u02")])
        report = await account.ring(persona.numbers[0], "+12025550100", talker)
        assert report.streams == 2
        record = summarise(await server.switchboard.register.records_of(report.call_id, report.ids.call_sid))
    agent = [turn["text"] for turn in record["turns"] if turn["speaker"] == "agent"]
    assert agent[0] == persona.greeting
    assert persona.transfer_say in agent[1]
    assert persona.transfer_unanswered.startswith(agent[2])  # the caller goes on to speak when they please
    assert "9 a.m. to 2 p.m." in agent[-1]
    assert [verb.text for verb in report.dials[0].told] == []
