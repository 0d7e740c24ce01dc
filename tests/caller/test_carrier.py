"""One call over real sockets with a scripted bridge."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from bridge.caller.carrier import Step
from bridge.caller.errors import CallError
from bridge.caller.recording import SILENCE, speech_like, stereo_wav
from bridge.caller.script import Chatter

LOUD = b"\x10" * 640


class Moments:
    """A caller who does what the list says, a step each, keeps what it hears, and hangs up at its end."""

    def __init__(self, steps: list[Step]) -> None:
        self.heard: list[bytes] = []
        self._steps = iter(steps)

    def step(self, heard: bytes) -> Step:
        self.heard.append(heard)
        return next(self._steps, Step(hang_up=True))


def silent(count: int) -> Moments:
    return Moments([Step()] * count)


def chatter(seconds: float) -> Chatter:
    return Chatter(speech_like(1.0, seed=1), seconds)


async def until_stop(talk: Any) -> None:
    await talk.until("start")
    await talk.until("stop")


async def test_the_webhook_carries_twilios_form(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    report = await place(bridge, silent(3), persona="dental", to="+12025550143")
    url, form, _ = bridge.posts[0]
    assert url.endswith("/twilio/voice?persona=dental")
    assert form["CallSid"] == report.ids.call_sid
    assert form["To"] == "+12025550143"
    assert form["CallStatus"] == "ringing"
    assert {"AccountSid", "From", "Direction", "ApiVersion"} <= form.keys()


async def test_every_request_bears_a_signature_that_twilios_validator_accepts(scripted: Any, place: Any) -> None:
    async def close(talk: Any) -> None:
        await talk.until("start")
        await talk.socket.close()

    bridge = scripted(close)
    await place(bridge, silent(500), auth_token="secret", persona="dental", record=True)
    validator = RequestValidator("secret")
    assert {url.rpartition("/")[2].partition("?")[0] for url, _, _ in bridge.posts} == {
        "voice",
        "after",
        "stream-status",
    }
    for url, form, headers in bridge.posts:
        assert validator.validate(url, form, headers["x-twilio-signature"])
    assert validator.validate(bridge.stream_url, {}, bridge.upgrades[0]["x-twilio-signature"])


async def test_without_a_token_nothing_is_signed(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    await place(bridge, silent(2))
    assert "x-twilio-signature" not in bridge.posts[0][2] | bridge.upgrades[0]


async def test_requests_go_to_the_local_address_and_are_signed_for_the_public_one(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    token = "/twilio/media/token"
    bridge.twiml = lambda b: f'<Response><Connect><Stream url="wss://bridge.example{token}"/></Connect></Response>'
    report = await place(bridge, silent(2), auth_token="secret", public_url="https://bridge.example")
    assert report.ended == "caller_hung_up"
    validator = RequestValidator("secret")
    _, form, headers = bridge.posts[0]
    assert validator.validate("https://bridge.example/twilio/voice", form, headers["x-twilio-signature"])
    assert validator.validate(f"wss://bridge.example{token}", {}, bridge.upgrades[0]["x-twilio-signature"])


async def test_the_stream_speaks_as_twilio_does(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    report = await place(bridge, chatter(0.2))
    messages = bridge.conversation.messages
    assert [message["event"] for message in messages] == ["connected", "start", *["media"] * 10, "stop"]
    start = messages[1]["start"]
    assert start["customParameters"] == {"call_id": "call-1", "persona": "tester"}
    assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert start["callSid"] == report.ids.call_sid
    assert [message["sequenceNumber"] for message in messages[1:]] == [str(n) for n in range(1, 13)]
    media = [message["media"] for message in messages[2:-1]]
    assert [one["chunk"] for one in media] == [str(n) for n in range(1, 11)]
    assert [one["timestamp"] for one in media] == [str(20 * n) for n in range(1, 11)]
    assert {len(one["payload"]) for one in media} == {216}
    assert (report.call_id, report.persona, report.seconds) == ("call-1", "tester", 0.2)


async def test_what_is_sent_is_played_in_order_in_packets(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("start")
        for piece in (b"\x01" * 100, b"\x02" * 60, b"\x03" * 200):
            await talk.media(piece)
        await talk.until("stop")

    caller = silent(30)
    report = await place(scripted(talk), caller)
    played = [piece for piece in caller.heard if piece]
    assert max(map(len, played)) <= 160
    assert b"".join(played) == b"\x01" * 100 + b"\x02" * 60 + b"\x03" * 200
    assert report.heard.replace(b"\xff", b"") == b"".join(played)
    assert len(report.heard) == len(report.said) + 160


async def test_a_mark_comes_back_once_everything_before_it_has_been_played(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("start")
        await talk.mark("g0:m0")
        await talk.until("mark")
        await talk.media(LOUD)
        await talk.mark("g0:m1")
        await talk.until("mark")
        await talk.until("stop")

    caller = silent(40)
    bridge = scripted(talk)
    report = await place(bridge, caller)
    events = [message["event"] for message in bridge.conversation.messages]
    first, second = (at for at, event in enumerate(events) if event == "mark")
    # Four packets play the audio, and the fifth moment finds them played.
    assert events[first:second].count("media") >= 4
    assert [one["mark"]["name"] for one in bridge.conversation.of("mark")] == ["g0:m0", "g0:m1"]
    assert sum(map(len, caller.heard)) == 640
    assert report.marks == 2


async def test_clear_empties_the_buffer_and_returns_every_pending_mark_at_once(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("start")
        for number in range(3):
            await talk.media(LOUD * 100)
            await talk.mark(f"g0:m{number}")
        await talk.until("media")
        await talk.send("clear")
        for _ in range(3):
            await talk.until("mark")
        await talk.until("stop")

    caller = silent(30)
    bridge = scripted(talk)
    report = await place(bridge, caller)
    assert [one["mark"]["name"] for one in bridge.conversation.of("mark")] == ["g0:m0", "g0:m1", "g0:m2"]
    assert report.clears == 1
    assert report.unplayed_ms == 0
    assert sum(map(len, caller.heard)) < 640 * 300
    assert report.ended == "caller_hung_up"


async def test_keys_are_reported_between_the_packets(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    await place(bridge, Moments([Step(), Step(digits="1#"), Step()]))
    events = [message["event"] for message in bridge.conversation.messages]
    assert events == ["connected", "start", "media", "dtmf", "dtmf", "media", "media", "stop"]
    assert [one["dtmf"]["digit"] for one in bridge.conversation.of("dtmf")] == ["1", "#"]


async def test_lost_packets_leave_a_gap_in_the_timestamps_and_nowhere_else(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    report = await place(bridge, chatter(1.0), loss=0.3, seed=3)
    media = [message["media"] for message in bridge.conversation.of("media")]
    assert 20 < len(media) < 48
    assert [int(one["chunk"]) for one in media] == list(range(1, len(media) + 1))
    times = [int(one["timestamp"]) for one in media]
    assert times == sorted(set(times))
    assert any(later - earlier > 20 for earlier, later in pairwise(times))
    assert report.seconds == 1.0


async def test_a_jittery_line_keeps_the_order_and_loses_nothing(scripted: Any, place: Any, echoing: Any) -> None:
    bridge = scripted(echoing)
    report = await place(bridge, chatter(0.8), jitter_ms=60, seed=1, settle_s=5)
    times = [int(message["media"]["timestamp"]) for message in bridge.conversation.of("media")]
    assert times == [20 * n for n in range(1, 41)]
    assert (report.frames, report.expected_frames) == (10, 10)
    assert report.complete


async def test_the_same_seed_loses_the_same_packets(scripted: Any, place: Any) -> None:
    async def times(seed: int) -> list[str]:
        bridge = scripted(until_stop)
        await place(bridge, chatter(0.4), loss=0.4, seed=seed)
        return [message["media"]["timestamp"] for message in bridge.conversation.of("media")]

    assert await times(7) == await times(7) != await times(8)


async def test_frames_are_counted_against_the_callers_timeline_whatever_is_lost(
    scripted: Any, place: Any, echoing: Any
) -> None:
    report = await place(scripted(echoing), chatter(1.6), loss=0.2, seed=2, settle_s=5)
    assert report.frames == report.expected_frames == len(report.late_ms)
    assert report.complete


async def test_a_bridge_that_withholds_a_frame_leaves_the_call_incomplete(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("start")
        await talk.media(LOUD)
        await talk.until("stop")

    report = await place(scripted(talk), chatter(0.3), settle_s=0.05)
    assert (report.frames, report.expected_frames) == (1, 3)
    assert not report.complete


async def test_after_the_bridge_closes_the_call_goes_on_at_the_action(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("media")
        await talk.media(LOUD)
        await talk.socket.close(1000, "transfer")

    bridge = scripted(talk)
    report = await place(bridge, silent(500))
    assert report.ended == "server_closed"
    assert report.close_code == 1000
    assert [(verb.name, verb.text) for verb in report.after] == [("Dial", "+12025550111")]
    form = next(form for url, form, _ in bridge.posts if url.endswith("/after"))
    assert (form["CallSid"], form["CallStatus"]) == (report.ids.call_sid, "in-progress")


async def test_without_an_action_the_next_verbs_run_and_redirects_are_followed(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("start")
        await talk.socket.close()

    bridge = scripted(talk, after="<Response><Say>Goodbye.</Say><Hangup/></Response>")
    bridge.twiml = lambda b: (
        f'<Response><Connect><Stream url="{b.stream_url}"/></Connect><Redirect>/twilio/after</Redirect></Response>'
    )
    report = await place(bridge, silent(500))
    assert [(verb.name, verb.text) for verb in report.after] == [
        ("Redirect", "/twilio/after"),
        ("Say", "Goodbye."),
        ("Hangup", ""),
    ]


async def test_a_stream_that_cannot_be_opened_is_reported_and_the_next_verbs_run(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop, refuse_streams=True)
    report = await place(bridge, silent(5))
    assert report.ended == "stream_failed"
    assert report.problems[0].startswith("31920:")
    assert "403" in report.problems[0]
    assert [verb.name for verb in report.after] == ["Say", "Hangup"]
    states = [form["StreamEvent"] for url, form, _ in bridge.posts if url.endswith("stream-status")]
    assert states == ["stream-error"]


async def test_the_streams_state_is_reported_to_its_status_callback(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    await place(bridge, silent(5))
    forms = [form for url, form, _ in bridge.posts if url.endswith("stream-status")]
    assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
    assert {form["StreamName"] for form in forms} == {"s1"}


async def test_what_is_played_before_a_stream_is_heard_and_takes_its_time(scripted: Any, place: Any) -> None:
    wav = stereo_wav(LOUD, LOUD)
    again = "<Play>/sound</Play><Redirect>/twilio/again</Redirect>"
    bridge = scripted(until_stop, sound=(wav, "audio/x-wav"))
    rounds = 30  # more than redirects may follow on one another where no time passes

    def twiml(b: Any) -> str:
        connect = f'<Connect><Stream url="{b.stream_url}"/></Connect>'
        return f"<Response>{again if len(b.posts) <= rounds else connect}</Response>"

    bridge.twiml = twiml
    report = await place(bridge, silent(5), play_s=0.01)
    assert report.ended == "caller_hung_up"
    assert [verb.name for verb in report.after] == ["Play", "Redirect"] * rounds
    assert len(report.played) >= rounds * 80
    assert report.played[:80] == LOUD[:80]


async def test_something_else_than_sound_cannot_be_played(scripted: Any, place: Any) -> None:
    for sound, complaint in (((b"<html/>", "text/html"), "content type 'text/html'"), ((b"", "audio/wav"), "WAV")):
        bridge = scripted(until_stop, sound=sound)
        bridge.twiml = lambda b: "<Response><Play>/sound</Play></Response>"
        with pytest.raises(CallError, match=complaint) as caught:
            await place(bridge, silent(1))
        assert caught.value.code == 13420


async def test_twiml_without_a_stream_is_a_call_that_was_not_connected(scripted: Any, place: Any) -> None:
    bridge = scripted(until_stop)
    bridge.twiml = lambda b: "<Response><Say>This number is not in service.</Say><Hangup/></Response>"
    report = await place(bridge, silent(5))
    assert report.ended == "not_connected"
    assert [verb.text for verb in report.after] == ["This number is not in service.", ""]


@pytest.mark.parametrize(
    ("status", "content_type", "body", "complaint"),
    [
        (403, "text/xml", "<Response/>", "TWILIO_AUTH_TOKEN"),
        (500, "text/xml", "", "500"),
        (200, "application/json", "{}", "content type"),
        (200, "text/xml", "<Response><Connect/></Response>", "exactly one <Stream>"),
    ],
)
async def test_an_answer_that_twilio_would_not_take_is_an_error(
    scripted: Any, place: Any, status: int, content_type: str, body: str, complaint: str
) -> None:
    bridge = scripted(until_stop, status=status, content_type=content_type)
    bridge.twiml = lambda b: body
    with pytest.raises(CallError, match=complaint):
        await place(bridge, silent(5))


async def test_messages_that_twilio_does_not_take_are_listed_and_the_call_goes_on(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("start")
        await talk.socket.send_bytes(LOUD)
        await talk.socket.send_text("{")
        await talk.send("hello")
        await talk.send("media")
        await talk.socket.send_text('{"event":"clear","streamSid":"MZ0"}')
        await talk.until("stop")

    report = await place(scripted(talk), silent(20))
    assert [problem[:5] for problem in report.problems] == ["31950", "31951", "31950", "31951", "31951"]
    assert report.ended == "caller_hung_up"
    assert report.clears == 0


async def test_a_bridge_that_vanishes_ends_the_call_with_a_problem(scripted: Any, place: Any) -> None:
    async def talk(talk: Any) -> None:
        await talk.until("media")
        await talk.socket.close(1011, "an error of the bridge")

    report = await place(scripted(talk), silent(500))
    assert report.ended == "server_closed"
    assert report.close_code == 1011
    assert report.problems[0].startswith("31921:")


async def test_a_server_that_is_not_there_is_an_error_in_words(place: Any, scripted: Any) -> None:
    bridge = scripted(until_stop)
    bridge.twiml = lambda b: "<Response><Redirect>http://127.0.0.1:9/nobody</Redirect></Response>"
    with pytest.raises(CallError, match="could not be reached"):
        await place(bridge, silent(1))


def test_silence_is_a_packet_of_mu_law_silence() -> None:
    assert SILENCE.ulaw == b"\xff" * 160
