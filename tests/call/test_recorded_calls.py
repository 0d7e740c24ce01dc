"""When a call is recorded: the notice, and the key against it."""

from bridge.facts.events import Digit, Played
from bridge.facts.speech import AgentFrame
from bridge.persona.schema import Persona
from bridge.transcript import records
from tests.call.rig import PERSONA, TONE


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
