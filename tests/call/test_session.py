"""A call between a scripted carrier and a scripted engine, on a clock that the test turns."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from bridge.audio.alignment import LOOK
from bridge.call import session as module
from bridge.call.idle import IdleWatch
from bridge.call.parting import ANNOUNCE_SECONDS
from bridge.call.rescue import Rescue
from bridge.call.session import NEVER_AGAIN, CallSession
from bridge.carrier.twilio import TwilioStream
from bridge.facts.errors import CarrierError, EngineError
from bridge.facts.events import Audio, Clear, Digit, Ended, Malformed, Played, SendAudio, SendMark
from bridge.facts.speech import AgentFrame, CallerText, Verdict
from bridge.facts.ticks import Ticks
from bridge.persona.schema import FrozenMap, KeyAction, Persona
from bridge.transcript import records

PERSONA = Persona.model_validate(
    {
        "name": "shop",
        "business": "A Shop",
        "description": "a shop",
        "agent_name": "Ada",
        "greeting": "Hello.",
        "refusal": "I can't say.",
        "limits": {"call_seconds": 30, "idle_seconds": 3},
    }
)
TONE = np.sin(np.arange(1920) / 10).astype(np.float32).tobytes()


class Line:
    """Carrier and engine in one: what the test puts in comes out as events and frames, what the call sends is kept."""

    no_media_seconds = 10.0
    wide = False
    broken = ""

    def __init__(self):
        self.incoming, self.frames = asyncio.Queue(), asyncio.Queue()
        self.sent, self.pushed, self.said, self.digits, self.closed = [], [], [], [], []
        self.generation = 0

    # the leg
    async def events(self):
        while (event := await self.incoming.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    async def send(self, *commands):
        self.sent += commands

    async def close(self, code=1000, reason=""):
        if not self.closed:
            self.closed.append((code, reason))

    # the slot
    def push(self, frame):
        self.pushed.append(frame)

    async def next(self):
        frame = await self.frames.get()
        if isinstance(frame, Exception):
            raise frame
        return frame

    def say(self, text, wish=None):
        self.said.append((text, wish))

    def digit(self, digit):
        self.digits.append(digit)

    def close_slot(self):
        self.closed_slot = True


class Slot:
    """The engine's half of a `Line`, whose `close` is another than the leg's."""

    def __init__(self, line, ticks=None):
        self.ticks, self.ahead_ms = ticks, 0.0
        self.push, self.next, self.say, self.digit, self.close = (
            line.push, line.next, line.say, line.digit, line.close_slot,
        )  # fmt: skip


class Rig:
    """A call under test. `turn` moves the clock and lets the call's tasks run until nothing is left to do."""

    def __init__(self, **options):
        self.now = 100.0
        self.line = Line()
        self.written = []
        self.slot = Slot(self.line, options.pop("ticks", None))
        self.session = CallSession(
            self.line,
            self.slot,
            options.pop("persona", PERSONA),
            self.written.append,
            lambda: self.now,
            lambda: "2026-01-01T00:00:00.000Z",
            **options,
        )
        self.task = asyncio.create_task(self.session.run())
        self.at_ms = 0

    async def settle(self):
        for _ in range(20):
            await asyncio.sleep(0)

    async def turn(self, seconds=0.0, *, caller=True):
        """Time passes; with `caller` the caller's audio comes with it, in packets of 20 ms."""
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            if caller:
                self.line.incoming.put_nowait(Audio(self.at_ms, b"\xff" * 160))
                self.at_ms += 20
            await asyncio.sleep(0)  # a packet is taken when it comes
        await self.settle()

    async def agent(self, *frames):
        for frame in frames:
            self.line.frames.put_nowait(frame)
        await self.settle()

    def kinds(self, kind):
        return [record for record in self.written if isinstance(record, kind)]

    @property
    def marks(self):
        return [command for command in self.line.sent if isinstance(command, SendMark)]

    async def end(self):
        self.line.incoming.put_nowait(Ended("the carrier ended the stream"))
        return await self.task


@pytest.fixture
async def rig(monkeypatch):
    monkeypatch.setattr(module, "CHECK_SECONDS", 0)  # the clock is the test's: look at it whenever there is a turn
    rigs = []

    def make(**options):
        rigs.append(Rig(**options))
        return rigs[-1]

    yield make
    for one in rigs:
        one.task.cancel()
        await asyncio.gather(one.task, return_exceptions=True)


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


