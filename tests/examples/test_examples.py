"""The examples, executed: each as its README says, against a real server."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from bridge.caller.account import Account
from bridge.caller.dial import Callee
from bridge.caller.place import place_call
from bridge.caller.recording import BUNDLED, load_recording
from bridge.caller.rest import rest_api
from bridge.caller.script import Script
from bridge.caller.webhook import Line
from bridge.server.app import Server
from tests.hub.conftest import LM, safetensors
from tests.hub.standin import TOKEN, StandIn, archive, running

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
TINY = ROOT / "tests" / "engine" / "personaplex" / "tiny"
KEY = "k" * 32
pytestmark = pytest.mark.asyncio(loop_scope="module")
THEM = {"python": "+12025550143", "curl": "+12025550144", "javascript": "+12025550145"}
OURS = "+12025550111"
OUTBOUND = """
outbound:
  notice: This is the automated assistant of Corner Shop.
  greeting: Your order is ready.
  timezone: UTC
  days: mon-sun
  hours: 0:00-24:00
"""
SMALL = {
    "tokenizer-e351c8d8-checkpoint125.safetensors": safetensors(40_000),
    "tokenizer_spm_32k_3.model": b"pieces" * 100,
    "config.json": b"{}",
}
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(not NODE, reason="install Node 20 or newer to have the examples in JavaScript run")
LANGUAGES = ["python", "curl", pytest.param("javascript", marks=needs_node)]
WITH_SOCKETS = ["python", pytest.param("javascript", marks=needs_node)]


def command(language, name):
    match language:
        case "python":
            return [sys.executable, EXAMPLES / "python" / f"{name}.py"]
        case "curl":
            return ["sh", EXAMPLES / "curl" / f"{name}.sh"]
    # Where Node has WebSocket without being asked, the option means nothing and is still taken.
    return [NODE, "--experimental-websocket", "--no-warnings", EXAMPLES / "javascript" / f"{name}.mjs"]


@dataclass
class House:
    """A server whose shop answers, and calls people at a stand-in for Twilio; `run` executes an example."""

    server: Server
    account: Account
    folder: Path

    async def run(self, language, name, *arguments, status=0, server=None):
        """What the example prints; `server` instead of the house's own."""
        url = (server or self.server).local_url
        environment = os.environ | {"CALLBRIDGE_URL": url, "CALLBRIDGE_KEY": KEY}
        process = await asyncio.create_subprocess_exec(
            *command(language, name),
            *map(str, arguments),
            cwd=self.folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                out, errors = (stream.decode() for stream in await process.communicate())
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == status, f"{language} {name}: {out}{errors}"
        return out + errors

    async def until(self, going_on):
        """Wait until a call goes on, or none."""
        async with asyncio.timeout(10):
            while bool(self.server.switchboard.live) != going_on:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def going_to(hub):
    """While this is open, downloads go to a hub on localhost."""
    with running(hub) as standin, pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", standin.endpoint)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory, run_server, shop):
    folder = tmp_path_factory.mktemp("examples")
    account = Account(Line("http://127.0.0.1"))
    twilio = {"twilio_account_sid": account.sid, "twilio_auth_token": account.auth_token}
    hub = StandIn({LM: safetensors(300_000), "voices.tgz": archive({"voices/NATF0.pt": b"one"}), **SMALL})
    model = {"hf_token": TOKEN, "model_dir": folder / "model"}
    async with (
        going_to(hub),
        rest_api(account) as url,
        run_server(
            folder, {"shop": shop + OUTBOUND}, api_key=KEY, slots=4, **twilio, twilio_api_url=url, **model
        ) as server,
    ):
        account.line = replace(account.line, url=server.local_url)
        account.own(OURS)
        with wave.open(str(folder / "question.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(24_000)
            file.writeframes(b"\x00\x10\x00\xf0" * 4800)
        yield House(server, account, folder)


@pytest_asyncio.fixture(loop_scope="module")
async def going_on(house):
    """The id of a call that goes on."""
    script = Script([load_recording(BUNDLED / "u01.wav")] * 3)
    line = Line(house.server.local_url, persona="shop", auth_token=house.account.auth_token)
    calling = asyncio.create_task(place_call(line, script, api_key=KEY))
    await house.until(going_on=True)
    [(call_id, live)] = house.server.switchboard.live.items()
    yield call_id
    if live.session:
        live.session.stop("operator_hangup", "the test is over")
    await calling
    await house.until(going_on=False)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_health(house, language):
    assert "echo" in await house.run(language, "health")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_voices(house, language):
    assert "NATF2" in await house.run(language, "voices")


def speech_of_ann(folder):
    """A recording of the right length; noise is speech enough for a tiny model."""
    with wave.open(str(folder / "ann.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.random.default_rng(0).integers(-3000, 3000, 12 * 16_000).astype("<i2").tobytes())
    return "ann.wav"


@pytest.mark.slow  # the model is loaded
async def test_a_voice_is_made_of_a_recording(house, run_server, tmp_path):
    own = {"model_dir": TINY, "custom_voice_dir": tmp_path / "own"}
    async with run_server(tmp_path, api_key=KEY, **own) as studio:
        assert "ann en" in await house.run("python", "add_voice", "ann", speech_of_ann(house.folder), server=studio)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_voice_that_cannot_be_made_is_refused_in_words(house, language):
    status = 22 if language == "curl" else 1
    told = await house.run(language, "add_voice", "NATF2", speech_of_ann(house.folder), status=status)
    assert "NATF2 is a packaged voice" in told


@pytest.mark.parametrize("language", LANGUAGES)
async def test_models(house, language):
    assert "personaplex" in await house.run(language, "models")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_model_is_downloaded(house, language):
    shutil.rmtree(house.folder / "model", ignore_errors=True)
    assert "done" in await house.run(language, "download", "personaplex-7b-v1")
    assert (house.folder / "model" / "voices" / "NATF0.pt").read_bytes() == b"one"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_gate_is_tried(house, language):
    assert "I can't talk about medicine." in await house.run(language, "gate", "shop", "Take two ibuprofen.")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_personas_are_listed_written_changed_and_deleted(house, language):
    assert "shop" in await house.run(language, "personas", "example-bakery")
    folder = house.server.settings.personas_dir
    assert [path.name for path in folder.glob("*.yaml")] == ["shop.yaml"]
    kept = folder / "example-bakery.yaml.bak"
    assert "# Changed over the API." in kept.read_text()
    kept.unlink()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_somebody_is_called(house, language):
    them = THEM[language]
    house.account.book[them] = Callee("busy")
    assert "shop" in await house.run(language, "place_call", them, "shop")
    status = 22 if language == "curl" else 1
    assert "there is no persona" in await house.run(language, "place_call", them, "nobody", status=status)
    assert them in [call.to for call in house.account.calls.values()]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_call_is_hung_up_on_and_its_events_are_told_to_the_end(house, going_on, language):
    following = asyncio.create_task(house.run(language, "events", going_on))
    async with asyncio.timeout(10):
        while not house.server.access.streams:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert going_on in await house.run(language, "control", going_on, "hangup")
    assert "operator_hangup" in await following


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_caller_is_put_through(house, going_on, language):
    assert going_on in await house.run(language, "control", going_on, "transfer")


def seconds(file):
    with wave.open(str(file)) as wav:
        return wav.getnframes() / wav.getframerate()


@pytest.mark.slow  # it talks in real time
@pytest.mark.parametrize("language", WITH_SOCKETS)
async def test_a_phone_call_is_answered(house, language):
    told = await house.run(language, "phone", "shop", "question.wav", f"{language}.wav")
    assert "Corner Shop" in told
    assert "ended" in told
    assert seconds(house.folder / f"{language}.wav") > 1


@pytest.mark.slow  # it talks in real time
@pytest.mark.parametrize("language", WITH_SOCKETS)
async def test_a_conversation_is_held_in_raw_sound(house, language):
    assert "config_ack" in await house.run(language, "conversation", "shop", "question.wav", f"{language}.wav")
    assert seconds(house.folder / f"{language}.wav") > 1


@pytest.mark.slow  # it talks in real time
@pytest.mark.parametrize("language", WITH_SOCKETS)
async def test_the_public_servers_protocol_is_spoken(house, language):
    question = EXAMPLES / "question.ogg"
    assert "the agent is there" in await house.run(language, "chat", "You are wise.", question, f"{language}.ogg")
    assert (house.folder / f"{language}.ogg").read_bytes().startswith(b"OggS")


@pytest.mark.slow  # it talks in real time
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_recording_is_answered(house, language):
    assert "turns" in await house.run(language, "speech", "shop", "question.wav", f"{language}.wav")
    assert seconds(house.folder / f"{language}.wav") >= seconds(house.folder / "question.wav")


@pytest.mark.parametrize("language", WITH_SOCKETS)
async def test_a_call_is_listened_to(house, going_on, language):
    listening = asyncio.create_task(house.run(language, "listen", going_on, f"{language}.wav"))
    await asyncio.sleep(1.5)
    house.server.switchboard.live[going_on].session.stop("operator_hangup", "enough was heard")
    await listening
    assert seconds(house.folder / f"{language}.wav") > 0.2


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_house_is_told(house, language):
    """The example goes on for as long as the server: it is stopped once it has told of the house."""
    environment = os.environ | {"CALLBRIDGE_URL": house.server.local_url, "CALLBRIDGE_KEY": KEY}
    process = await asyncio.create_subprocess_exec(
        *command(language, "events"), env=environment, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(20):
            while b"state" not in (line := await process.stdout.readline()):
                assert line
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # as Ctrl-C does: a script's curl, too
        await process.communicate()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_calls_are_listed_with_their_transcripts(house, going_on, language):
    house.server.switchboard.live[going_on].session.stop("operator_hangup", "enough was said")
    await house.until(going_on=False)
    told = await house.run(language, "calls", *([going_on] if language == "curl" else []))
    assert going_on in told
