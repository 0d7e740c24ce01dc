"""How calls end: goodbyes, keys, limits, and callers who talk over them."""

import pytest

from bridge.audio.alignment import LOOK
from bridge.call.parting import ANNOUNCE_SECONDS
from bridge.call.session import NEVER_AGAIN
from bridge.facts.events import Digit, Played
from bridge.facts.speech import AgentFrame
from bridge.facts.ticks import Ticks
from bridge.persona.schema import FrozenMap, KeyAction
from bridge.transcript import records
from tests.call.rig import PERSONA, TONE


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
