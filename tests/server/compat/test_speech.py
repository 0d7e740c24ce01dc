"""`POST /v1/audio/speech`: a recording in, the answer out, and a header that any text may stand in."""

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.audio.wav import wav_of
from bridge.server.compat import speech_leg
from bridge.server.compat.speech import MAX_HEADER, MAX_SECONDS, transcript_header
from bridge.transcript.turns import Turn
from tests.server.compat.conftest import ask, samples_of, the_call, tone


def recording(milliseconds, rate=24000):
    return wav_of((tone(milliseconds) * 32767).astype(np.int16)[:: 24000 // rate], rate)


@pytest.fixture
def hasty(monkeypatch):
    """An agent is done after a short pause."""
    monkeypatch.setattr(speech_leg, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(speech_leg, "REPLY_SECONDS", 0.3)


async def test_the_answer_is_a_wav_no_shorter_than_the_recording_and_its_call_has_a_record(serve, hasty):
    async with serve(record=True) as server:
        answer = await ask(server, recording(400), text_prompt="Be kind.", voice="NATF1")
        entry = await the_call(server)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    heard = samples_of(answer.content)
    assert len(heard) >= 24 * 400
    loud = np.abs(heard.astype(int)) > 1000
    assert 0.5 * 24 * 400 < loud.sum() < 24 * 400
    assert not loud[: 24 * 80].any()  # the echo engine says each frame of the caller a frame later
    assert json.loads(answer.headers["x-transcript"]) == {"turns": [], "text": "", "truncated": False}
    assert answer.headers["x-call-id"] == entry.call_id
    assert answer.headers["link"] == f'</v1/calls/{entry.call_id}>; rel="describedby"'
    assert (entry.persona, entry.recording is None) == ("ad-hoc", False)


async def test_it_lies_at_api_as_well_and_a_prompt_may_be_left_out(serve, hasty):
    async with serve() as server:
        answer = await ask(server, recording(100, rate=8000), path="/api/audio/speech")
        assert answer.status_code == 200


FAULTS = [
    (b"this is no WAV", {}, 422, "audio cannot be used: it is not a WAV file"),
    (b"RIFF\0\0\0\0WAVE", {}, 422, "audio cannot be used"),
    (wav_of(np.zeros(8000 * (MAX_SECONDS + 1), np.int16), 8000), {}, 422, f"at most {MAX_SECONDS}"),
    (recording(20), {"persona": "../shop"}, 404, "there is no such persona"),
    (recording(20), {"voice": "../x"}, 422, "a voice's name"),
    (recording(20), {"text_prompt": " "}, 422, "the prompt is empty"),
    (recording(20), {"text_prompt": "x", "persona": "shop"}, 422, "not both"),
    (recording(20), {"seed": "many"}, 422, "seed"),
]


async def test_what_cannot_be_answered_is_told_why(serve):
    async with serve() as server:
        for audio, form, status, words in FAULTS:
            answer = await ask(server, audio, **form)
            assert (form, answer.status_code) == (form, status)
            assert words in json.dumps(answer.json()["detail"])
        assert server.switchboard.free == server.engine.capacity


async def test_a_key_is_needed_that_is_good_for_talking(serve):
    async with serve() as server:
        assert (await ask(server, recording(20), "")).status_code == 401
        reader, _ = server.access.keys.create("reader", ["calls:read"])
        assert (await ask(server, recording(20), reader)).status_code == 403


async def test_whoever_finds_no_seat_is_told_when_to_come_again(serve, hasty):
    async with serve(slots=1) as server:
        first = asyncio.create_task(ask(server, recording(400)))
        async with asyncio.timeout(5):
            while not server.switchboard.live:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        second = await ask(server, recording(20))
        assert (second.status_code, second.headers["retry-after"]) == (429, "5")
        assert (await first).status_code == 200


async def test_a_client_that_does_not_wait_ends_its_call(serve):
    async with serve() as server:
        asking = asyncio.create_task(ask(server, recording(5000)))
        async with asyncio.timeout(5):
            while not server.switchboard.live:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        asking.cancel()
        entry = await the_call(server)
    assert entry.ended_how == "caller_hung_up"
    assert entry.seconds < 3


async def test_a_server_that_stops_says_so(serve):
    async with serve() as server:
        asking = asyncio.create_task(ask(server, recording(5000)))
        async with asyncio.timeout(5):
            while not server.switchboard.live:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await server.switchboard.stop()
        answer = await asking
    assert (answer.status_code, "the server was stopped" in answer.json()["detail"]) == (503, True)


turn = st.builds(
    Turn,
    st.sampled_from(["caller", "agent"]),
    st.text(max_size=900),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.booleans(),
)


@given(st.lists(turn, max_size=40), st.integers(0, 10**6))
def test_any_text_stands_in_the_header_in_bounds_and_as_ascii(said, starts_ms):
    header = transcript_header(said, starts_ms)
    assert len(header) <= MAX_HEADER
    assert header.isascii()
    assert header.isprintable()
    shown = json.loads(header)
    heard = [each for each in said if each.heard and each.end_ms > starts_ms]
    if not shown["truncated"]:
        assert [each["text"] for each in shown["turns"]] == [each.text for each in heard]
    else:
        for short, whole in zip(shown["turns"], heard, strict=False):
            assert whole.text.startswith(short["text"])
