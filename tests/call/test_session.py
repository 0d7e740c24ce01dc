"""A call between a scripted carrier and a scripted engine: frames, marks, records, and what breaks."""

import numpy as np
import pytest

from bridge.carrier.twilio import TwilioStream
from bridge.facts.errors import CarrierError
from bridge.facts.events import Audio, Clear, Malformed, Played, SendAudio, SendMark
from bridge.facts.speech import AgentFrame, CallerText, Verdict
from bridge.facts.ticks import Ticks
from bridge.transcript import records
from tests.call.rig import TONE, Line


@pytest.mark.parametrize(("until_tick", "packets"), [(0.01, 1), (0.03, 2), (0.05, 3), (0.0799, 4)])
async def test_a_call_lines_its_frames_up_with_the_ticks_of_the_engine(rig, until_tick, packets):
    """The first packet comes at 100.02; the first frame is complete in the last packet before the tick."""
    call = rig(ticks=Ticks(at=100.02 + until_tick, period=0.08))
    for packet in range(1, packets + 5):
        await call.turn(0.02)
        assert len(call.line.pushed) == (packet >= packets) + (packet == packets + 4)
    silence = b"\xff" * (640 - 160 * packets)
    assert call.line.pushed[0].ulaw.startswith(silence)
    assert call.session.now_ms == pytest.approx(160, abs=1)  # the silence belongs to the call


async def test_four_packets_become_a_frame_for_the_engine_and_its_answer_goes_out_at_once(rig):
    call = rig()
    await call.turn(0.08)
    assert [frame.number for frame in call.line.pushed] == [0]
    await call.agent(AgentFrame(pcm=TONE))
    [audio] = call.line.sent
    assert isinstance(audio, SendAudio)
    assert len(audio.ulaw) == 640


async def test_what_was_heard_is_written_when_its_mark_comes_back(rig):
    call = rig()
    await call.turn(0.16)
    await call.agent(AgentFrame(pcm=TONE, text=" We", turn=1), AgentFrame(pcm=TONE, text=" are", turn=1))
    assert call.kinds(records.AgentSaid) == []
    first = call.marks[0]
    call.line.incoming.put_nowait(Played(first.generation, first.number))
    await call.settle()
    [said] = call.kinds(records.AgentSaid)
    assert (said.text, said.turn, said.proven) == (" We", 1, True)
    assert said.end_ms - said.start_ms == 80


async def test_barge_in_clears_the_carrier_and_what_it_held_was_not_heard(rig):
    call = rig()
    await call.turn(0.16)
    await call.agent(AgentFrame(pcm=TONE, text=" secret", turn=1), AgentFrame(flush=True))
    assert Clear() in call.line.sent
    [unheard] = call.kinds(records.AgentUnheard)
    assert (unheard.text, unheard.reason) == (" secret", "caller_spoke")
    mark = call.marks[0]
    call.line.incoming.put_nowait(Played(mark.generation, mark.number))  # returned because of the clear
    await call.settle()
    assert call.kinds(records.AgentSaid) == []


async def test_a_mark_after_a_clear_proves_nothing_that_was_sent_before_it(rig):
    call = rig()
    await call.turn(0.08)
    await call.agent(AgentFrame(pcm=TONE, text=" We", turn=1))
    await call.turn(0.1)
    await call.agent(AgentFrame(flush=True), AgentFrame(pcm=TONE, text=" are", turn=2))
    mark = call.marks[-1]
    call.line.incoming.put_nowait(Played(mark.generation, mark.number))
    await call.settle()
    assert [(said.text, said.proven) for said in call.kinds(records.AgentSaid)] == [(" We", False), (" are", True)]


async def test_the_callers_words_and_verdicts_go_into_the_record(rig):
    call = rig()
    await call.turn(0.08)
    verdict = Verdict("ibuprofen", "medicine", "caller", "refuse", 40)
    await call.agent(AgentFrame(caller=(CallerText("Which pills?", 0, 80),), verdicts=(verdict,)))
    assert call.kinds(records.CallerSaid) == [records.CallerSaid("Which pills?", 0, 80)]
    assert call.kinds(records.VerdictRecord)[0].phrase == "ibuprofen"


