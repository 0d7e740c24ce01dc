"""The recorded caller's behaviour, step by step, without any clock."""

from __future__ import annotations

from collections.abc import Callable

from bridge.caller.recording import Recording, from_ulaw
from bridge.caller.script import Chatter, Manners, Script, Stage

LOUD = b"\x10" * 160
QUIET = b""


def recording(name: str, spoken_ms: int, silent_ms: int = 0) -> Recording:
    return from_ulaw(name, b"\x20" * (8 * spoken_ms) + b"\xff" * (8 * silent_ms))


class Telephone:
    """Runs a script against an agent: `agent(ms)` says whether the agent is heard at that time of the call."""

    def __init__(self, script: Script, agent: Callable[[int], bool], limit_ms: int = 120_000) -> None:
        self.spoke: list[int] = []
        self.keys: list[tuple[int, str]] = []
        self.hung_up_ms = -1
        for at in range(0, limit_ms, 20):
            step = script.step(LOUD if agent(at) else QUIET)
            if step.hang_up:
                self.hung_up_ms = at
                break
            if step.digits:
                self.keys.append((at, step.digits))
            if step.packet.ulaw[0] == 0x20:
                self.spoke.append(at)


def between(*spans: tuple[int, int]) -> Callable[[int], bool]:
    return lambda at: any(start <= at < end for start, end in spans)


def test_the_caller_speaks_600_ms_after_the_greeting_and_hangs_up_600_ms_after_the_answer() -> None:
    script = Script([recording("a", 1000)])
    call = Telephone(script, between((200, 1000), (3000, 4000)))
    assert call.spoke == list(range(1600, 2600, 20))
    assert script.response_ms == [3000 - 2580]
    assert call.hung_up_ms == 4600


def test_silence_at_the_end_of_a_recording_is_no_delay_of_the_agent() -> None:
    script = Script([recording("a", 1000, silent_ms=1500)])
    call = Telephone(script, between((0, 1000), (3000, 5000)))
    assert call.spoke[-1] == 2580
    assert script.response_ms == [3000 - 2580]
    assert call.hung_up_ms == 5600


def test_pauses_inside_a_sentence_do_not_end_it() -> None:
    script = Script([recording("a", 500)])
    call = Telephone(script, between((0, 500), (1000, 1500), (2800, 3000), (3500, 4000)))
    assert call.spoke[0] == 2100
    assert script.response_ms == [2800 - 2580]
    assert call.hung_up_ms == 4600


def test_without_a_greeting_the_caller_speaks_after_its_patience() -> None:
    script = Script([recording("a", 500)], Manners(greeting=2000, answer=3000))
    call = Telephone(script, between())
    assert call.spoke[0] == 2000
    assert script.response_ms == [None]
    assert call.hung_up_ms == 2000 + 500 + 3000


def test_an_agent_that_never_stops_is_not_heard_for_ever() -> None:
    script = Script([recording("a", 500)], Manners(utterance=4000))
    call = Telephone(script, lambda at: True)
    assert call.spoke[0] == 4000
    assert call.hung_up_ms == 4000 + 500 + 4000


def test_an_answer_that_began_before_the_caller_ended_counts_as_zero() -> None:
    script = Script([recording("a", 1000)])
    Telephone(script, between((0, 400), (1500, 3000)))
    assert script.response_ms == [0]


def test_speech_that_was_going_on_when_the_recording_began_is_no_answer() -> None:
    script = Script([recording("a", 1000), recording("b", 1000)], Manners(interrupt=500))
    # The first recording interrupts the greeting at 500 ms and ends at 1,480 ms; the agent finishes at 1,900 ms.
    call = Telephone(script, between((0, 900), (1200, 1600), (1850, 1900), (2600, 4000), (6000, 7000)))
    assert call.spoke[0] == 500
    assert script.response_ms[0] == 2600 - 1480


def test_the_caller_interrupts_so_long_after_the_agent_began() -> None:
    script = Script([recording("a", 400), recording("b", 400)], Manners(interrupt=700))
    call = Telephone(script, between((1000, 1900), (2500, 9000)))
    assert call.spoke[0] == 1700
    assert next(at for at in call.spoke if at > 2200) == 2500 + 700
    assert script.response_ms[0] == 2500 - 2080


def test_keys_are_pressed_after_the_greeting_one_after_the_other() -> None:
    script = Script([recording("a", 200)], digits="42#")
    call = Telephone(script, between((0, 1000), (2800, 3000), (5000, 5500)))
    assert call.keys == [(1600, "4"), (1840, "2"), (2080, "#")]
    assert call.spoke[0] == 3600
    assert len(script.response_ms) == 1


def test_keys_without_an_answer_do_not_hold_the_call_up() -> None:
    call = Telephone(Script([], Manners(greeting=1000, reaction=2000), digits="1"), between())
    assert call.keys == [(1000, "1")]
    assert call.hung_up_ms == 1000 + 260 + 2000


def test_a_call_ends_in_time_and_the_open_turn_is_not_held_against_the_agent() -> None:
    script = Script([recording("a", 500)] * 20, Manners(call=4000))
    call = Telephone(script, between((0, 400), (1800, 2000)))
    assert call.hung_up_ms == 3980
    assert script.response_ms == [1800 - 1480]


def test_stages_are_told_in_order() -> None:
    told: list[tuple[Stage, str]] = []
    script = Script([recording("a", 200)], digits="1", on_stage=lambda stage, what: told.append((stage, what)))
    Telephone(script, between((0, 200), (1200, 1300), (3000, 3200)))
    assert told == [
        (Stage.GREETING, ""),
        (Stage.KEYS, ""),
        (Stage.AFTER_KEYS, ""),
        (Stage.SPEAKING, "a"),
        (Stage.LISTENING, ""),
        (Stage.DONE, ""),
    ]


def test_chatter_goes_on_whatever_is_heard_and_ends_in_time() -> None:
    chatter = Chatter(recording("a", 100), seconds=1.0, offset=2)
    steps = [chatter.step(QUIET) for _ in range(51)]
    assert [step.hang_up for step in steps] == [False] * 50 + [True]