async def test_a_call_that_has_waited_too_long_for_its_ticks_leaves_out_what_it_can_spare(rig):
    call = rig(ticks=Ticks(at=100.025, period=0.08))
    await call.turn(0.02)
    await call.turn(0.06)
    before, call.slot.ahead_ms = call.session.now_ms, 45.0
    await call.agent(*[AgentFrame()] * LOOK)
    await call.turn(0.4)
    assert call.session.now_ms == before + 400 - 40  # the call's clock is the caller's audio
    assert len(call.line.pushed) == (60 + 80 + 400 - 40) // 80
    await call.end()
    counters = call.kinds(records.Ended)[0].counters
    assert (counters["put_in_ms"], counters["left_out_ms"], counters["late_ms"], counters["filled_ms"]) == (
        60,
        40,
        0,
        0,
    )


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


async def test_a_goodbye_is_heard_to_its_end_before_the_call_is_over(rig):
    call = rig()
    await call.turn(0.16)
    await call.agent(AgentFrame(pcm=TONE, text=" Goodbye.", turn=1, wish="hangup"))
    assert not call.task.done()
    mark = call.marks[-1]
    call.line.incoming.put_nowait(Played(mark.generation, mark.number))
    assert (await call.task).how == "agent_goodbye"
    assert call.line.closed[0][0] == 1000
    assert call.line.closed_slot


async def test_a_carrier_that_never_returns_marks_does_not_keep_a_call_from_ending(rig):
    call = rig()
    await call.turn(0.16)
    await call.agent(AgentFrame(pcm=TONE, text=" Goodbye.", turn=1, wish="transfer"))
    await call.turn(2.5)
    assert (await call.task).how == "transfer"
    assert call.kinds(records.AgentSaid)[0].proven is False


async def test_a_goodbye_that_is_interrupted_is_none(rig):
    call = rig()
    await call.turn(0.16)
    await call.agent(AgentFrame(pcm=TONE, text=" Goodbye.", turn=1, wish="hangup"), AgentFrame(flush=True))
    await call.turn(2.9)
    assert not call.task.done()


async def test_a_dead_engine_is_apologised_for_in_a_voice_made_beforehand(rig):
    call = rig(apology=b"\x10" * 4000)
    await call.turn(0.08)
    await call.agent(EngineError("the engine has stopped"))
    assert SendAudio(b"\x10" * 4000) in call.line.sent
    assert not call.task.done()
    mark = call.marks[-1]
    call.line.incoming.put_nowait(Played(mark.generation, mark.number))
    outcome = await call.task
    assert (outcome.how, outcome.reason) == ("engine_failed", "the engine has stopped")


LINE, MUSIC = b"\x11" * 1280, b"\x22" * 6400


class Office:
    """Where a call finds another engine: `line` is the one that it gets once `open` is set."""

    def __init__(self):
        self.line, self.open, self.recollections = Line(), asyncio.Event(), []
        self.rescue = Rescue(self.reseat, LINE, MUSIC, 60)

    async def reseat(self, recollection):
        self.recollections.append(recollection)
        await self.open.wait()
        return Slot(self.line)


def sound_of(commands):
    return b"".join(command.ulaw for command in commands if isinstance(command, SendAudio))


async def test_a_caller_whose_engine_is_lost_hears_a_line_and_music_and_goes_on_with_another(rig):
    office = Office()
    call = rig(rescue=office.rescue, apology=b"\x10" * 640)
    await call.turn(0.08)
    await call.agent(AgentFrame(pcm=TONE, text=" Hello.", turn=4, caller=(CallerText("Hi.", 0, 80),)))
    call.line.incoming.put_nowait(Played(call.marks[-1].generation, call.marks[-1].number))
    before = len(call.line.sent)
    await call.agent(EngineError("the engine has stopped"))
    await call.turn(2.0)
    waiting = sound_of(call.line.sent[before:])
    assert waiting.startswith(LINE + MUSIC[:6400])
    assert 0 <= len(waiting) - 2.0 * 8000 <= 3200  # what is heard never runs dry, and is never far ahead
    assert len(office.recollections) == 1
    assert [said.text for said in office.recollections[0]] == ["Hi.", "Hello."]

    office.open.set()
    await call.settle()
    assert call.line.sent[-1] == Clear()  # no more music
    await call.turn(0.16)
    assert [frame.number for frame in office.line.pushed] == [26, 27]
    office.line.frames.put_nowait(AgentFrame(pcm=TONE, text=" Where were we?", turn=1))
    await call.settle()
    call.line.incoming.put_nowait(Played(call.marks[-1].generation, call.marks[-1].number))
    await call.settle()
    assert [(said.text, said.turn) for said in call.kinds(records.AgentSaid)] == [
        (" Hello.", 4),
        (" Where were we?", 5),
    ]
    assert [problem.what for problem in call.kinds(records.Problem)] == [
        "the engine has stopped",
        "the call goes on in a new engine process",
    ]
    await call.end()
    assert call.kinds(records.Ended)[0].counters["reseats"] == 1
    assert office.line.closed_slot


