"""What a call keeps, and what its caller hears, for the case that its engine is lost."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio.intake import CallerFrame
from bridge.call.rescue import MAX_CHARACTERS, MAX_TURNS, Hold, LaterSlot, Recollector, Rescue
from bridge.facts.errors import EngineError
from bridge.facts.speech import AgentFrame, CallerText, Said, Verdict
from bridge.persona.schema import Persona, RecordingNotice
from bridge.transcript.records import AgentSaid, CallerSaid, DigitPressed

PERSONA = Persona(
    name="shop",
    business="A Shop",
    description="a shop",
    agent_name="Ada",
    consent="This call is recorded.",
    greeting="Hello.",
    refusal="No.",
)


def remembering(*records):
    recollector, written = Recollector(PERSONA), []
    for record in records:
        recollector.noting(written.append)(record)
    assert written == list(records)
    return recollector.recollection()


def agent(text, turn=1, at=0):
    return AgentSaid(text, turn, at, at + 80)


def caller(text, at=0):
    return CallerSaid(text, at, at + 80)


# -- what is remembered


def test_the_last_turns_are_remembered_in_order_and_whole():
    said = remembering(
        agent(" This call is recorded."),
        agent(" Hello."),
        caller("Hi.", 100),
        DigitPressed("1", 150),
        agent(" Yes", 2, 200),
    )
    assert said == (Said("agent", "This call is recorded. Hello."), Said("caller", "Hi."), Said("agent", "Yes"))


def test_a_call_that_has_not_heard_the_consent_notice_begins_anew():
    assert remembering(agent(" This call is")) == ()
    assert remembering(agent(" This call is"), caller("What?", 100)) == ()


def test_a_recorded_call_that_has_not_heard_so_begins_anew():
    persona = PERSONA.model_copy(update={"recording": RecordingNotice(notice="We keep a recording.")})
    for recorded, expected in ((True, ()), (False, (Said("agent", "This call is recorded. Hello."),))):
        recollector = Recollector(persona, recorded=recorded)
        recollector.noting(lambda record: None)(agent(" This call is recorded. Hello."))
        assert recollector.recollection() == expected


def test_a_greeting_that_was_cut_off_by_a_fault_is_said_again_unless_the_caller_spoke():
    heard = agent(" This call is recorded.")
    assert remembering(heard) == ()
    assert remembering(heard, caller("Hi.", 100))[-1] == Said("caller", "Hi.")


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=60))
def test_a_recollection_is_bounded_and_is_the_end_of_the_conversation(turns):
    records = [agent(" This call is recorded. Hello.")]
    for place, (is_caller, length) in enumerate(turns, 2):
        text = "x" * length
        records.append(caller(text, place * 100) if is_caller else agent(text, place, place * 100))
    said = remembering(*records)
    assert len(said) <= MAX_TURNS
    assert sum(len(one.text) for one in said) <= MAX_CHARACTERS
    everything = [("agent", "This call is recorded. Hello.")]
    everything += [("caller" if is_caller else "agent", "x" * length) for is_caller, length in turns]
    assert [(one.speaker, one.text) for one in said] == everything[len(everything) - len(said) :]


# -- what the caller hears meanwhile


@given(st.integers(0, 50), st.lists(st.integers(1, 40), min_size=1, max_size=40))
def test_the_line_is_heard_once_and_then_the_music_without_a_gap(line, sizes):
    hold = Hold(b"L" * line, b"0123456789")
    heard = b"".join(hold.take(size) for size in sizes)
    music = len(heard) - min(line, len(heard))
    assert heard == b"L" * (len(heard) - music) + (b"0123456789" * 200)[:music]


def test_the_line_has_been_heard_when_the_call_has_come_to_its_end():
    hold = Hold(b"L" * 1000, b"music")
    for end in (640, 1000, 1640):
        hold.take(640)
        hold.sent(end)
    hold.heard(999)
    assert not hold.told.is_set()
    hold.heard(1000)
    assert hold.told.is_set()


async def test_a_wait_for_another_engine_is_bounded_and_its_failure_is_an_answer():
    async def never(recollection):
        await asyncio.Event().wait()

    async def stopped(recollection):
        raise EngineError("there will be none")

    assert await Rescue(never, b"", b"", 0.01).find(()) is None
    assert await Rescue(stopped, b"", b"", 60).find(()) is None


# -- the slot that takes over


@dataclass
class Taken:
    """A slot whose answers the test gives."""

    answers: list = field(default_factory=list)
    pushed: list = field(default_factory=list)

    def push(self, frame):
        self.pushed.append(frame)

    async def next(self):
        return self.answers.pop(0)


async def test_times_and_turns_of_a_new_engine_go_on_from_those_of_the_call():
    verdict = Verdict("pill", "medicine", "agent", "refuse", 80)
    engine = Taken(
        [AgentFrame(text=" a", turn=1, caller=(CallerText("Hi.", 0, 80),), verdicts=(verdict,)), AgentFrame()]
    )
    slot = LaterSlot(engine, turn=7)
    for number in (100, 101):
        slot.push(CallerFrame(number, b"", np.zeros(1920, np.float32)))
    frame = await slot.next()
    assert frame.turn == 8
    assert frame.caller == (CallerText("Hi.", 8000, 8080),)
    assert frame.verdicts[0].at_ms == 8080
    assert (await slot.next()).turn == 0
    assert [frame.number for frame in engine.pushed] == [100, 101]
