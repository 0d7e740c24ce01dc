"""Callers for whom there is no slot: a busy line, music on hold with their place, another place that takes the call."""

import asyncio
import os
import signal

import numpy as np

from bridge.audio import mulaw
from bridge.audio.music import LEVEL_DB
from bridge.caller.carrier import PhoneCall, Step
from bridge.caller.recording import packet
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client
from bridge.transcript.records import Ended

from .phone import TOKEN, Phone, until, whole_stream

SHOP = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
numbers: ["+12025550111"]
greeting: Corner Shop, hello.
refusal: I can't talk about that.
transfer: "+12025550112"
"""
HOLD = SHOP + "when_full: {action: hold, longest_wait: 30}\n"
BUZZ = packet((b"\x10" * 8 + b"\x90" * 8) * 10)


class Clock:
    """The queue's clock, turned by the test."""

    def __init__(self, server):
        self.now = 1000.0
        server.switchboard.queue._clock = self

    def __call__(self):
        return self.now


class Caller:
    """Talks for a while, and on until told to hang up."""

    def __init__(self):
        self.done = asyncio.Event()
        self.left = 15

    def step(self, heard):
        self.left -= 1
        return Step(BUZZ, hang_up=self.left < 0 and self.done.is_set())


def said(response):
    return [say.text for say in response.findall("Say")]


async def end_of(phone):
    """How the record of a call without a stream ends, once it is on the disk."""
    await phone.over()
    await until((phone.server.settings.data_dir / phone.row.transcript).exists)
    await until(lambda: any(isinstance(record, Ended) for record in phone.records))
    record = next(record for record in phone.records if isinstance(record, Ended))
    return record.how, record.reason


async def on_hold(server, http, sid, **form):
    """A caller on hold, and where they ask next."""
    phone = Phone(server, http, sid, **form)
    response, verbs = await phone.ask("/twilio/voice")
    assert verbs[-2:] == ["Play", "Redirect"], verbs
    return phone, path_of(server, response)


def path_of(server, response):
    url = response.find("Redirect").text
    assert url.startswith(server.public_url)
    return url.removeprefix(server.public_url)


async def ask(server, phone, path):
    """The next answer to a caller on hold: its lines, verbs and the path to ask at after it."""
    response, verbs = await phone.ask(path)
    return said(response), verbs, path_of(server, response) if "Redirect" in verbs else response


# -- the whole of it, over real sockets


async def test_callers_on_hold_hear_their_place_and_music_and_are_seated_in_the_order_in_which_they_came(serve):
    async with serve(personas={"shop": HOLD}, slots=2) as server:
        callers = [Caller() for _ in range(4)]
        seated, calls, reports = [], {}, {}
        ticker = Ticker()

        async def place(number):
            def connected(call_id):
                seated.append(number)

            line = Line(server.local_url, to="+12025550111", caller=f"+1202555010{number}", play_s=0.15)
            calls[number] = PhoneCall(line, callers[number], ticker, client, on_connected=connected)
            reports[number] = await calls[number].run()

        async with http_client(server.local_url) as client, ticker.running(), asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(place(number))
                await until(lambda count=number + 1: len(seated) + len(server.switchboard.queue) == count)
            assert seated == [0, 1]
            await asyncio.sleep(0.5)  # some rounds of music
            callers[1].done.set()
            await until(lambda: len(seated) == 3)
            await until(lambda: "You are number 1." in [verb.text for verb in calls[3]._done])
            callers[0].done.set()
            await until(lambda: len(seated) == 4)
            for caller in callers:
                caller.done.set()

        assert seated == [0, 1, 2, 3]
        for number, report in reports.items():
            assert (report.ended, report.problems) == ("caller_hung_up", ())
            assert report.frames
            waited = [verb.name for verb in report.after]
            assert bool(waited) == (number > 1)
            # A caller on hold hears music in each round: between two questions there is never silence.
            assert waited.count("Play") == waited.count("Redirect")
            if number > 1:
                heard = mulaw.decode_float(report.played)
                assert len(heard) > 1000
                assert 20 * np.log10(np.sqrt(np.mean(heard**2))) > LEVEL_DB - 12
        lines = [verb.text for verb in reports[3].after if verb.name == "Say"]
        assert lines[:2] == ["All our lines are busy. Please hold the line.", "You are number 2."]
        assert lines[-1] == "You are number 1."
        await until(lambda: [entry.ended_how for entry in server.store.list()] == ["caller_hung_up"] * 4)
        assert server.switchboard.queue.counters.seated == 2


# -- one question after the other