async def test_a_call_is_seated_anew_once_and_the_second_loss_ends_it_with_the_apology(rig):
    office = Office()
    office.open.set()
    call = rig(rescue=office.rescue, apology=b"\x10" * 640)
    await call.turn(0.08)
    await call.agent(EngineError("the engine has stopped"))
    await call.turn(1.0)
    office.line.frames.put_nowait(EngineError("the engine has stopped again"))
    await call.settle()
    assert call.line.sent[-2] == SendAudio(b"\x10" * 640)
    call.line.incoming.put_nowait(Played(call.marks[-1].generation, call.marks[-1].number))
    assert (await call.task).how == "engine_failed"


async def test_a_caller_who_waits_in_vain_hears_the_apology_and_no_more_music(rig):
    office = Office()
    call = rig(rescue=replace(office.rescue, seconds=1e-6), apology=b"\x10" * 640)
    await call.turn(0.08)
    await call.agent(EngineError("the engine has stopped"))
    await call.turn(1.0)
    assert call.line.sent[-3:-1] == [Clear(), SendAudio(b"\x10" * 640)]
    call.line.incoming.put_nowait(Played(call.marks[-1].generation, call.marks[-1].number))
    assert (await call.task).how == "engine_failed"


async def test_a_caller_who_can_be_put_through_to_a_person_is_not_made_to_wait(rig):
    call = rig(
        persona=PERSONA.model_copy(update={"transfer": "+12025550112"}),
        rescue=Office().rescue,
        apology=b"\x10" * 640,
    )
    await call.turn(0.08)
    await call.agent(EngineError("the engine has stopped"))
    assert call.line.sent[-2] == SendAudio(b"\x10" * 640)


async def test_a_goodbye_that_was_said_before_the_engine_was_lost_is_heard_to_its_end(rig):
    call = rig(rescue=Office().rescue, apology=b"\x10" * 640)
    await call.turn(0.16)
    await call.agent(AgentFrame(pcm=TONE, text=" Bye.", turn=1, wish="hangup"), EngineError("the engine has stopped"))
    assert Clear() not in call.line.sent
    call.line.incoming.put_nowait(Played(call.marks[-1].generation, call.marks[-1].number))
    assert (await call.task).how == "agent_goodbye"


async def test_a_caller_whose_engine_does_not_answer_is_not_left_in_silence(rig):
    call = rig(rescue=Office().rescue)
    await call.turn(0.08)
    await call.agent(AgentFrame())
    before = len(call.line.sent)
    await call.turn(1.9)
    assert len(call.line.sent) == before
    await call.turn(1.0)
    assert sound_of(call.line.sent[before:]).startswith(LINE)
    await call.agent(AgentFrame(pcm=TONE))  # it was not lost after all
    assert call.line.sent[-2] == Clear()
    before = len(call.line.sent)
    await call.turn(1.0)
    assert len(call.line.sent) == before
    assert call.line.said == []  # a caller who was made to wait is not asked whether they are there


async def test_what_was_asked_for_is_done_at_once_when_the_engine_that_was_to_announce_it_is_lost(rig):
    call = rig(rescue=Office().rescue, persona=PERSONA.model_copy(update={"transfer": "+12025550112"}))
    await call.turn(0.08)
    assert call.session.ask("transfer", "operator")
    await call.agent(EngineError("the engine has stopped"))
    outcome = await call.task
    assert (outcome.how, outcome.person) == ("transfer", "+12025550112")


async def test_a_caller_whose_engine_does_not_answer_what_was_asked_for_is_not_left_in_silence(rig):
    call = rig(rescue=Office().rescue)
    await call.turn(0.08)
    assert call.session.ask("hangup", "operator")
    before = len(call.line.sent)
    await call.turn(3.0)
    assert sound_of(call.line.sent[before:]).startswith(LINE)


async def test_a_caller_may_hang_up_while_they_wait(rig):
    office = Office()
    call = rig(rescue=office.rescue)
    await call.turn(0.08)
    await call.agent(EngineError("the engine has stopped"))
    await call.turn(1.0)
    assert (await call.end()).how == "caller_hung_up"
    assert call.line.closed_slot


