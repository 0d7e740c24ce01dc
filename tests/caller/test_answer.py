"""How soon calls are answered, measured against a scripted bridge."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.caller.answer import measure_answers
from bridge.caller.errors import CallError
from bridge.caller.webhook import Line


def answering_after(packets: int) -> Any:
    """A bridge that speaks when so many of the caller's packets have come."""

    async def talk(conversation: Any) -> None:
        await conversation.until("start")
        for _ in range(packets):
            await conversation.until("media")
        await conversation.media(b"\x80" * 640)
        await conversation.until("stop")

    return talk


async def test_an_answer_is_timed_from_the_streams_start(scripted: Any, serve: Any) -> None:
    done: list[int] = []
    async with serve(scripted(answering_after(packets=4))) as bridge:
        result = await measure_answers(Line(bridge.url), 3, "scripted", on_call=done.append)
    assert (result.calls, result.answered, result.engine, result.problems, done) == (3, 3, "scripted", {}, [1, 2, 3])
    # The fourth packet leaves at least 60 ms after the first, and the first after the start.
    assert result.answer_ms_p50 is not None and result.answer_ms_p50 >= 60
    assert result.answer_ms_p99 == result.answer_ms_max
    assert result.beyond_first_frame_ms_p50 == pytest.approx(result.answer_ms_p50 - 80, abs=0.02)
    assert all(talk.messages[-1]["event"] == "stop" for talk in bridge.conversations)
    callers = [form["From"] for address, form, _ in bridge.posts if address.endswith("/voice")]
    assert len(set(callers)) == 3


async def test_other_calls_go_on_beside_those_that_are_measured(scripted: Any, serve: Any) -> None:
    async with serve(scripted(answering_after(packets=1))) as bridge:
        result = await measure_answers(Line(bridge.url), 2, "scripted", beside=2)
    assert (result.answered, result.beside) == (2, 2)
    assert len(bridge.conversations) == 4
    others = bridge.conversations[:2]
    assert all(len(talk.of("media")) > len(bridge.conversations[2].of("media")) for talk in others)
    assert all(talk.messages[-1]["event"] == "stop" for talk in others)


async def test_calls_that_are_turned_away_are_counted_with_the_reason(scripted: Any, serve: Any) -> None:
    bridge = scripted(answering_after(packets=1), lambda bridge: "<Response><Say>No.</Say><Hangup/></Response>")
    async with serve(bridge):
        result = await measure_answers(Line(bridge.url), 2, "scripted")
        assert (result.answered, result.answer_ms_p50, result.beyond_first_frame_ms_p99) == (0, None, None)
        assert result.problems == {"nothing was heard; the server answered Say, Hangup": 2}
        with pytest.raises(CallError, match="does not take as many calls"):
            await measure_answers(Line(bridge.url), 1, "scripted", beside=1)
