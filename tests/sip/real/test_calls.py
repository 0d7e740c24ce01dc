"""Calls through a real Asterisk, from a real SIPp, with media of our own that is measured packet by packet."""

import asyncio
import statistics

import pytest

from bridge.audio import mulaw
from bridge.caller.recording import bundled
from bridge.server.journal import read_transcript
from bridge.transcript.records import AgentSaid, CallerSaid, DigitPressed

from .conftest import bridge_that, connected
from .rtp import PCMA, lost, out_of_order, spacings_ms
from .sipp import ACK, BYE, RINGING, answered, asked, expect, invite, pause, request, sdp

TRIED = (
    request("NOTIFY", sequence=7, more="Event: refer\nSubscription-State: terminated\n")
    .replace("Content-Length: [len]\n\n", "Content-Type: message/sipfrag\nContent-Length: [len]\n\nSIP/2.0 200 OK\n")
    + expect(200)
)  # fmt: skip
"""The trunk says that the person has been reached."""

TONE = (bytes([0x10]) * 8 + bytes([0x90]) * 8) * 10
"""20 ms of a 500 Hz square wave."""

pytestmark = pytest.mark.sip


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def records_of(server):
    (entry,) = server.store.list()
    return read_transcript(server.settings.data_dir, entry.transcript).records


def loudness(ulaw):
    return float(abs(mulaw.decode_float(ulaw)).mean()) if ulaw else 0.0


async def test_a_caller_is_heard_and_hears_the_persona(bridge, caller, media):
    """Through the CPU engine: the transcript proves what was understood, the media that it was answered."""
    async with bridge(engine="cascade") as server:
        end = media()
        calling = asyncio.create_task(caller.call(answered(sdp(end)), pause(11), BYE, seconds=25))
        await connected(caller, end)
        await asyncio.sleep(4)
        end.play(b"".join(packet.ulaw for packet in bundled(["u02"])[0].packets))
        good, _ = await calling
        assert good
        await until(lambda: not server.switchboard.calls)
        records = records_of(server)
        heard = " ".join(record.text for record in records if isinstance(record, CallerSaid)).lower()
        assert "hours" in heard, records
        said = "".join(record.text for record in records if isinstance(record, AgentSaid))
        assert "Corner Shop" in said
        assert "nine to five" in said
        assert loudness(end.audio) > 0.01


async def test_a_caller_who_gives_up_while_it_rings_ends_the_channel(asterisk, caller, media):
    """The bridge answers at once; so that it still rings when CANCEL comes, one that never answers stands in."""
    closed = asyncio.Event()

    async def never_answer(socket):
        async for _ in socket:
            pass
        closed.set()

    async with bridge_that(never_answer, asterisk):
        end = media()
        cancel = request("CANCEL", to_tag="", branch="-3")  # that of the INVITE, three steps before
        good, messages = await caller.call(
            invite(sdp(end)), expect(100, optional=True), expect(180), cancel, expect(200), expect(487), ACK
        )
        assert good, messages
        async with asyncio.timeout(5):
            await closed.wait()


async def test_options_are_answered(bridge, caller):
    async with bridge():
        good, messages = await caller.call(request("OPTIONS", to_tag=""), expect(200))
        assert good, messages


async def test_a_name_and_password_let_a_pbx_call(bridge, caller, media):
    async with bridge() as server:
        end = media(host="127.0.0.5")
        steps = (invite(sdp(end)), expect(100, optional=True), expect(401, auth=True), ACK,
                 invite(sdp(end), more="[authentication username=pbx password=k2Jh8sQpL0xR-a]\n", sequence=2),
                 RINGING, expect(200), request("ACK", sequence=2), pause(0.5), BYE)  # fmt: skip
        good, messages = await caller.call(*steps, host="127.0.0.5")
        assert good, messages
        await until(lambda: not server.switchboard.calls)
        assert len(server.store.list()) == 1


async def test_a_wrong_password_and_a_stranger_get_401_and_no_call(bridge, caller, media):
    async with bridge() as server:
        end = media(host="127.0.0.5")
        wrong = "[authentication username=pbx password=not-this-one]\n"
        good, messages = await caller.call(
            invite(sdp(end)), expect(100, optional=True), expect(401, auth=True), ACK,
            invite(sdp(end), more=wrong, sequence=2), expect(100, optional=True), expect(401),
            request("ACK", sequence=2), host="127.0.0.5",
        )  # fmt: skip
        assert good, messages
        good, messages = await caller.call(
            invite(sdp(end)), expect(100, optional=True), expect(401), ACK, host="127.0.0.6"
        )
        assert good, messages
        assert server.store.list() == []