async def test_a_silent_caller_is_asked_and_then_bid_goodbye(rig):
    call = rig()
    await call.turn(3.1)
    assert call.line.said == [(PERSONA.limits.idle_question, None)]
    await call.turn(3.1)
    assert call.line.said[-1] == (PERSONA.limits.goodbye, "hangup")
    await call.agent(AgentFrame(pcm=TONE, text=" Goodbye.", turn=1, wish="hangup"))
    mark = call.marks[-1]
    call.line.incoming.put_nowait(Played(mark.generation, mark.number))
    assert (await call.task).how == "idle"


async def test_a_caller_who_holds_the_line_is_not_asked_whether_he_is_there(rig):
    call = rig()
    call.line.no_media_seconds = 60.0
    await call.turn(1.0)
    await call.turn(20.0, caller=False)
    assert call.line.said == []
    await call.turn(3.1)
    assert call.line.said == [(PERSONA.limits.idle_question, None)]


async def test_keys_reach_the_engine_and_count_as_a_sign_of_life(rig):
    call = rig()
    await call.turn(2.9)
    call.line.incoming.put_nowait(Digit("5"))
    await call.settle()
    await call.turn(2.9)
    assert call.line.digits == ["5"]
    assert call.line.said == []


async def test_a_call_that_is_too_long_is_bid_goodbye_and_ends_even_if_it_is_talked_over(rig):
    call = rig()
    for _ in range(16):
        await call.turn(2.0)
        await call.agent(AgentFrame(caller_speaking=True))
    assert (PERSONA.limits.goodbye, "hangup") in call.line.said
    for _ in range(8):
        await call.turn(2.0)
        await call.agent(AgentFrame(caller_speaking=True))
    assert (await call.task).how == "too_long"


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


class Kept:
    """A recorder that keeps what it is told."""

    def __init__(self):
        self.told = []

    def caller(self, ulaw):
        self.told.append("caller")

    def agent(self, at, ulaw):
        self.told.append("agent")

    def cut(self, at):
        self.told.append("cut")

    def permit(self, at):
        self.told.append("permit")

    def discard(self):
        self.told.append("discard")


TOLD = Persona.model_validate(
    PERSONA.model_dump() | {"recording": {"notice": "We record. Press 8 to refuse.", "opt_out_key": "8"}}
)


async def test_a_call_is_recorded_once_the_mark_of_its_notice_comes_back(rig):
    recorder = Kept()
    call = rig(persona=TOLD, recorder=recorder)
    await call.turn(0.08)
    await call.agent(AgentFrame(pcm=TONE, text=" refuse.", turn=1, wish="record"))
    assert "permit" not in recorder.told
    mark = call.marks[-1]
    call.line.incoming.put_nowait(Played(mark.generation, mark.number))
    await call.settle()
    assert recorder.told.count("permit") == 1
    assert [record.state for record in call.kinds(records.RecordingRecord)] == ["began"]
    assert not call.task.done()


async def test_a_notice_that_was_cleared_was_not_heard_and_nothing_is_recorded(rig):
    recorder = Kept()
    call = rig(persona=TOLD, recorder=recorder)
    await call.turn(0.08)
    await call.agent(AgentFrame(pcm=TONE, text=" refuse.", turn=1, wish="record"), AgentFrame(flush=True))
    mark = call.marks[-1]
    call.line.incoming.put_nowait(Played(mark.generation, mark.number))
    await call.turn(1.0)
    assert "permit" not in recorder.told
    await call.end()
    assert call.kinds(records.RecordingRecord) == []


async def test_the_opt_out_key_deletes_the_recording_and_is_answered(rig):
    recorder = Kept()
    call = rig(persona=TOLD, recorder=recorder)
    await call.turn(0.08)
    call.line.incoming.put_nowait(Digit("8"))
    await call.settle()
    assert recorder.told[-1] == "discard"
    assert call.line.said == [(TOLD.recording.opted_out, None)]
    assert [record.state for record in call.kinds(records.RecordingRecord)] == ["deleted"]
    assert call.kinds(records.DigitPressed) == [records.DigitPressed("8", call.kinds(records.DigitPressed)[0].at_ms)]


def test_idle_asks_once_and_ends_once_for_a_silence():
    watch = IdleWatch(10)
    assert [watch.due(at) for at in (5, 10, 15, 20, 25, 60)] == ["", "ask", "", "end", "", ""]


def test_idle_begins_anew_when_the_caller_answers():
    watch = IdleWatch(10)
    assert watch.due(10) == "ask"
    watch.activity(12)
    assert [watch.due(at) for at in (20, 22, 32)] == ["", "ask", "end"]


def test_the_agents_own_question_does_not_count_as_an_answer():
    watch = IdleWatch(10)
    assert watch.due(10) == "ask"
    watch.activity(12, caller=False)
    assert [watch.due(at) for at in (20, 22)] == ["", "end"]