@pytest.mark.parametrize(("played_ms", "heard"), [(0, ""), (80, " ib"), (100, " ibu"), (160, " ibu")])
async def test_a_verdict_tells_what_of_the_phrase_the_caller_had_heard_when_the_carrier_was_cleared(
    rig, played_ms, heard
):
    call = rig()
    await call.turn(0.08)
    await call.agent(AgentFrame(pcm=TONE, text=" ib", turn=1), AgentFrame(pcm=TONE, text="u", turn=1))
    await call.turn(played_ms / 1000)
    verdict = Verdict("ibuprofen", "medicine", "agent", "hangup", 160, "profen", " ibu")
    await call.agent(AgentFrame(flush=True, verdicts=(verdict,)))
    [record] = call.kinds(records.VerdictRecord)
    assert (record.audible, record.begun, record.heard) == (bool(heard), " ibu", heard)
    assert Clear() in call.line.sent
    if played_ms == 0:  # and what is proven to have been played, was
        assert [piece.text for piece in call.kinds(records.AgentUnheard)] == [" ib", "u"]


async def test_a_stall_of_the_carrier_is_filled_and_the_engine_goes_on(rig):
    call = rig()
    await call.turn(0.08)
    await call.turn(1.0, caller=False)
    assert len(call.line.pushed) == 1 + (1000 - 240) // 80
    await call.end()
    assert call.kinds(records.Ended)[0].counters["filled_ms"] > 700


async def test_a_stream_without_audio_is_given_up(rig):
    call = rig()
    await call.turn(0.08)
    await call.turn(10.5, caller=False)
    assert (await call.task).how == "carrier_lost"


async def test_a_broken_protocol_ends_the_call_with_its_close_code(rig):
    call = rig()
    call.line.incoming.put_nowait(CarrierError("a binary message came", close_code=1003))
    assert (await call.task).how == "protocol_error"
    assert call.line.closed == [(1003, "a binary message came")]


async def test_an_unreadable_message_is_written_down_and_the_call_goes_on(rig):
    call = rig()
    call.line.incoming.put_nowait(Malformed("media without content"))
    await call.turn(0.08)
    assert "media without content" in call.kinds(records.Problem)[0].what
    assert (await call.end()).how == "caller_hung_up"


async def test_a_connection_that_breaks_off_is_told_from_a_hang_up(rig):
    call = rig()
    await call.turn(0.08)
    call.line.incoming.put_nowait(None)
    assert (await call.task).how == "carrier_lost"


async def test_every_call_ends_with_one_record_of_its_end(rig):
    call = rig()
    await call.turn(0.16)
    await call.agent(AgentFrame(pcm=TONE, text=" heard", turn=1), AgentFrame(pcm=TONE, text=" not", turn=1))
    await call.turn(0.1)
    await call.end()
    assert [said.text for said in call.kinds(records.AgentSaid)] == [" heard"]
    assert [(u.text, u.reason) for u in call.kinds(records.AgentUnheard)] == [(" not", "call_ended")]
    assert len(call.kinds(records.Ended)) == 1
    assert isinstance(call.written[-1], records.Ended)


async def test_a_lag_in_the_carriers_buffer_is_worked_off_in_silence(rig):
    call = rig()
    await call.turn(0.08)
    await call.agent(*(AgentFrame(pcm=TONE) for _ in range(8)))  # a burst: 640 ms for 80 ms of time
    sent = len(call.line.sent)
    hiss = np.random.default_rng(0).uniform(-0.002, 0.002, 1920).astype(np.float32).tobytes()  # of a model: never 0
    await call.agent(AgentFrame(), AgentFrame(pcm=hiss))
    assert len(call.line.sent) == sent
    await call.agent(AgentFrame(pcm=TONE))
    assert len(call.line.sent) == sent + 1


def test_the_leg_protocol_and_the_stream_agree_on_their_commands():
    stream = TwilioStream()
    stream.receive('{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}')
    for command in (SendAudio(b"a"), SendMark(0, 1), Clear()):
        assert stream.send(command)


# -- keys, and what is asked for from outside


async def test_a_connection_that_takes_no_audio_any_more_ends_the_call(rig):
    call = rig()
    await call.turn(0.2)
    call.line.broken = "TimeoutError"
    await call.turn(0.1)
    assert (await call.task).how == "carrier_lost"


async def test_a_wide_call_hands_the_callers_own_samples_to_its_engine(rig, monkeypatch):
    monkeypatch.setattr(Line, "wide", True)
    call = rig()
    wide = np.random.default_rng(2).integers(-32768, 32767, 1920).astype("<i2").tobytes()
    for packet in range(4):
        call.now += 0.02
        call.line.incoming.put_nowait(Audio(packet * 20, b"\x10" * 160, wide[packet * 960 : packet * 960 + 960]))
        await call.settle()
    [frame] = call.line.pushed
    assert np.rint(frame.pcm * 32768).astype("<i2").tobytes() == wide
    assert frame.ulaw == b"\x10" * 640
