"""What a real server does when a call is over: webhooks and summaries, over real sockets."""

import asyncio
import json
import threading

import pytest
from typer.testing import CliRunner

from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.recording import packet
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line
from bridge.cli.webhook import app
from bridge.facts.errors import SettingsError
from bridge.server.journal import read_transcript, transcript_name
from bridge.server.webhooks import dispatch, events
from bridge.server.webhooks.outbox import Letter, Outbox
from bridge.server.webhooks.signature import problem
from bridge.transcript.records import Call, CallerSaid, Summary, VerdictRecord, write

SECRET = "0123456789abcdef0123"
VOICE = packet(bytes([0x10, 0x90]) * 80)


class Talker:
    """Speaks for some moments and hangs up."""

    def __init__(self, moments):
        self.left = moments

    def step(self, heard):
        self.left -= 1
        return Step(VOICE, hang_up=self.left == 0)


async def call(server, http, moments=15, says=None):
    """Place a call; `says` is a record that the engine, had it ears, would have brought about."""
    ticker = Ticker()
    async with ticker.running():
        line = Line(server.local_url, persona="shop")
        placed = asyncio.create_task(PhoneCall(line, Talker(moments), ticker, http, keep_audio=False).run())
        if says:
            await until(lambda: server.switchboard.live)
            [live] = server.switchboard.live.values()
            live.write(says)
        return await placed


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def said(pieces):
    data = json.dumps({"choices": [{"delta": {"content": pieces}}]})
    return 200, {"Content-Type": "text/event-stream"}, f"data: {data}\n\ndata: [DONE]\n\n".encode()


@pytest.fixture
def told(serve, monkeypatch):
    """A server that tells a receiver of its calls, and is not patient."""
    monkeypatch.setattr(dispatch, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(dispatch, "LOOK_SECONDS", 0.05)
    return lambda receiver, **more: serve(webhook_url=receiver.url, webhook_secret=SECRET, **more)


async def test_the_end_of_a_call_is_told_signed_and_with_a_link_that_works(told, receive, http):
    async with receive(500, 200) as receiver, told(receiver, redact=True) as server:
        await call(server, http)
        await receiver.until(1)
        await receiver.until(2)
        for request in receiver.requests:
            at = int(request.headers["callbridge-signature"][2:].partition(",")[0])
            assert problem(SECRET, request.body, request.headers["callbridge-signature"], at) == ""
        body = receiver.requests[0].json
        assert body == receiver.requests[1].json
        assert body["event"] == "call.ended"
        assert body["id"] == receiver.requests[1].headers["callbridge-id"]
        assert body["call"]["ended"] == "caller_hung_up"
        assert body["call"]["from"] == "[number ending 99]"
        headers = {"Authorization": f"Bearer {server.api_key}"}
        assert (await http.get(body["transcript_url"], headers=headers)).json()["call_id"] == body["call"]["call_id"]
        await until(lambda: not server.afterwards.office.outbox.waiting())
        metrics = (await http.get(f"{server.local_url}/metrics")).text
        assert "callbridge_webhooks_delivered_total 1.0" in metrics
        assert "callbridge_webhooks_failed_total 1.0" in metrics


async def test_the_body_of_a_webhook_is_not_made_in_the_event_loop(told, receive, http, monkeypatch):
    makers, made = [], events.call_ended

    def noting(*arguments):
        makers.append(threading.current_thread())
        return made(*arguments)

    monkeypatch.setattr(events, "call_ended", noting)
    async with receive() as receiver, told(receiver) as server:
        await call(server, http)
        await until(lambda: makers)
    assert threading.main_thread() not in makers


async def test_a_call_that_never_began_is_told_as_well(told, receive, http):
    async with (
        receive(200) as receiver,
        told(receiver, stream_token_seconds=0.1) as server,
    ):
        form = {"CallSid": "CA1", "From": "+12025550100", "To": "+12025550111"}
        await http.post(f"{server.local_url}/twilio/voice", data=form)
        await receiver.until(1)
    assert receiver.requests[0].json["call"]["ended"] == "never_connected"


async def test_a_receiver_that_hangs_delays_no_call_and_its_message_waits_for_the_next_start(told, receive, http):
    async with receive("hang") as receiver:
        async with told(receiver) as server:
            await call(server, http)
            await receiver.until(1)
            async with asyncio.timeout(5):
                assert (await call(server, http)).ended == "caller_hung_up"
            await until(lambda: len(server.afterwards.office.outbox.waiting()) == 2)
        receiver.answers = [200]
        async with told(receiver) as server:
            await until(lambda: not server.afterwards.office.outbox.waiting())
    ids = [request.headers["callbridge-id"] for request in receiver.requests]
    assert len(set(ids)) == 2
    assert set(ids[-2:]) == set(ids)


async def test_verdicts_are_told_as_they_fall_where_that_is_wanted(told, receive, http):
    async with receive(200) as receiver, told(receiver, webhook_verdicts=True) as server:
        ticker = Ticker()
        async with ticker.running():
            line = Line(server.local_url, persona="shop")
            going_on = asyncio.create_task(PhoneCall(line, Talker(60), ticker, http, keep_audio=False).run())
            await until(lambda: server.switchboard.live)
            [live] = server.switchboard.live.values()
            live.write(VerdictRecord("ibuprofen", "medicine", "agent", "refuse", 200, "Take two"))
            await receiver.until(1)
            assert server.switchboard.live
            await going_on
        await receiver.until(2)
    first, second = (request.json for request in receiver.requests)
    assert (first["event"], first["verdict"]["topic"]) == ("gate.verdict", "medicine")
    assert (second["event"], len(second["verdicts"])) == ("call.ended", 1)


async def test_a_summary_goes_into_the_transcript_and_the_webhook(told, receive, http):
    async with receive(200) as receiver, receive(said("They asked for 202-555-0143.")) as llm:
        url = f"http://127.0.0.1:{llm.port}/v1"
        async with told(receiver, llm_base_url=url, redact=True) as server:
            await call(server, http, 30, says=CallerSaid("Who else sells bread?", 100, 200))
            await receiver.until(1)
            assert receiver.requests[0].json["summary"] == "They asked for [number ending 43]."
            [entry] = server.store.list()
            await until(lambda: b"summary" in (server.settings.data_dir / entry.transcript).read_bytes())
            records = read_transcript(server.settings.data_dir, entry.transcript).records
            assert records[-1] == Summary("They asked for [number ending 43].")
            headers = {"Authorization": f"Bearer {server.api_key}"}
            shown = await http.get(f"{server.local_url}/api/calls/{entry.call_id}", headers=headers)
            assert shown.json()["summary"] == "They asked for [number ending 43]."


async def test_a_webhook_goes_without_a_summary_where_the_endpoint_fails(told, receive, http, caplog):
    async with receive(200) as receiver, receive(500) as llm:
        url = f"http://127.0.0.1:{llm.port}/v1"
        async with told(receiver, llm_base_url=url) as server:
            await call(server, http, 30, says=CallerSaid("Heliotrope?", 100, 200))
            await receiver.until(1)
    assert receiver.requests[0].json["summary"] is None
    assert "has no summary: 127.0.0.1 refused with status 500" in caplog.text
    assert "Heliotrope" not in caplog.text


async def test_a_call_that_the_death_of_a_process_cut_off_is_told_by_the_next(told, receive, http, tmp_path):
    cut_off = Call(
        "a" * 16, "shop", "+12025550143", "+12025550111", "twilio", "CA9", "2026-01-31T09:30:00.000Z", "echo"
    )
    async with receive(200) as receiver:
        async with told(receiver) as server:
            name = transcript_name(cut_off.call_id, cut_off.started_at)
            server.store.begin(cut_off, name)
            (server.settings.data_dir / name).parent.mkdir(parents=True)
            (server.settings.data_dir / name).write_bytes(write([cut_off, CallerSaid("Hello", 0, 800)]))
        async with told(receiver):
            await receiver.until(1)
        async with told(receiver):
            pass
    [request] = receiver.requests
    assert (request.json["call"]["call_id"], request.json["call"]["ended"]) == ("a" * 16, "interrupted")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"webhook_url": "https://crm.example.com/"}, "WEBHOOK_SECRET of at least 16 characters"),
        ({"webhook_url": "https://crm.example.com/", "webhook_secret": "short"}, "openssl rand"),
        ({"webhook_url": "crm.example.com", "webhook_secret": SECRET}, "not an http address"),
    ],
)
async def test_a_receiver_that_cannot_be_used_is_told_at_start(serve, settings, words):
    with pytest.raises(SettingsError, match=words):
        async with serve(**settings):
            pass