def test_the_leg_protocol_and_the_stream_agree_on_their_commands():
    stream = TwilioStream()
    stream.receive('{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}')
    for command in (SendAudio(b"a"), SendMark(0, 1), Clear()):
        assert stream.send(command)


# -- keys, and what is asked for from outside

KEYS = PERSONA.model_validate(
    PERSONA.model_dump()
    | {
        "transfer": "+12025550112",
        "keys": {
            "0": "transfer",
            "1": {"say": "From nine to five."},
            "2": {"say": "To the workshop.", "then": "transfer", "to": "+12025550113"},
            "#": "hangup",
        },
    }
)


async def heard_to_the_end(call, wish):
    """The engine says the line, and the carrier plays it."""
    await call.agent(AgentFrame(pcm=TONE, text=" One moment.", turn=2), AgentFrame(pcm=TONE, turn=2, wish=wish))
    call.line.incoming.put_nowait(Played(call.marks[-1].generation, call.marks[-1].number))
    return await call.task


@pytest.mark.parametrize(
    ("key", "line", "how", "person"),
    [
        ("0", "One moment, I'm putting you through.", "transfer", "+12025550112"),
        ("2", "To the workshop.", "transfer", "+12025550113"),
        ("#", "Thank you for calling. Goodbye.", "agent_goodbye", ""),
    ],
)
async def test_a_key_of_the_persona_puts_through_or_hangs_up_after_its_line(rig, key, line, how, person):
    call = rig(persona=KEYS)
    await call.turn(0.2)
    call.line.incoming.put_nowait(Digit(key))
    await call.settle()
    [(said, wish)] = call.line.said
    assert said == line
    outcome = await heard_to_the_end(call, wish)
    assert (outcome.how, outcome.person) == (how, person)
    [asked] = call.kinds(records.AskedRecord)
    assert (asked.what, asked.by) == (wish, "key")


async def test_a_key_that_says_something_leaves_the_call_as_it_is_and_others_mean_nothing(rig):
    call = rig(persona=KEYS)
    await call.turn(0.2)
    for key in "719":
        call.line.incoming.put_nowait(Digit(key))
    await call.settle()
    assert call.line.said == [("From nine to five.", None)]
    assert call.line.digits == ["7", "1", "9"]
    assert [record.digit for record in call.kinds(records.DigitPressed)] == ["7", "1", "9"]
    assert (await call.end()).how == "caller_hung_up"


async def test_a_caller_who_talks_over_the_announcement_is_put_through_at_once(rig):
    call = rig(persona=KEYS)
    await call.turn(0.2)
    assert call.session.ask("transfer", "operator")
    assert not call.session.ask("hangup", "operator")
    await call.agent(AgentFrame(flush=True), AgentFrame(pcm=TONE, text=" One moment.", turn=2))
    assert not call.task.done()
    await call.agent(AgentFrame(flush=True, caller_speaking=True))
    outcome = await call.task
    assert (outcome.how, outcome.person) == ("transfer", "+12025550112")
    assert "from outside" in outcome.reason


async def test_what_was_asked_for_happens_also_with_an_engine_that_never_says_it(rig):
    call = rig(persona=KEYS)
    await call.turn(0.2)
    assert call.session.ask("hangup", "operator", say="The shop is closing.")
    assert call.line.said == [("The shop is closing.", "hangup")]
    await call.turn(ANNOUNCE_SECONDS + 0.1)
    assert (await call.task).how == "operator_hangup"


async def test_a_connection_that_takes_no_audio_any_more_ends_the_call(rig):
    call = rig()
    await call.turn(0.2)
    call.line.broken = "TimeoutError"
    await call.turn(0.1)
    assert (await call.task).how == "carrier_lost"


async def test_a_key_may_ask_never_to_be_called_again(rig):
    call = rig(persona=KEYS.model_copy(update={"keys": FrozenMap({"8": KeyAction(then="never_call")})}))
    await call.turn(0.2)
    call.line.incoming.put_nowait(Digit("8"))
    await call.settle()
    assert call.line.said == [(NEVER_AGAIN, "hangup")]
    assert [asked.what for asked in call.kinds(records.AskedRecord)] == ["never_call", "hangup"]
    assert (await heard_to_the_end(call, "hangup")).how == "agent_goodbye"


async def test_a_call_that_comes_back_has_lasted_as_long_as_all_of_it(rig):
    call = rig(earlier_seconds=29.0)
    await call.turn(0.8)
    assert call.line.said == []
    await call.turn(0.4)
    assert call.line.said == [("Thank you for calling. Goodbye.", "hangup")]


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
