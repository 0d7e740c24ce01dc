"""What the tests of the compatible addresses share: sounds, and clients on real sockets."""

import asyncio
import contextlib
import io
import time
import wave

import httpx
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bridge.audio.opus import OpusDecoder, OpusEncoder


def tone(milliseconds, hertz=440.0):
    """Float32 samples at 24 kHz, full scale ±1."""
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(24 * milliseconds) / 24000)).astype(np.float32)


def pcm(samples):
    """16 bit, little-endian."""
    return (samples * 32767).astype("<i2").tobytes()


def opened(server, path, key=None, **options):
    """A socket to `path` of the server, with the server's own key unless there is another."""
    headers = {"Authorization": f"Bearer {key or server.api_key}"} if key != "" else {}
    return connect(f"ws://127.0.0.1:{server.port}{path}", additional_headers=headers, proxy=None, **options)


async def closing(socket):
    """Code and reason with which the server closes a socket."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason


async def at_its_pace(send, messages):
    """Send each of `(milliseconds, message)` when it is due."""
    began = time.monotonic()
    for milliseconds, message in messages:
        await asyncio.sleep(max(0.0, began + milliseconds / 1000 - time.monotonic()))
        await send(message)


def spoken(samples):
    """Messages of 80 ms with the milliseconds at which they are due."""
    encoder = OpusEncoder()
    frames = samples.reshape(-1, 1920)
    return [(80 * number, b"\x01" + encoder.encode(frame)) for number, frame in enumerate(frames, 1)]


async def the_call(server):
    """The only call's row in the index, once it is complete."""
    async with asyncio.timeout(10):
        while server.switchboard.live:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await server.switchboard.register.settle()
    [entry] = server.store.list()
    return entry


class ChatClient:
    """What comes over a socket, by kind, as the public clients tell it apart."""

    def __init__(self, socket):
        self.socket, self.kinds, self.text, self.sound = socket, [], "", [np.zeros(0, np.float32)]
        self._decoder = OpusDecoder()

    async def listen(self):
        try:
            async for message in self.socket:
                self.kinds.append(message[0])
                if message[0] == 1:
                    self.sound.append(self._decoder.decode(message[1:], 1000.0 * len(self.kinds)))
                elif message[0] == 2:
                    self.text += message[1:].decode()
        except ConnectionClosed:
            pass

    @property
    def heard(self):
        return np.concatenate(self.sound)

    async def until(self, done):
        async with asyncio.timeout(10):
            while not done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def ask(server, audio, key=None, path="/v1/audio/speech", **form):
    headers = {"Authorization": f"Bearer {key or server.api_key}"} if key != "" else {}
    async with httpx.AsyncClient(trust_env=False, timeout=90, headers=headers) as client:
        files = {"audio": ("audio.wav", audio, "audio/wav")}
        return await client.post(f"{server.local_url}{path}", data=form, files=files)


def samples_of(wav):
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")
