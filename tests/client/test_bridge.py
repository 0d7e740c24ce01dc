"""The client against a real server."""

import asyncio
import wave

import pytest

from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.script import Script
from bridge.caller.webhook import Line
from bridge.client import Bridge, ConflictError, InvalidError, NotAllowedError, NotFoundError, NotReachedError

KEY = "k" * 32


@pytest.fixture
async def server(serve):
    """A server with the echo engine, and its client."""
    async with serve(api_key=KEY) as server:
        yield server


@pytest.fixture
async def bridge(server):
    """A client of it."""
    with Bridge(server.local_url, KEY) as bridge:
        yield bridge


def asked(function, *arguments, **more):
    """The client blocks; the server runs in this very loop."""
    return asyncio.to_thread(function, *arguments, **more)


async def test_health_is_told_without_a_key(server):
    with Bridge(server.local_url) as stranger:
        assert (await asked(stranger.health))["status"] == "ok"
        assert "callbridge_calls" in await asked(stranger.metrics)
        with pytest.raises(NotAllowedError, match="Authorization: Bearer"):
            await asked(stranger.calls.read, "0123456789abcdef")


async def test_where_nobody_answers_the_address_is_told():
    with Bridge("http://127.0.0.1:9") as nobody, pytest.raises(NotReachedError, match=r"127\.0\.0\.1:9"):
        await asked(nobody.health)


async def test_a_socket_without_a_key_is_an_error_in_words(server):
    with Bridge(server.local_url) as stranger, pytest.raises((NotAllowedError, NotFoundError)):
        async with stranger.listen("0123456789abcdef"):
            pytest.fail("it was let in")


async def test_environment_names_the_bridge_and_the_key(server):
    environment = {"CALLBRIDGE_URL": server.local_url + "/", "CALLBRIDGE_KEY": KEY}
    with Bridge.from_environment(environment) as bridge, pytest.raises(NotFoundError):
        await asked(bridge.calls.read, "0123456789abcdef")


async def in_progress(server):
    """The id of the call that goes on, as soon as one does."""
    async with asyncio.timeout(5):
        while not server.switchboard.live:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return next(iter(server.switchboard.live))


async def test_a_call_is_followed_hung_up_on_and_read(server, bridge):
    script = Script([load_recording(BUNDLED / "u05.wav")])
    calling = asyncio.create_task(place_call(Line(server.local_url, persona="shop"), script, api_key=KEY))
    call_id = await in_progress(server)
    following = asyncio.create_task(asked(lambda: [event.data for event in bridge.calls.events(call_id)]))
    await asyncio.sleep(0.2)
    await asked(bridge.calls.hang_up, call_id, now=True)
    followed = await following
    assert [followed[0]["type"], followed[-1]["type"]] == ["call", "ended"]
    await calling
    read = await asked(bridge.calls.read, call_id)
    assert (read["persona"], read["ended"]) == ("shop", "operator_hangup")


async def test_a_call_that_is_not_there_can_neither_be_put_through_nor_ended(bridge):
    for act in (bridge.calls.transfer, bridge.calls.hang_up):
        with pytest.raises(NotFoundError, match="no such call in progress"):
            await asked(act, "0123456789abcdef")


async def test_a_persona_that_calls_nobody_is_refused_in_words(bridge):
    with pytest.raises(NotAllowedError, match="has no group"):
        await asked(bridge.calls.place, "+12025550143", "shop")


async def test_a_persona_is_written_once_changed_by_its_etag_and_deleted(bridge, shop):
    text = shop.replace("name: shop", "name: kiosk").replace("+12025550111", "+12025550114")
    await asked(bridge.personas.write, "kiosk", text)
    with pytest.raises(ConflictError):
        await asked(bridge.personas.write, "kiosk", text)
    file = await asked(bridge.personas.read, "kiosk")
    assert file.yaml == text
    await asked(bridge.personas.write, "kiosk", text.replace("Ada", "Ida"), file.etag)
    with pytest.raises(ConflictError):
        await asked(bridge.personas.write, "kiosk", text, file.etag)
    assert {one["name"] for one in await asked(bridge.personas.list)} == {"shop", "kiosk"}
    await asked(bridge.personas.delete, "kiosk", (await asked(bridge.personas.read, "kiosk")).etag)
    with pytest.raises(NotFoundError):
        await asked(bridge.personas.read, "kiosk")


async def test_a_persona_with_mistakes_is_refused_with_their_lines(bridge, shop):
    with pytest.raises(InvalidError) as refused:
        await asked(bridge.personas.write, "kiosk", shop.replace("name: shop", "name: kiosk\nvioce: NATF2"))
    assert any((one["line"], one["where"]) == (2, "vioce") for one in refused.value.problems)
    told = await asked(bridge.personas.check, "kiosk", await asked(bridge.personas.template, "kiosk"))
    assert told["problems"] == []
    assert told["prompt"].startswith("<system> You work for")


async def test_the_gate_is_tried_on_a_persona_and_on_a_text(bridge, shop):
    for whose in ({"persona": "shop"}, {"yaml": shop}):
        told = await asked(bridge.personas.try_gate, "Take two ibuprofen.", **whose)
        assert told["phrase"] == "ibuprofen"
        assert told["refusal"].startswith("I can't talk about medicine.")


