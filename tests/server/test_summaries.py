"""A summary is written in bounded time or not at all, and nobody but the endpoint sees what was said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.engine.llm import Llm, LlmSettings
from bridge.server import summaries as module
from bridge.server.summaries import MAX_PROMPT, MAX_SUMMARY, REST_SECONDS, Summariser, messages_for, one_paragraph
from bridge.transcript.records import AgentSaid, AgentUnheard, Call, CallerSaid, Ended, Record

CALL = Call("0" * 16, "shop", "+12025550143", "+12025550100", "twilio", "CA1", "2026-01-31T09:30:00.000Z", "echo")
TALK: list[Record] = [
    CALL,
    AgentSaid(" Corner Shop, hello.", 1, 0, 900),
    CallerSaid("My secret word is heliotrope.", 1000, 2000),
    AgentUnheard(" never heard", 2, 2100, "gate"),
    Ended("caller_hung_up", "stop", "2026-01-31T09:30:09.000Z", 9.0),
]


def streamed(*pieces: str) -> tuple[int, dict[str, str], bytes]:
    """An endpoint's answer."""
    events = [json.dumps({"choices": [{"delta": {"content": piece}}]}) for piece in pieces]
    return 200, {"Content-Type": "text/event-stream"}, "".join(f"data: {e}\n\n" for e in (*events, "[DONE]")).encode()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ask(clock: Clock) -> Iterator[Any]:
    made: list[Summariser] = []

    def make(receiver: Any) -> Summariser:
        settings = LlmSettings(f"http://127.0.0.1:{receiver.port}/v1", "some-model", "sk-key")
        made.append(Summariser(Llm(settings), clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


async def test_a_call_is_summed_up_in_one_paragraph(receive: Any, ask: Any) -> None:
    async with receive(streamed("The caller\n", " said a word.\n\nNothing", " is left to do.")) as endpoint:
        summary = await ask(endpoint).summarise(TALK, "Corner Shop", "a shop on the corner")
    assert summary == "The caller said a word. Nothing is left to do."
    asked = endpoint.requests[0].json
    assert "Corner Shop, a shop on the corner" in asked["messages"][0]["content"]
    assert asked["messages"][1]["content"] == "agent: Corner Shop, hello.\ncaller: My secret word is heliotrope."


async def test_a_call_in_which_the_caller_said_nothing_is_not_sent_anywhere(receive: Any, ask: Any) -> None:
    async with receive(streamed("What?")) as endpoint:
        assert await ask(endpoint).summarise([CALL, TALK[1], TALK[-1]], "Corner Shop", "a shop") == ""
        assert endpoint.requests == []


@pytest.mark.parametrize("answer", [500, 503, "close", "half", (200, {}, b"data: nonsense\n\n")])
async def test_an_endpoint_that_fails_leaves_no_summary_and_a_reason_without_the_callers_words(
    receive: Any, ask: Any, clock: Clock, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with receive(answer, streamed("Fine.")) as endpoint:
        summariser = ask(endpoint)
        assert await summariser.summarise(TALK, "Corner Shop", "a shop") == ""
        assert "has no summary" in caplog.text
        assert "heliotrope" not in caplog.text
        clock.now += REST_SECONDS - 1
        assert await summariser.summarise(TALK, "Corner Shop", "a shop") == ""
        assert len(endpoint.requests) == 1  # it is left alone for a while
        clock.now += 2
        assert await summariser.summarise(TALK, "Corner Shop", "a shop") == "Fine."
        assert (summariser.written, summariser.failed) == (1, 1)


async def test_an_endpoint_that_hangs_is_not_waited_for(
    receive: Any, ask: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    async with receive("hang") as endpoint, asyncio.timeout(5):
        assert await ask(endpoint).summarise(TALK, "Corner Shop", "a shop") == ""
    assert "no answer within 0.1 s" in caplog.text


async def test_an_answer_that_goes_on_and_on_is_no_summary(receive: Any, ask: Any, clock: Clock) -> None:
    def later() -> float:
        clock.now += module.MAX_SECONDS / 3
        return clock.now

    async with receive(streamed(*["word "] * 20)) as endpoint:
        summariser = ask(endpoint)
        summariser._clock = later
        assert await summariser.summarise(TALK, "Corner Shop", "a shop") == ""


def test_of_a_long_conversation_the_beginning_and_the_end_are_sent() -> None:
    long = [CALL, *(CallerSaid(f"sentence number {n}", n * 1000, n * 1000 + 900) for n in range(2000))]
    talk = messages_for(long, "Corner Shop", "a shop")[1]["content"]
    assert len(talk) < MAX_PROMPT + 10
    assert talk.startswith("caller: sentence number 0\n")
    assert talk.endswith("sentence number 1999")
    assert "\n[…]\n" in talk


def test_a_summary_that_is_too_long_ends_with_a_sentence() -> None:
    cut = one_paragraph("A sentence of some length. " * 100)
    assert len(cut) <= MAX_SUMMARY
    assert cut.endswith("length.")
    assert len(one_paragraph("x" * 5000)) == MAX_SUMMARY
