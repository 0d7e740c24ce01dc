"""A reverse proxy with TLS, as it stands in front of many a server, and its usual mistakes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HOST = "bridge.example.com"
"""The name in the certificates."""

TLS = Path(__file__).parents[1] / "data" / "tls"


@contextlib.contextmanager
def known_host() -> Iterator[None]:
    """`HOST` is this machine, for as long as the block runs."""
    resolve = socket.getaddrinfo

    def known(host: Any, *rest: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host in (HOST, HOST.encode()) else host, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", known)
        yield


@dataclass
class Proxy:
    """Leads each connection's one request to `upstream`; the other fields are mistakes that can be made.

    `drop` names headers that do not get through (in small letters), `path` rewrites the path, `host` the host.
    Requests whose path contains `where` are answered with `answer` without asking anybody, or never with `hang`.
    `garble` says nonsense after a WebSocket's upgrade; `once` goes away after the first request. Without a
    `certificate` there is no TLS.
    """

    upstream: int
    certificate: str = "bridge.pem"
    drop: tuple[str, ...] = ()
    path: Callable[[str], str] = str
    host: str = ""
    answer: bytes = b""
    where: str = "/"
    hang: bool = False
    garble: bool = False
    once: bool = False
    port: int = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Serve on a free port of this machine, or on `port`."""
        context = None
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / self.certificate)
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.partition("\r\n")[0].split(" ")
            if self.once:
                self._server.close()
            if self.hang and self.where in target:
                await reader.read()
            elif self.answer and self.where in target:
                writer.write(self.answer)
                await writer.drain()
            else:
                above, below = await asyncio.open_connection("127.0.0.1", self.upstream)
                below.write(self._rewritten(head, method, target).encode("latin-1"))
                if self.garble and "upgrade: websocket" in head.lower():
                    writer.write(await above.readuntil(b"\r\n\r\n") + b"\xff" * 8)
                await asyncio.gather(_pipe(reader, below), _pipe(above, writer))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _rewritten(self, head: str, method: str, target: str) -> str:
        lines = [line for line in head.split("\r\n")[1:] if line]
        upgrade = any(line.lower() == "upgrade: websocket" for line in lines) and "upgrade" not in self.drop
        kept = [line for line in lines if line.partition(":")[0].lower() not in {*self.drop, "connection"}]
        if self.host:
            kept = [f"Host: {self.host}" if line.lower().startswith("host:") else line for line in kept]
        kept.append("Connection: Upgrade" if upgrade else "Connection: close")
        return "\r\n".join([f"{method} {self.path(target)} HTTP/1.1", *kept, "", ""])


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