async def test_a_trunk_beyond_its_calls_and_a_number_of_nobody_fail_over_and_do_not_ring(bridge, caller, media):
    async with bridge() as server:
        end = media()
        good, messages = await caller.call(
            invite(sdp(end), number="+12025550999"), RINGING, expect(404), ACK.replace("+12025550111", "+12025550999")
        )
        assert good, messages
        assert server.store.list() == []


async def test_hold_and_resume(bridge, caller, media):
    """A held caller sends nothing and is told nothing; when he comes back he is heard again."""
    async with bridge() as server:
        end = media()
        hold = invite(sdp(end, direction="sendonly"), sequence=2, to_tag="[peer_tag_param]")
        resume = invite(sdp(end), sequence=3, to_tag="[peer_tag_param]")
        calling = asyncio.create_task(
            caller.call(
                answered(sdp(end)), pause(0.5), hold, expect(100, optional=True), expect(200),
                request("ACK", sequence=2), pause(1.5), resume, expect(100, optional=True), expect(200),
                request("ACK", sequence=3), pause(1), BYE,
            )
        )  # fmt: skip
        await connected(caller, end)
        end.muted = True
        await asyncio.sleep(2)
        assert server.switchboard.calls == 1
        end.muted = False
        before = len(end.received)
        end.play(TONE * 50)
        good, messages = await calling
        assert good, messages
        assert loudness(b"".join(packet.payload for packet in end.received[before:])) > 0.05


async def test_a_session_timer_is_agreed_on(bridge, caller, media):
    async with bridge():
        end = media()
        timer = "Supported: timer\nSession-Expires: 1800;refresher=uac\nMin-SE: 90\n"
        good, messages = await caller.call(answered(sdp(end), more=timer), pause(0.2), BYE)
        assert good
        assert "Session-Expires: 1800;refresher=uac" in messages.split("SIP/2.0 200")[1]


async def test_a_late_offer_is_answered(bridge, caller, media):
    """INVITE without SDP: the offer comes in the 200, the answer in the ACK."""
    async with bridge():
        end = media()
        good, messages = await caller.call(
            invite(""), RINGING, expect(200), request("ACK", body=sdp(end)), pause(0.5), BYE
        )
        assert good, messages
        assert "m=audio" in messages.split("SIP/2.0 200")[1]


async def test_a_law_alone_is_taken_and_translated(bridge, caller, media):
    async with bridge():
        end = media(kind=PCMA)
        calling = asyncio.create_task(caller.call(answered(sdp(end, kinds=(8,))), pause(2), BYE))
        await connected(caller, end)
        end.play((bytes([0x25]) * 8 + bytes([0xA5]) * 8) * 10 * 60)
        good, messages = await calling
        assert good, messages
        assert {packet.kind for packet in end.received} == {PCMA}
        assert len(set(end.audio)) > 8, "the echo of the tone never came"


async def test_g729_alone_is_refused_with_488(bridge, caller, media):
    async with bridge() as server:
        end = media()
        good, messages = await caller.call(invite(sdp(end, kinds=(18,))), expect(100, optional=True), expect(488), ACK)
        assert good, messages
        assert server.store.list() == []


async def test_keys_arrive_as_events_and_as_info(bridge, caller, media):
    async with bridge() as server:
        end = media()
        info = request("INFO", body="Signal=7\nDuration=160\n", sequence=5) + expect(200)
        calling = asyncio.create_task(caller.call(answered(sdp(end)), pause(1.5), info, pause(0.5), BYE))
        await connected(caller, end)
        await asyncio.sleep(0.4)
        end.press("5")
        await asyncio.sleep(0.4)
        end.press("#")
        good, messages = await calling
        assert good, messages
        await until(lambda: not server.switchboard.calls)
        digits = [record.digit for record in records_of(server) if isinstance(record, DigitPressed)]
        assert sorted(digits) == ["#", "5", "7"]


async def test_a_caller_behind_a_router_is_answered_where_his_packets_come_from(bridge, caller, media):
    """The SDP names an address that nobody can reach; the media goes to where media comes from."""
    async with bridge():
        end = media()
        calling = asyncio.create_task(
            caller.call(answered(sdp(end, media_ip="127.0.0.99")), pause(2), BYE)
        )  # fmt: skip
        await connected(caller, end)
        end.play(TONE * 60)
        good, messages = await calling
        assert good, messages
        assert loudness(end.audio) > 0.02


