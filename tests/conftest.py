"""What many tests share: persona texts, and a real bridge server in the test's own event loop."""

import asyncio
import contextlib
import math
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings

from bridge.caller.account import Account
from bridge.caller.errors import CallError
from bridge.caller.rest import rest_api
from bridge.caller.twiml import parse_twiml
from bridge.caller.webhook import Line
from bridge.facts.formats import FRAME_MS
from bridge.facts.settings import Settings
from bridge.server.app import Server
from bridge.server.twilio_client import twilio_client

ROOT = Path(__file__).parent.parent

# As the engine process does: tiny matrix products gain nothing from more threads, and where processes share the cores,
# threads that wait for each other spin. Torch reads it when it is imported, here and in the programs under test.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is, and nothing of the product.
settings.register_profile("callbridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("callbridge")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: what is ignored here would be ignored by the programs under test as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHOP = """\
name: shop
business: Corner Shop
description: a shop on the corner
agent_name: Ada
numbers: ["+12025550111"]
greeting: Corner Shop, hello.
facts:
  - ask: ["When are you open?", "What are your hours?"]
    answer: We are open from nine to five.
blocked:
  - topic: medicine
    words: [ibuprofen]
refusal: I can't talk about medicine.
transfer: "+12025550112"
"""


@contextlib.asynccontextmanager
async def running(tmp_path, personas=None, *, faulty_twiml=False, **settings):
    """A real server with the echo engine (unless `settings` say otherwise), from ready to stopped.

    Whatever TwiML it answers with is held against the rules of the verbs, unless the test puts `faulty_twiml` in.
    """
    folder = tmp_path / "personas"
    if not folder.exists():
        folder.mkdir()
        for name, text in (personas or {"shop": SHOP}).items():
            (folder / f"{name}.yaml").write_text(text)
    chosen = {"engine": "echo", "port": 0, "personas_dir": folder, "data_dir": tmp_path / "data"} | settings
    server = Server(Settings(_env_file=None, **chosen))
    bad_twiml = []
    server.app = reading_twiml(server.app, bad_twiml)
    ready = asyncio.Event()

    async def is_ready(_):
        ready.set()

    serving = asyncio.create_task(server.serve(is_ready))
    try:
        async with asyncio.timeout(60):
            await asyncio.wait([serving, waiting := asyncio.create_task(ready.wait())], return_when="FIRST_COMPLETED")
            waiting.cancel()
        if serving.done():
            serving.result()
        yield server
        assert faulty_twiml or not bad_twiml
    finally:
        await server.stop()
        await serving


def reading_twiml(app, problems):
    """An application that does what `app` does, and notes what Twilio would not take of its answers."""

    async def read(scope, receive, send):
        body, kind = bytearray(), b""

        async def sent(message):
            nonlocal kind
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
            elif message["type"] == "http.response.body" and kind.startswith((b"text/xml", b"application/xml")):
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    try:
                        parse_twiml(bytes(body))
                    except CallError as error:
                        problems.append(f"{scope['path']}: {error} in {bytes(body)}")
            await send(message)

        await app(scope, receive, sent)

    return read


@pytest.fixture(scope="session")
def shop():
    """The text of a persona's file: shop, who answers +12025550111."""
    return SHOP


@pytest.fixture(scope="session")
def run_server():
    """`async with run_server(folder, **settings) as server`, for fixtures that outlive a test."""
    return running


@pytest.fixture
def accounted_for():
    """`accounted_for(result, counters, metrics)`: by how many frames what came back may differ from what was sent.

    Those that the record of the call and the server's metrics own up to, and those on their way when the caller hung
    up. On a machine that keeps up there are none, and every frame must be back.
    """

    def count(result, counters, metrics):
        named = ("filled_ms", "late_ms", "surplus_ms", "skipped_silence_ms")
        dropped = re.findall(r"^callbridge_frames_(?:dropped|refused)_total (\S+)$", metrics, re.M)
        assert len(dropped) == 2
        frames = math.ceil(sum(counters[name] for name in named) / FRAME_MS) + int(sum(map(float, dropped)))
        return frames + max(0, int(result.late_frames_p99_ms // FRAME_MS))

    return count


@pytest.fixture
def serve(tmp_path):
    """`async with serve(...) as server`."""
    return lambda **settings: running(tmp_path, **settings)


@pytest.fixture
async def http():
    """A client for HTTP."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@dataclass
class Twilio:
    """An account at the stand-in for Twilio: `url` is its REST API, `settings` are a server's that uses it."""

    account: Account
    url: str

    @property
    def settings(self):
        return {
            "twilio_account_sid": self.account.sid,
            "twilio_auth_token": self.account.auth_token,
            "twilio_api_url": self.url,
        }

    @property
    def client(self):
        """The real library's client. It blocks: `await asyncio.to_thread(...)`."""
        return twilio_client(self.account.sid, self.account.auth_token, self.url)


@pytest.fixture
async def twilio():
    """Twilio, as far as an account of it is seen from outside: its REST API, its webhooks, its calls."""
    account = Account(Line("http://127.0.0.1"))
    async with rest_api(account) as url:
        yield Twilio(account, url)
