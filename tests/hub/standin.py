"""A hub on localhost: what the official client asks of huggingface.co, over real HTTP, with every mishap at will.

Two servers run: the hub itself, and the one that it redirects to for the bytes of large files, as the real one does.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

REPO = "nvidia/personaplex-7b-v1"
COMMIT = "5" * 40
TOKEN = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"


@dataclass
class Mishaps:
    """What goes wrong. `stall_after`: bytes after which an answer stops coming, for so many answers (`stalls`)."""

    status: int | None = None  # of every question
    headers: dict[str, str] = field(default_factory=dict)
    bytes_status: int | None = None  # of every request for bytes
    stall_after: int | None = None
    stalls: int = 1_000_000
    stall_at: int | None = None  # an offset into the file that no answer gets beyond
    cut_after: int | None = None  # the connection ends instead
    cuts: int = 1_000_000
    corrupt: bool = False
    ignore_range: bool = False
    claimed_sizes: dict[str, int] = field(default_factory=dict)


@dataclass
class StandIn:
    """The hub's contents, its mishaps, and what it was asked: (server, method, path, headers)."""

    files: dict[str, bytes]
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    accepted: set[str] = field(default_factory=lambda: {TOKEN})
    small: set[str] = field(default_factory=lambda: {"config.json"})
    mishaps: Mishaps = field(default_factory=Mishaps)
    asked: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)
    endpoint: str = ""
    elsewhere: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def etag(self, name: str) -> str:
        """As the hub has it: sha256 for files in LFS, git's hash for small ones."""
        data = self.files[name]
        if name in self.small:
            return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        return hashlib.sha256(data).hexdigest()

    def ranges(self, name: str) -> list[str | None]:
        """The `Range` of each request for the bytes of a file."""
        return [
            headers.get("range") for _, method, path, headers in self.asked if method == "GET" and path.endswith(name)
        ]


@contextmanager
def running(hub: StandIn) -> Iterator[StandIn]:
    """Serve until the block ends."""
    servers = [_server(hub, _Hub), _server(hub, _Bytes)]
    hub.endpoint, hub.elsewhere = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def archive(members: dict[str, bytes]) -> bytes:
    """A .tgz of regular files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def _server(hub: StandIn, handler: type[_Handler]) -> ThreadingHTTPServer:
    return _Server(("127.0.0.1", 0), type("Handler", (handler,), {"hub": hub}))


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients hang up when they have seen enough
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    hub: StandIn
    protocol_version = "HTTP/1.1"
    server_name = ""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._note()
        with suppress(ConnectionError):  # the client may hang up at any moment
            self.get()

    def do_HEAD(self) -> None:
        self._note()
        self.get()

    def get(self) -> None:
        raise NotImplementedError

    def _note(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.asked.append((self.server_name, self.command, urlsplit(self.path).path, headers))

    def refuse(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def give(self, name: str, data: bytes) -> None:
        """The bytes, with ranges and mishaps."""
        mishaps, start = self.hub.mishaps, 0
        wanted = self.headers.get("Range")
        if wanted and not mishaps.ignore_range:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        body = data[start:]
        if mishaps.corrupt:
            body = bytes(len(body))
        if mishaps.stall_at is not None:
            self._stall(data[start : mishaps.stall_at])
        elif mishaps.stall_after is not None and mishaps.stalls > 0:
            mishaps.stalls -= 1
            self._stall(body[: mishaps.stall_after])
        elif mishaps.cut_after is not None and mishaps.cuts > 0:
            mishaps.cuts -= 1
            self.wfile.write(body[: mishaps.cut_after])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def _stall(self, body: bytes) -> None:
        self.wfile.write(body)
        self.wfile.flush()
        self.hub.closing.wait()
        self.close_connection = True


class _Hub(_Handler):
    """/{repo}/resolve/{revision}/{name}: https://huggingface.co/docs/hub/api."""

    server_name = "hub"

    def get(self) -> None:
        hub = self.hub
        if hub.mishaps.status is not None:
            self.refuse(hub.mishaps.status, **hub.mishaps.headers)
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        path = urlsplit(self.path).path.lstrip("/")
        repo, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        if repo != REPO:
            self.refuse(404 if token in hub.tokens else 401, X_Error_Code="RepoNotFound")
        elif not token:
            self.refuse(401, X_Error_Code="GatedRepo", X_Error_Message="Access to this model is restricted.")
        elif token not in hub.tokens:
            self.refuse(401, X_Error_Message="Invalid credentials in Authorization header")
        elif token not in hub.accepted:
            self.refuse(403, X_Error_Code="GatedRepo", X_Error_Message="You are not in the authorized list.")
        elif revision not in ("main", COMMIT):
            self.refuse(404, X_Error_Code="RevisionNotFound")
        elif name not in hub.files:
            self.refuse(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
        else:
            self._resolve(name)

    def _resolve(self, name: str) -> None:
        data, etag = self.hub.files[name], self.hub.etag(name)
        if name in self.hub.small and self.command == "GET":
            self.give(name, data)
            return
        self.send_response(200 if name in self.hub.small else 302)
        self.send_header("X-Repo-Commit", COMMIT)
        size = str(self.hub.mishaps.claimed_sizes.get(name, len(data)))
        if name in self.hub.small:
            self.send_header("ETag", f'"{etag}"')
            self.send_header("Content-Length", size)
        else:
            self.send_header("X-Linked-Etag", f'"{etag}"')
            self.send_header("X-Linked-Size", size)
            self.send_header("Location", f"{self.hub.elsewhere}/{name}?signature=abc")
            self.send_header("Content-Length", "0")
        self.end_headers()


class _Bytes(_Handler):
    """Where the bytes lie. It must never see a token."""

    server_name = "bytes"

    def get(self) -> None:
        if self.hub.mishaps.bytes_status is not None:
            self.refuse(self.hub.mishaps.bytes_status, **self.hub.mishaps.headers)
            return
        name = urlsplit(self.path).path.lstrip("/")
        self.give(name, self.hub.files[name])
