"""The probe leaves nothing behind; the fallback answers where our own answer failed."""

import json

import pytest
import websockets

from bridge.facts.probe import CLOSE_REASON, FIELD, STATE_HEADER, TIME_HEADER
from bridge.server.twilio.probe import MAX_PROBES, PROBE_SECONDS, Probes

from .phone import TOKEN, Phone, end_of

PROBE = {FIELD: "1"}


async def test_a_probe_opens_a_stream_and_leaves_no_record_and_no_slot(serve, http):
    async with serve(twilio_auth_token=TOKEN, slots=1) as server:
        phone = Phone(server, http, **PROBE)
        answer = await phone.post("/twilio/voice")
        assert answer.headers[STATE_HEADER] == "ready"
        assert answer.headers[TIME_HEADER].startswith("20")
        address = await phone.ring()
        assert server.switchboard.free == 1
        async with await phone.open(address) as socket:
            assert await end_of(socket) == (1000, CLOSE_REASON)
        assert server.engine.open_slots == 0
        assert server.store.list() == []
        with pytest.raises(websockets.InvalidStatus):
            await phone.open(address)


async def test_a_probe_is_refused_unless_it_is_signed_and_told_why(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        phone = Phone(server, http, **PROBE)
        refused = await http.post(f"{server.local_url}/twilio/voice?persona=shop", data=phone.form)
        body = refused.json()
        assert refused.status_code == 403
        assert (body["signed"], body["address"]) == (False, f"{server.public_url}/twilio/voice?persona=shop")


async def test_a_probe_is_told_that_nobody_answers_or_that_no_call_is_taken(serve, http):
    async with serve(slots=1) as server:
        nobody = await Phone(server, http, **PROBE, To="+12025550188").post("/twilio/voice")
        assert nobody.headers[STATE_HEADER] == "nobody"
        await Phone(server, http, sid="CA-real").ring()
        assert (await Phone(server, http, **PROBE).post("/twilio/voice")).headers[STATE_HEADER] == "full"
        server.switchboard.draining = True
        assert (await Phone(server, http, **PROBE).post("/twilio/voice")).headers[STATE_HEADER] == "stopping"


async def test_probes_expire_and_are_bounded():
    now = 0.0
    probes = Probes(lambda: now)
    tokens = [probes.issue() for _ in range(MAX_PROBES + 1)]
    socket = Socket()
    assert not await probes.take(tokens[0], socket)
    assert await probes.take(tokens[1], socket)
    now = PROBE_SECONDS
    assert not await probes.take(tokens[2], socket)
    assert socket.calls == ["accept", "close"]


class Socket:
    def __init__(self):
        self.calls = []

    async def accept(self):
        self.calls.append("accept")

    async def close(self, code, reason):
        self.calls.append("close")


async def test_the_fallback_apologises_reaches_a_person_and_frees_the_promised_slot(serve, http, caplog):
    async with serve(slots=1) as server:
        phone = Phone(server, http)
        await phone.ring()
        assert server.switchboard.free == 0
        error = {"ErrorCode": "11200", "ErrorUrl": f"{server.public_url}/twilio/voice?persona=shop"}
        response, verbs = await phone.ask("/twilio/fallback", **error)
        assert verbs == ["Say", "Dial"]
        assert response.find("Dial").text == "+12025550112"
        assert server.switchboard.free == 1
        await phone.over()
        assert phone.row.ended_how == "never_connected"
        assert "none came within 15 s (11200)" in caplog.text
        assert "/twilio/voice: our answer was" in caplog.text


async def test_the_fallback_of_a_number_that_nobody_answers_apologises(serve, http):
    async with serve() as server:
        phone = Phone(server, http, To="+12025550188")
        _, verbs = await phone.ask("/twilio/fallback", ErrorCode="99999")
        assert verbs == ["Say", "Hangup"]


async def test_the_fallback_is_signed_like_everything_else(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        refused = await http.post(f"{server.local_url}/twilio/fallback", data={"CallSid": "CA1"})
        assert refused.status_code == 403
        assert json.loads(refused.text)["signed"] is False
