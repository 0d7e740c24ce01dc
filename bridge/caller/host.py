"""Which server takes the call: the one that answers at the address, or one of our own for the length of the call."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import httpx

from bridge.caller.errors import CallError
from bridge.caller.webhook import http_client
from bridge.facts.addresses import is_loopback
from bridge.facts.settings import Settings

DEFAULT_URL: Final = "http://127.0.0.1:8080"
"""Where a server answers whose PORT nobody changed."""

START_S: Final = 180.0
"""A server of our own that does not take calls after this long has failed; loading a large model takes minutes."""

STOP_S: Final = 20.0
"""Time that a server of our own has to end after SIGTERM before it is killed."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that takes calls. `own` where it was started for this call; `log` is then its log file.

    `personas` are those it serves, `free` the calls it can take now (None: it does not tell).
    """

    url: str
    engine: str
    api_key: str | None
    public_url: str | None = None
    personas: tuple[str, ...] = ()
    free: int | None = None
    own: bool = False
    log: Path | None = None


def default_url(settings: Settings) -> str:
    """Where the server of these settings answers on this machine."""
    return f"http://127.0.0.1:{settings.port}" if settings.port else DEFAULT_URL


@asynccontextmanager
async def server_for(
    settings: Settings,
    url: str | None,
    engine: str | None,
    log_dir: Path,
    on_wait: Callable[[str], None] = lambda what: None,
    own: Mapping[str, str] | None = None,
) -> AsyncIterator[Server]:
    """The server at `url` (or at the default address), or one of our own while the block runs. Raises `CallError`.

    With `own`, which are settings by the names of their environment variables, it is one of our own in any case. A
    server that runs another engine than `engine` is used in no case: at the default address one of our own takes
    its place, at an address that was asked for it is an error. `on_wait` is told what is being waited for.
    """
    if own is not None:
        async with _own_server(settings, engine or settings.engine, log_dir, on_wait, own) as server:
            yield server
        return
    address = (url or default_url(settings)).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise CallError(f"{address} is not an address of a bridge, such as {DEFAULT_URL}")
    async with http_client(address) as client:
        health = await _health(client, address)
        if health and engine and health.get("engine") != engine and url:
            raise CallError(
                f"the server at {address} runs the {health.get('engine')} engine, not {engine}: leave out --engine, "
                "or leave out --url to have a server of its own started for the call"
            )
        if health and (not engine or health.get("engine") == engine):
            on_wait(f"waiting for the server at {address}")
            health = await _ready(client, address)
            # Our settings are those of a server on this machine; of another one they say nothing.
            public_url = settings.public_url if is_loopback(address) else None
            yield _server(address, health, api_key_of(settings), public_url=public_url)
            return
    async with _own_server(settings, engine or settings.engine, log_dir, on_wait, {}) as server:
        yield server


@asynccontextmanager
async def _own_server(
    settings: Settings, engine: str, log_dir: Path, on_wait: Callable[[str], None], own: Mapping[str, str]
) -> AsyncIterator[Server]:
    url = f"http://127.0.0.1:{_free_port()}"
    key = secrets.token_urlsafe(24)
    # A server beside another one: its own key, and addresses of its own instead of the tunnel's.
    environment = os.environ | {"API_KEY": key, "PUBLIC_URL": "", "HOST": "127.0.0.1", **own}
    command = [sys.executable, "-m", "bridge.cli.main", "serve"]
    command += ["--host", "127.0.0.1", "--port", url.rpartition(":")[2], "--engine", engine]
    log = log_dir / "server.log"
    with _open_log(log) as output:
        # In a session of its own, so that a Ctrl-C in the terminal reaches the call first and not both at once.
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    ended = asyncio.create_task(process.wait(), name="own server")
    try:
        on_wait(f"starting a server of its own with the {engine} engine")
        async with http_client(url) as client:
            health = await _ready(client, url, ended, log)
        yield _server(url, health, key, own=True, log=log)
    finally:
        await _stop(process, ended)


def _server(url: str, health: dict[str, Any], key: str | None, public_url: str | None = None, **more: Any) -> Server:
    personas, free = health.get("personas"), health.get("free")
    return Server(
        url,
        str(health.get("engine")),
        key,
        # A server that was given no public address signs and checks with its own.
        public_url,
        tuple(sorted(personas)) if isinstance(personas, list) else (),
        free if isinstance(free, int) else None,
        **more,
    )


async def _stop(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await asyncio.wait({ended}, timeout=STOP_S)
    if not ended.done():
        process.kill()
        await ended


async def _ready(
    client: httpx.AsyncClient, url: str, ended: asyncio.Task[int] | None = None, log: Path | None = None
) -> dict[str, Any]:
    """Wait until the server takes calls. Raises `CallError` if it stops, drains, or takes too long."""
    deadline = asyncio.get_running_loop().time() + START_S
    while asyncio.get_running_loop().time() < deadline:
        health = await _health(client, url) or {}
        match health.get("status"):
            case "ok" if health.get("personas") == []:
                raise CallError(
                    f"the server at {url} has no persona that it can use: see `callbridge persona check`, "
                    f"or make one with `callbridge persona new NAME`{_last_lines(log)}"
                )
            case "ok":
                return health
            case "draining":
                raise CallError(f"the server at {url} is stopping and takes no new calls")
        if ended and ended.done():
            raise CallError(f"the server stopped at once with status {ended.result()}{_last_lines(log)}")
        await asyncio.sleep(0.1)
    raise CallError(f"the server at {url} takes no calls after {START_S:g} s{_last_lines(log)}")


async def _health(client: httpx.AsyncClient, url: str) -> dict[str, Any] | None:
    """What the server says of itself; None where nothing answers. Raises `CallError` if it is no bridge."""
    try:
        response = await client.get(f"{url}/health", timeout=5.0)
    except httpx.HTTPError:
        return None
    try:
        health = response.json()
    except ValueError:
        health = None
    if not isinstance(health, dict) or "status" not in health:
        raise CallError(f"something else than a bridge answers at {url}: use --url to name another address")
    return health


def api_key_of(settings: Settings) -> str | None:
    """API_KEY, or what a server of this machine wrote into its data folder."""
    if settings.api_key:
        return settings.api_key.get_secret_value()
    try:
        return (settings.data_dir / "api.key").read_text().strip() or None
    except OSError:
        return None


def _open_log(log: Path) -> BinaryIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("wb")
    except OSError as error:
        raise CallError(f"the server's log cannot be written to {log}: {error.strerror or error}") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_lines(log: Path | None, count: int = 12) -> str:
    if log is None:
        return ""
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return f"; the end of its log ({log}):\n" + "\n".join(f"  {line}" for line in lines)
