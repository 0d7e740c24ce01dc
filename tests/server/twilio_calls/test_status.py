"""What Twilio tells beside a call ends up in the call's record, and frees what the call no longer needs."""

from bridge.server.twilio.errors import STREAM_ERRORS
from bridge.transcript.records import CarrierReport, Ended, Problem

from .phone import TOKEN, Phone, end_of, slot_is_free, until, whole_stream


def reports(phone):
    return [(record.what, record.seconds) for record in phone.records if isinstance(record, CarrierReport)]


async def test_the_states_of_a_call_are_in_its_record_also_those_told_after_its_end(serve, http):
    async with serve() as server:
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.post("/twilio/call-status", CallStatus="in-progress")
            await phone.speak(socket, 10)
            await phone.hang_up(socket)
        await phone.over()
        answer = await phone.post(
            "/twilio/call-status", CallStatus="completed", CallDuration="7", SipResponseCode="200"
        )
        assert answer.status_code == 204
        await until(lambda: len(reports(phone)) == 2)
        assert reports(phone) == [("in-progress", None), ("completed", 7)]
        assert isinstance(phone.records[-2], Ended)
        assert phone.records[-1].code == "200"
        assert phone.row.ended_how == "caller_hung_up"


async def test_an_unsigned_status_is_refused(serve, http):
    async with serve(twilio_auth_token=TOKEN) as server:
        phone = Phone(server, http)
        for path in ("/twilio/call-status", "/twilio/stream-status"):
            assert (await phone.post(path, headers={"X-Twilio-Signature": "forged"})).status_code == 403
            assert (await phone.post(path)).status_code == 204


async def test_a_call_that_is_over_for_twilio_holds_no_slot_whatever_its_socket_says(serve, http):
    async with serve(slots=1) as server:
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.speak(socket, 10)
            await phone.post("/twilio/call-status", CallStatus="completed", CallDuration="3")
            await slot_is_free(server)
            assert (await end_of(socket))[0] == 1000
        await phone.over()
        assert phone.row.ended_how == "caller_hung_up"
        assert phone.records[-1].reason == "the carrier says that the call is over"


async def test_a_caller_who_hangs_up_before_the_stream_frees_the_slot_and_has_a_record(serve, http):
    async with serve(slots=1) as server:
        phone = Phone(server, http)
        await phone.ring()
        assert server.switchboard.free == 0
        await phone.post("/twilio/call-status", CallStatus="completed", CallDuration="0")
        await slot_is_free(server)
        await phone.over()
        await until(lambda: reports(phone))
        assert phone.row.ended_how == "caller_hung_up"
        assert reports(phone) == [("completed", 0)]


async def test_a_stream_error_before_the_stream_frees_the_slot_and_is_in_the_record_in_words(serve, http, caplog):
    async with serve(slots=1) as server:
        for code, words in STREAM_ERRORS.items():
            phone = Phone(server, http, f"CA{code}")
            await phone.ring()
            await phone.post("/twilio/stream-status", StreamEvent="stream-error", StreamErrorCode=code)
            await slot_is_free(server)
            await phone.over()
            assert phone.row.ended_how == "never_connected"
            [problem] = [record.what for record in phone.records if isinstance(record, Problem)]
            assert problem == f"Twilio reports stream error {code}: {words}"
            assert problem in caplog.text


async def test_a_stream_error_during_the_call_is_in_its_record(serve, http):
    async with serve() as server:
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.speak(socket, 10)
            form = {"StreamEvent": "stream-error", "StreamError": "31941 - Stream - Invalid Track configuration"}
            await phone.post("/twilio/stream-status", **form)
            await phone.hang_up(socket)
        await phone.over()
        assert any("31941: the stream's track was not valid" in getattr(r, "what", "") for r in phone.records)


async def test_a_status_of_a_call_that_was_deleted_brings_nothing_back(serve, http):
    async with serve() as server:
        phone = Phone(server, http)
        await whole_stream(phone)
        await phone.over()
        file = server.settings.data_dir / phone.row.transcript
        file.unlink()
        await phone.post("/twilio/call-status", CallStatus="completed", CallDuration="7")
        await until(lambda: not server.journal.counters.waiting_bytes and not server.journal._busy)
        assert not file.exists()


async def test_a_call_whose_stream_never_comes_has_a_record_that_says_so(serve, http):
    async with serve(slots=1, stream_token_seconds=0.1) as server:
        phone = Phone(server, http)
        await phone.ring()
        await slot_is_free(server)
        await phone.over()
        assert (phone.row.ended_how, phone.row.seconds) == ("never_connected", 0.0)


async def test_between_upgrade_and_start_the_slot_stays_promised_and_who_is_turned_away_has_a_record(serve, http):
    async with serve(slots=1) as server:
        phone = Phone(server, http)
        async with await phone.open():
            await until(lambda: not server.switchboard.tokens.outstanding)
            assert server.switchboard.free == 0
            turned_away = Phone(server, http, "CA2")
            _, verbs = await turned_away.ask("/twilio/voice")
            assert verbs == ["Say", "Dial"]
            await turned_away.over()
            assert (turned_away.row.ended_how, turned_away.row.seconds) == ("engine_full", 0.0)
        await slot_is_free(server)
        await phone.over()
        assert phone.row.ended_how == "protocol_error"


async def test_a_server_that_stops_leaves_a_record_of_calls_on_their_way_in(serve, http):
    async with serve() as server:
        phone = Phone(server, http)
        await phone.ring()
        await server.switchboard.stop()
        await phone.over()
        assert phone.row.ended_how == "shutdown"


async def test_after_may_be_asked_before_the_stream_is_wound_up(serve, http):
    async with serve(record=True) as server:
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.speak(socket, 10)
            socket.transport.abort()
            _, verbs = await phone.ask("/twilio/after")
        assert verbs == ["Say", "Dial"]