async def test_voices_models_and_the_machine_are_told(bridge):
    assert "NATF2" in [voice["name"] for voice in await asked(bridge.voices.list)]
    assert "personaplex-7b-v1" in [model["name"] for model in await asked(bridge.models.list)]
    assert await asked(bridge.machine)
    assert (await asked(bridge.series))["every"] == 5
    with pytest.raises(NotFoundError):
        await asked(bridge.voices.delete, "nobody")
    with pytest.raises(NotFoundError):
        await asked(lambda: list(bridge.models.download("nothing")))


async def test_a_phone_call_is_heard_and_told_to_its_end(bridge):
    heard, told = bytearray(), []
    async with bridge.phone("shop") as phone:

        async def talk():
            await phone.play(bytes(24_000))
            await phone.press("1")
            await phone.hang_up()

        async for message in phone:
            if isinstance(message, bytes):
                heard += message
            else:
                told.append(message)
                if message["type"] == "started":
                    talking = asyncio.create_task(talk())
        await talking
    assert len(heard) > 12_000
    assert "digit" in [one["record"]["type"] for one in told if one["type"] == "record"]
    assert told[0]["type"] == "started"
    assert told[0]["business"] == "Corner Shop"
    assert told[-1]["type"] == "ended"


async def test_a_phone_call_to_nobody_is_an_error_in_words(bridge):
    with pytest.raises(NotFoundError, match="no such persona"):
        async with bridge.phone("nobody") as phone:
            async for _ in phone:
                pass


@pytest.mark.slow  # in real time
async def test_a_recording_is_answered(bridge, tmp_path):
    question = tmp_path / "question.wav"
    with wave.open(str(question), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24_000)
        wav.writeframes(b"\x00\x10\x00\xf0" * 1200)
    answer = await asked(bridge.speech, question, persona="shop", seed=7)
    assert answer.wav.startswith(b"RIFF")
    assert "turns" in answer.transcript
    with pytest.raises(NotFoundError):
        await asked(bridge.speech, question, persona="nobody")


async def test_a_conversation_is_held_in_raw_sound(bridge):
    heard, told = bytearray(), []
    async with bridge.conversation(persona="shop") as socket:

        async def talk():
            await socket.play(bytes(96_000))
            await socket.close()

        talking = asyncio.create_task(talk())
        async for message in socket:
            if isinstance(message, bytes):
                heard += message
            else:
                told.append(message)
        await talking
    assert len(heard) > 48_000
    assert told[0]["type"] == "config_ack"


async def test_the_house_is_told_and_a_call_is_listened_to(server, bridge):
    heard, told = bytearray(), []

    def look_on():
        for event in bridge.events():
            told.append(event)
            if event.kind == "record" and event.data["record"]["type"] == "ended":
                return

    looking = asyncio.create_task(asked(look_on))
    async with bridge.phone("shop") as phone:
        while (message := await phone.receive()) and not (isinstance(message, dict) and message["type"] == "started"):
            pass
        call_id = message["call_id"]

        async def listen():
            async with bridge.listen(call_id) as socket:
                async for piece in socket:
                    if isinstance(piece, bytes):
                        heard.extend(piece)
                    else:
                        told.append(piece)

        listening = asyncio.create_task(listen())
        await phone.play(bytes(48_000))
        await phone.hang_up()
        async for _ in phone:
            pass
        await listening
    await looking
    assert len(heard) > 8000
    assert {"rate": 8000, "channels": 2}.items() <= next(one for one in told if isinstance(one, dict)).items()
    kinds = [event.kind for event in told if not isinstance(event, dict)]
    assert kinds[0] == "state"
    assert "record" in kinds


async def phone_call(server, bridge, seconds):
    """The id of a recorded call that has ended."""
    async with bridge.phone("shop", record=True) as phone:

        async def talk():
            await phone.play(bytes(round(seconds * 24_000) * 2))
            await phone.hang_up()

        async for message in phone:
            if isinstance(message, dict) and message["type"] == "started":
                call_id, talking = message["call_id"], asyncio.create_task(talk())
        await talking
    async with asyncio.timeout(5):
        while server.switchboard.live:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return call_id


async def test_calls_are_found_page_by_page_read_and_deleted(server, bridge):
    ours = [await phone_call(server, bridge, 0.2) for _ in range(3)]
    found = await asked(lambda: list(bridge.calls.all(limit=2)))
    assert {call["call_id"] for call in found} == set(ours)
    first = await asked(bridge.calls.page, limit=1, persona="shop", verdicts=False)
    assert [call["call_id"] for call in first.calls] == ours[-1:]
    assert first.next
    assert await asked(lambda: list(bridge.calls.all(persona="nobody"))) == []
    assert await asked(lambda: list(bridge.calls.all(q="elephant"))) == []
    assert "caller_hung_up" in await asked(bridge.calls.transcript, ours[0])
    await asked(bridge.calls.delete, ours[0])
    with pytest.raises(NotFoundError):
        await asked(bridge.calls.read, ours[0])


async def test_a_recording_and_its_waveform_are_had(server, bridge, tmp_path):
    call_id = await phone_call(server, bridge, 1)
    file = await asked(bridge.calls.recording, call_id, tmp_path / "call.wav")
    with wave.open(str(file)) as wav:
        assert (wav.getnchannels(), wav.getframerate()) == (2, 8000)
        assert wav.getnframes() > 4000
    assert (await asked(bridge.calls.waveform, call_id, 10))["seconds"] > 0.5
