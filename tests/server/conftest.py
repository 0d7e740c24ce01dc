"""A receiver of webhooks on a real socket, which does what it is told to."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

import pytest


@dataclass
class Request:
    """What came, with header names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers each request with the next of `answers`, and with the last of them from then on.

    An answer is a status, a status with headers, those with a body, "hang", "close" or "half".
    """

    answers: list = field(default_factory=lambda: [200])
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/calls?from=bridge"

    async def serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append(Request(first.split()[1], headers, body))
                self.arrived.set()
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer == "hang":
                    await asyncio.sleep(3600)
                if answer == "close":
                    break
                given = answer if isinstance(answer, tuple) else (answer,)
                status, more, content = (*given, *({}, b"ok")[len(given) - 1 :])
                if answer == "half":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                    await writer.drain()
                    break
                lines = [
                    f"HTTP/1.1 {status} Said",
                    f"Content-Length: {len(content)}",
                    *(f"{k}: {v}" for k, v in more.items()),
                ]
                writer.write("\r\n".join([*lines, "", ""]).encode() + content)
                await writer.drain()

    async def until(self, count):
        """Wait for so many requests."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:
                self.arrived.clear()
                await self.arrived.wait()


@contextlib.asynccontextmanager
async def receiving(*answers, ssl=None):
    receiver = Receiver(list(answers) or [200])
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        await receiver.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def receive():
    """`async with receive(500, 200) as receiver`."""
    return receiving
