"""Many calls at once against a scripted bridge."""

from __future__ import annotations

import json
from typing import Any

from bridge.caller.load import place_load
from bridge.caller.recording import from_ulaw
from bridge.caller.webhook import Line


async def test_calls_whose_every_frame_came_back_are_completed(scripted: Any, serve: Any, echoing: Any) -> None:
    seen: list[tuple[int, int]] = []
    async with serve(scripted(echoing)) as bridge:
        result = await place_load(
            Line(bridge.url), 4, 1.0, "echo", on_progress=lambda _, running, failed: seen.append((running, failed))
        )
    assert (result.calls, result.completed, result.lost) == (4, 4, 0)
    assert result.frames == result.frames_expected == 4 * 12
    assert result.call_seconds == 4.0
    assert result.late_frames_p50_ms is not None
    assert result.problems == {}
    assert seen[-1] == (0, 0)
    # The scripted bridge shows no figures, so there are none to report.
    assert result.cpu_ms_per_call_second is None
    assert result.rss_mb is None
    assert json.loads(json.dumps(result.as_dict()))["engine"] == "echo"


async def test_a_call_that_the_bridge_ends_or_turns_away_is_lost_with_its_reason(
    scripted: Any, serve: Any, echoing: Any
) -> None:
    async def talk(talk: Any) -> None:
        if len(bridge.conversations) > 1:
            await echoing(talk)
        await talk.until("start")
        await talk.socket.close()

    bridge = scripted(talk)
    async with serve(bridge):
        result = await place_load(Line(bridge.url), 2, 0.5, "echo")
    assert (result.completed, result.lost) == (1, 1)
    assert result.problems == {"the server closed the stream": 1}


async def test_busy_answers_are_counted_by_what_they_said(scripted: Any, serve: Any, echoing: Any) -> None:
    bridge = scripted(echoing)
    bridge.twiml = lambda b: "<Response><Say>All lines are busy.</Say><Hangup/></Response>"
    async with serve(bridge):
        result = await place_load(Line(bridge.url), 2, 0.5, "echo")
    assert result.lost == 2
    assert result.problems == {"no stream was offered: Say, Hangup": 2}


async def test_with_another_engine_the_callers_play_recordings_and_time_the_answers(
    scripted: Any, serve: Any, echoing: Any
) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("start")
        await talk.media(b"\x10" * 640)
        await echoing(talk, started=True)

    recording = from_ulaw("a", b"\x10" * 1600)
    async with serve(scripted(talk)) as bridge:
        result = await place_load(Line(bridge.url), 1, 3.0, "cascade", recordings=[recording])
    assert result.responses >= 1
    assert result.response_ms_p95 is not None
    assert result.completed == 1


async def test_a_server_that_does_not_answer_loses_every_call() -> None:
    result = await place_load(Line("http://127.0.0.1:9"), 2, 0.5, "echo")
    assert result.lost == 2
    assert sum(result.problems.values()) == 2