# -- the command


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Run `callbridge webhook` beside what goes on in the test's loop."""

    def run(receiver, *arguments):
        monkeypatch.setenv("WEBHOOK_URL", receiver.url)
        monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
        monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
        return asyncio.to_thread(CliRunner().invoke, app, list(arguments))

    return run


async def test_a_test_message_says_whether_it_was_taken(receive, command):
    async with receive(200, 401) as receiver:
        taken, refused = await command(receiver, "test"), await command(receiver, "test", "--json")
    assert (taken.exit_code, refused.exit_code) == (0, 1)
    assert "Taken after" in taken.stdout
    assert json.loads(refused.stdout)["error"] == "127.0.0.1 answered 401; check WEBHOOK_SECRET"
    assert receiver.requests[0].json["event"] == "webhook.test"
    assert SECRET not in taken.stdout + taken.stderr + refused.stdout + refused.stderr


async def test_dead_letters_are_listed_and_sent_again_by_the_running_server(told, receive, http, command):
    async with receive(200) as receiver, told(receiver) as server:
        await call(server, http)
        await receiver.until(1)
        await until(lambda: not server.afterwards.office.outbox.waiting())
        outbox = Outbox(server.settings.data_dir)
        letter = given_up(receiver.requests[0])
        outbox.bury(letter)
        listed = json.loads((await command(receiver, "dead", "--json")).stdout)
        assert [dead["id"] for dead in listed["dead"]] == [letter.id]
        assert "500" in (await command(receiver, "dead")).stdout
        unknown = await command(receiver, "resend", "999")
        assert "callbridge webhook dead" in str(unknown.exception)
        again = await command(receiver, "resend", letter.id[:20])
        assert "1 in the queue again" in again.stdout
        await receiver.until(2)
        assert receiver.requests[1].json == receiver.requests[0].json
        assert outbox.dead_letters() == []


def given_up(request):
    """The letter of a request, as it were if nobody had taken it."""
    body = request.json
    return Letter(body["id"], body["event"], body["call"]["call_id"], body, 16, 0.0, "127.0.0.1 answered 500")