async def test_a_call_is_referred_to_a_person_when_the_persona_puts_it_through(bridge, caller, media):
    async with bridge() as server:
        end = media()
        calling = asyncio.create_task(
            caller.call(answered(sdp(end)), asked("REFER").replace("200 OK", "202 Accepted"), TRIED,
                        asked("BYE"), seconds=15)
        )  # fmt: skip
        await until(lambda: any(live.session for live in server.switchboard.live.values()))
        (live,) = server.switchboard.live.values()
        await asyncio.sleep(0.3)
        live.session.stop("transfer", "the caller is put through to a person")
        good, messages = await calling
        assert good, messages
        assert "Refer-To: sip:+12025550112@127.0.0.2" in messages, messages


async def test_a_bridge_that_is_down_answers_503_so_that_the_trunk_fails_over(asterisk, caller, media):
    end = media()
    good, messages = await caller.call(invite(sdp(end)), RINGING, expect(503), ACK)
    assert good, messages


async def test_a_bridge_that_takes_connections_and_says_nothing_is_given_up(asterisk, caller, media):
    taken = []

    async def say_nothing(reader, writer):
        taken.append(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", asterisk.bridge)
    async with server:
        end = media()
        good, messages = await caller.call(invite(sdp(end)), RINGING, expect(503), ACK)
        assert good, messages
        assert taken
        for writer in taken:
            writer.close()


async def test_a_bridge_that_stops_in_the_middle_of_a_call_hangs_up(bridge, caller, media):
    end = media()
    async with bridge():
        calling = asyncio.create_task(caller.call(answered(sdp(end)), asked("BYE"), seconds=15))
        await connected(caller, end)
        await asyncio.sleep(0.5)
    good, messages = await calling
    assert good, messages


async def test_media_leaves_each_20_ms_and_none_is_lost(bridge, caller, media):
    async with bridge():
        end = media()
        calling = asyncio.create_task(caller.call(answered(sdp(end)), pause(4), BYE))
        await connected(caller, end)
        end.play(TONE * 150)
        good, messages = await calling
        assert good, messages
        packets = end.received[5:]
        assert len(packets) > 150
        assert (lost(packets), out_of_order(packets)) == (0, 0)
        assert statistics.median(abs(gap - 20) for gap in spacings_ms(packets)) < 1


CALLING = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
numbers: ["+12025550111"]
greeting: Corner Shop, hello.
refusal: I can't talk about that.
outbound:
  notice: This is an automatic call.
  greeting: Your order is ready.
  timezone: UTC
  days: mon-sun
  hours: 0:00-24:00
  rings: 5
"""
RING_AND_ANSWER = """<recv request="INVITE"/><send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:callee@[local_ip]:[local_port]>
Content-Length: 0

]]></send><send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:callee@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

{body}]]></send><recv request="ACK"/>"""


async def test_a_person_is_called_by_a_trunk_and_talks_with_the_persona(bridge, asterisk, caller, media, http):
    async with bridge(personas={"shop": CALLING}) as server:
        end = media()
        ringing = asyncio.create_task(
            caller.call(RING_AND_ANSWER.format(body=sdp(end)), pause(2), asked("BYE"), seconds=20, port=5060)
        )
        await asyncio.sleep(0.5)
        order = {"to": "+12025550177", "persona": "shop", "trunk": "carrier"}
        headers = {"Authorization": f"Bearer {server.api_key}"}
        answer = await http.post(f"{server.local_url}/api/calls", json=order, headers=headers)
        assert answer.status_code == 201, answer.text
        await until(lambda: server.switchboard.calls == 1)
        (live,) = server.switchboard.live.values()
        assert (live.ticket.call_id, live.ticket.carrier) == (answer.json()["call_id"], "sip")
        await connected(caller, end, behind="INVITE sip")
        end.play(TONE * 100)
        await asyncio.sleep(2.2)
        assert loudness(end.audio) > 0.05
        live.session.stop("operator_hangup", "it was asked for from outside")
        good, messages = await ringing
        assert good, messages
        assert "INVITE sip:+12025550177@127.0.0.2" in messages
        assert "+12025550111" in messages, "the person sees the persona's own number"
        call, *_, ended = records_of(server)
        assert (call.direction, call.carrier, ended.how) == ("outbound", "sip", "operator_hangup")


async def test_a_trunk_that_is_not_there_calls_nobody(bridge, http):
    async with bridge(personas={"shop": CALLING}) as server:
        order = {"to": "+12025550177", "persona": "shop", "trunk": "nowhere"}
        headers = {"Authorization": f"Bearer {server.api_key}"}
        answer = await http.post(f"{server.local_url}/api/calls", json=order, headers=headers)
        assert (answer.status_code, "is there a trunk nowhere?" in answer.text) == (502, True), answer.text
        assert server.switchboard.free == server.engine.capacity