async def test_a_place_is_said_at_first_when_it_changes_and_now_and_then(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        await Phone(server, http, "CA1").ring()
        first, _ = await on_hold(server, http, "CA2")
        second, path = await on_hold(server, http, "CA3")
        heard = []
        for _ in range(3):
            lines, _, path = await ask(server, second, path)
            heard.append(lines)
        assert heard == [[], [], ["You are number 2."]]
        await first.post("/twilio/call-status", CallStatus="completed")
        lines, _, path = await ask(server, second, path)
        assert lines == ["You are number 1."]
        assert (await ask(server, second, path))[0] == []


async def test_whoever_comes_when_a_slot_is_free_does_not_overtake_those_on_hold(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        talking = Phone(server, http, "CA1")
        address = await talking.ring()
        waiting, path = await on_hold(server, http, "CA2")
        await whole_stream(talking, address)
        await until(lambda: server.switchboard.free == 1)
        late, late_path = await on_hold(server, http, "CA3")
        assert (await ask(server, late, late_path))[1][-1] == "Redirect"
        _, verbs, response = await ask(server, waiting, path)
        assert verbs[0] == "Connect"
        await whole_stream(waiting, response.find("Connect/Stream").attrib["url"])
        await waiting.over()
        assert waiting.row.ended_how == "caller_hung_up"


async def test_a_slot_whose_caller_never_comes_goes_to_the_next_on_hold(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1, stream_token_seconds=0.2) as server:
        await Phone(server, http, "CA1").ring()
        first, first_path = await on_hold(server, http, "CA2")
        second, path = await on_hold(server, http, "CA3")
        await until(lambda: server.switchboard.free == 1)
        assert (await ask(server, first, first_path))[1][0] == "Connect"
        path = (await ask(server, second, path))[2]
        await until(lambda: server.switchboard.free == 1)  # the first one hung up instead
        assert (await ask(server, second, path))[1][0] == "Connect"
        await first.over()
        assert first.row.ended_how == "never_connected"


async def test_the_same_question_twice_is_answered_the_same_and_seats_nobody_twice(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        talking = Phone(server, http, "CA1")
        address = await talking.ring()
        waiting, path = await on_hold(server, http, "CA2")
        again = [(await waiting.post(path)).text for _ in range(2)]
        assert again[0] == again[1]
        await whole_stream(talking, address)
        await until(lambda: server.switchboard.free == 1)
        path = path_of(server, (await waiting.ask(path))[0])
        seats = [(await waiting.post(path)).text for _ in range(2)]
        assert "<Connect" in seats[0]
        assert seats[0] == seats[1]
        assert server.switchboard.tokens.outstanding == 1


async def test_a_question_that_twilio_did_not_sign_is_refused_and_the_music_is_for_everybody(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1, twilio_auth_token=TOKEN) as server:
        await Phone(server, http, "CA1").ring()
        waiting, path = await on_hold(server, http, "CA2")
        assert (await waiting.post(path, headers={"X-Twilio-Signature": "forged"})).status_code == 403
        assert (await ask(server, waiting, path))[1][-1] == "Redirect"
        music = await http.get(f"{server.local_url}/twilio/hold-music.wav")
        assert (music.status_code, music.headers["content-type"]) == (200, "audio/wav")
        assert (len(music.content) - 44) / 16_000 == 8


async def test_the_persona_and_the_recording_that_the_address_asked_for_are_kept_while_on_hold(serve, http):
    async with serve(personas={"shop": HOLD.replace("numbers:", "#")}, slots=1, record=False) as server:
        talking = Phone(server, http, "CA1")
        response, _ = await talking.ask("/twilio/voice?persona=shop")
        waiting = Phone(server, http, "CA2")
        response, verbs = await waiting.ask("/twilio/voice?persona=shop&record=1")
        await talking.post("/twilio/call-status", CallStatus="completed")
        response, verbs = await waiting.ask(path_of(server, response))
        assert verbs[0] == "Connect"
        [ticket] = server.switchboard.tokens.tickets
        assert (ticket.persona.name, ticket.record) == ("shop", True)


# -- how a wait ends


async def test_a_caller_who_hangs_up_on_hold_leaves_at_once_and_has_a_record(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        await Phone(server, http, "CA1").ring()
        waiting, _ = await on_hold(server, http, "CA2")
        await waiting.post("/twilio/call-status", CallStatus="completed", CallDuration="9")
        assert not server.switchboard.queue
        await waiting.over()
        assert waiting.row.ended_how == "caller_hung_up"


async def test_a_caller_who_does_not_come_back_is_gone_and_has_a_record(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        clock = Clock(server)
        await Phone(server, http, "CA1").ring()
        waiting, _ = await on_hold(server, http, "CA2")
        clock.now += 60
        server.switchboard.give_up_gone()
        assert await end_of(waiting) == ("caller_hung_up", "the caller hung up while on hold")


async def test_a_wait_has_an_end_and_then_the_caller_hears_the_busy_line_and_reaches_a_person(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        clock = Clock(server)
        await Phone(server, http, "CA1").ring()
        waiting, path = await on_hold(server, http, "CA2")
        clock.now += 20
        path = (await ask(server, waiting, path))[2]
        clock.now += 20
        lines, verbs, _ = await ask(server, waiting, path)
        assert verbs == ["Say", "Dial"]
        assert "busy" in lines[0]
        assert await end_of(waiting) == ("engine_full", "turned away: no slot became free in 40 s on hold")


async def test_the_queue_is_bounded_and_the_next_caller_hears_the_busy_line(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1, queue_length=1) as server:
        await Phone(server, http, "CA1").ring()
        await on_hold(server, http, "CA2")
        _, verbs = await Phone(server, http, "CA3").ask("/twilio/voice")
        assert verbs == ["Say", "Dial"]


async def test_callers_on_hold_count_among_the_calls_of_their_number(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1, calls_per_caller=2) as server:
        await Phone(server, http, "CA1").ring()
        await on_hold(server, http, "CA2")
        assert server.switchboard.calls_from("+12025550100") == 2


async def test_a_caller_who_waited_at_a_server_that_was_restarted_goes_on_waiting(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        await Phone(server, http, "CA1").ring()
        stranger = Phone(server, http, "CA2")
        lines, verbs, _ = await ask(server, stranger, "/twilio/hold?turn=7&place=1")
        assert verbs[-1] == "Redirect"
        assert lines[-1] == "You are number 1."
        assert server.switchboard.queue.place("CA2") == 1


async def test_a_server_that_stops_tells_those_on_hold_and_waits_until_it_has(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        talking = Phone(server, http, "CA1")
        address = await talking.ring()
        waiting, path = await on_hold(server, http, "CA2")
        await whole_stream(talking, address)
        draining = asyncio.create_task(server.switchboard.drain(20))
        await until(lambda: server.switchboard.draining)
        _, verbs, _ = await ask(server, waiting, path)
        assert verbs == ["Say", "Dial"]
        assert await draining
        await waiting.over()
        assert waiting.row.ended_how == "shutdown"


async def test_callers_are_held_while_the_engine_is_being_replaced(serve, http):
    async with serve(personas={"shop": HOLD}) as server:
        os.kill(int(server.engine.details["pid"]), signal.SIGKILL)
        await until(lambda: server.engine.state != "ready")
        waiting, path = await on_hold(server, http, "CA2")
        await until(lambda: server.engine.state == "ready")
        assert (await ask(server, waiting, path))[1][0] == "Connect"


async def test_who_is_on_hold_and_how_long_others_were_can_be_measured(serve, http):
    async with serve(personas={"shop": HOLD}, slots=1) as server:
        clock = Clock(server)
        talking = Phone(server, http, "CA1")
        await talking.ring()
        first, path = await on_hold(server, http, "CA2")
        await on_hold(server, http, "CA3")
        clock.now += 10
        await talking.post("/twilio/call-status", CallStatus="completed")
        await ask(server, first, path)
        assert (await http.get(f"{server.local_url}/health")).json()["on_hold"] == 1
        metrics = (await http.get(f"{server.local_url}/metrics")).text
        for line in (
            "callbridge_callers_on_hold 1.0",
            "callbridge_longest_hold_seconds 10.0",
            'callbridge_holds_total{end="seated"} 1.0',
            'callbridge_hold_seconds_bucket{le="5"} 0.0',
            'callbridge_hold_seconds_bucket{le="15"} 1.0',
            "callbridge_hold_seconds_sum 10.0",
        ):
            assert line in metrics


# -- a busy line of the persona's own, and other places


async def test_the_busy_line_is_the_personas_own(serve, http):
    text = SHOP + "when_full: {busy_say: We are all on the telephone.}\n"
    async with serve(personas={"shop": text}, slots=1) as server:
        await Phone(server, http, "CA1").ring()
        response, verbs = await Phone(server, http, "CA2").ask("/twilio/voice")
        assert (said(response), verbs) == (["We are all on the telephone."], ["Say", "Dial"])


async def test_a_call_can_be_sent_to_another_number(serve, http):
    text = SHOP + "when_full: {action: elsewhere, to: '+12025550177'}\n"
    async with serve(personas={"shop": text}, slots=1) as server:
        await Phone(server, http, "CA1").ring()
        sent = Phone(server, http, "CA2")
        response, verbs = await sent.ask("/twilio/voice")
        assert (verbs, response.find("Dial").text) == (["Dial"], "+12025550177")
        await sent.over()
        assert sent.row.ended_how == "sent_elsewhere"


async def test_a_call_can_be_sent_to_another_bridge_which_does_not_send_it_back(serve, http, tmp_path):
    async with serve(slots=1) as two:
        there = f"{two.local_url}/twilio/voice?persona=shop"
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "shop.yaml").write_text(SHOP + f"when_full: {{action: elsewhere, to: '{there}'}}\n")
        other = {"personas_dir": tmp_path / "one", "data_dir": tmp_path / "one" / "data"}
        async with serve(slots=1, **other) as one, http_client(one.local_url) as client:
            await Phone(one, http, "CA1").ring()
            caller, ticker = Caller(), Ticker()
            async with ticker.running():
                call = PhoneCall(Line(one.local_url, to="+12025550111"), caller, ticker, client)
                placed = asyncio.create_task(call.run())
                await until(lambda: two.engine.open_slots)
                caller.done.set()
                report = await placed
            assert (report.ended, report.problems) == ("caller_hung_up", ())
            assert report.frames

            _, verbs = await Phone(one, http, "CA3").ask("/twilio/voice?sent=1")
            assert verbs == ["Say", "Dial"]
