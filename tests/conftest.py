"""What many tests share: persona texts, and a real bridge server in the test's own event loop."""

import asyncio
import contextlib
import signal
from pathlib import Path

import httpx
import pytest

from bridge.facts.settings import Settings
from bridge.server.app import Server

ROOT = Path(__file__).parent.parent

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
async def running(tmp_path, personas=None, **settings):
    """A real server with the echo engine (unless `settings` say otherwise), from ready to stopped."""
    folder = tmp_path / "personas"
    if not folder.exists():
        folder.mkdir()
        for name, text in (personas or {"shop": SHOP}).items():
            (folder / f"{name}.yaml").write_text(text)
    chosen = {"engine": "echo", "port": 0, "personas_dir": folder, "data_dir": tmp_path / "data"} | settings
    server = Server(Settings(_env_file=None, **chosen))
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
    finally:
        await server.stop()
        await serving


@pytest.fixture
def serve(tmp_path):
    """`async with serve(...) as server`."""
    return lambda **settings: running(tmp_path, **settings)


@pytest.fixture
async def http():
    """A client for HTTP."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client
