"""A call whose engine is lost, or is not heard."""

import asyncio
from dataclasses import replace

from bridge.call.rescue import Rescue
from bridge.facts.errors import EngineError
from bridge.facts.events import Clear, Played, SendAudio
from bridge.facts.speech import AgentFrame, CallerText
from bridge.transcript import records
from tests.call.rig import PERSONA, TONE, Line, Slot


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
