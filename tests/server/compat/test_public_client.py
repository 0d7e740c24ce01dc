"""The public command-line client itself against our server: its own code, with a microphone and a loudspeaker of ours.

It is read from the environment that `make test-parity` makes. Two things of it are replaced, which a machine without a
sound card does not have: the streams of `sounddevice`.
"""

import argparse
import asyncio
import importlib
import sys
import threading
import types

import numpy as np
import pytest

from tests.server.compat.conftest import the_call, tone

pytest.importorskip("aiohttp", reason="the public client speaks by aiohttp")


class Device:
    """A stream of `sounddevice`: calls back every 80 ms, in a thread of its own, with frames of shape (1920, 1)."""

    def __init__(self, *, blocksize, callback, **_):
        self.frame, self.callback, self.over = np.zeros((blocksize, 1), np.float32), callback, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        while not self.over.wait(0.08):
            self.turn()


class Microphone(Device):
    def turn(self):
        self.frame[:, 0] = tone(80)
        self.callback(self.frame, len(self.frame), None, None)


class Loudspeaker(Device):
    heard = []  # noqa: RUF012 (the client makes the only one)

    def turn(self):
        self.callback(self.frame, len(self.frame), None, None)
        self.heard.append(self.frame[:, 0].copy())


@pytest.fixture
def client(request, monkeypatch):
    """The module `moshi.client`, without the rest of its package, which needs another torch than ours."""
    found = sorted(request.config.rootpath.glob(".venv-parity/lib/python3*/site-packages/moshi/client.py"))
    if not found:
        pytest.skip("the public client is not installed; `make test-parity` installs it")
    package = types.ModuleType("moshi")
    package.__path__ = [str(found[0].parent)]
    sound = types.ModuleType("sounddevice")
    sound.InputStream, sound.OutputStream = Microphone, Loudspeaker
    for name, module in (("moshi", package), ("sounddevice", sound)):
        monkeypatch.setitem(sys.modules, name, module)
    yield importlib.import_module("moshi.client")
    for name in [name for name in sys.modules if name.startswith("moshi.")]:
        del sys.modules[name]


async def test_the_public_command_line_client_works_unchanged(serve, client):
    lines = []
    printer = types.SimpleNamespace(
        log=lambda level, text: lines.append((level, text)),
        print_header=lambda: None,
        print_token=lambda token: None,
        print_pending=lambda: None,
        print_lag=lambda: None,
    )
    async with serve(enforce_persona="shop", loopback_without_key=True) as server:
        arguments = argparse.Namespace(url=None, host="127.0.0.1", port=server.port, https=False)
        running = asyncio.create_task(client.run(printer, arguments))
        async with asyncio.timeout(20):
            while not any(np.abs(frame).max() > 0.2 for frame in list(Loudspeaker.heard)):
                assert not running.done()
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        entry = await the_call(server)
    assert entry.persona == "shop"
    # It calls the handshake unknown, with the public server as well; there is nothing else that it does not know.
    assert [line for line in lines if line[0] != "info"] == [("warning", "unknown message kind 0")]
