"""Asterisk as a child process: started with files of ours in a folder of its own, watched, and stopped with us."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final

from bridge.asterisk.install import Asterisk
from bridge.facts.errors import BridgeError
from bridge.sip.guard import Guard

log = logging.getLogger("bridge.asterisk")

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
ORDER_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.5
"""How often the security log is read on."""

MAX_READ: Final = 1 << 20
"""Bytes of the security log read at one look; what a flood writes beyond it is read at the next."""


class Running:
    """One Asterisk that runs. `folder` holds its files, its socket and its logs. Owner: who started it."""

    def __init__(self, asterisk: Asterisk, folder: Path) -> None:
        """Nothing is started; see `running`."""
        self.asterisk, self.folder = asterisk, folder.resolve()
        self.process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()

    def write(self, files: Mapping[str, str]) -> None:
        """Put the configuration into the folder, readable by its owner alone: passwords stand in it."""
        write_files(self.folder / "etc", {**files, "asterisk.conf": self._own()})
        for name in ("var/keys", "run", "log", "spool"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def _own(self) -> str:
        return "\n".join([
            "[directories]",
            f"astetcdir => {self.folder}/etc",
            f"astmoddir => {self.asterisk.modules}",
            f"astvarlibdir => {self.folder}/var",
            f"astdbdir => {self.folder}/var",
            f"astkeydir => {self.folder}/var",
            f"astagidir => {self.folder}/var",
            f"astdatadir => {self.asterisk.data}",
            f"astspooldir => {self.folder}/spool",
            f"astrundir => {self.folder}/run",
            f"astlogdir => {self.folder}/log",
            "",
        ])  # fmt: skip

    async def start(self) -> None:
        """Start it and wait until it takes calls. Raises `BridgeError` where it does not, or runs here already."""
        if _listens(self.folder / "run/asterisk.ctl"):
            raise BridgeError(f"an Asterisk runs in {self.folder} already")
        command = (*self.asterisk.command, "-C", str(self.folder / "etc/asterisk.conf"), "-f", "-n")
        self.process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we decide when calls end
        )
        self._log = asyncio.create_task(self._read_log())
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait([ready, self._log], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if not self._ready.is_set():
            await self.stop()
            raise BridgeError(f"Asterisk did not start; its log is {self.folder}/log/console.log")

    async def _read_log(self) -> None:
        """Keep what it says in a file, and what is an error in our log."""
        assert self.process is not None
        assert self.process.stdout is not None
        with (self.folder / "log/console.log").open("ab") as kept:
            async for line in self.process.stdout:
                kept.write(line)
                kept.flush()
                if b"Asterisk Ready." in line:
                    self._ready.set()

    async def order(self, command: str) -> str:
        """What Asterisk answers to a command of its own console."""
        asked = await asyncio.create_subprocess_exec(
            *self.asterisk.command,
            "-C",
            str(self.folder / "etc/asterisk.conf"),
            "-rx",
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(ORDER_SECONDS):
                answer, _ = await asked.communicate()
        except TimeoutError:
            asked.kill()
            raise BridgeError(f"Asterisk did not answer to {command!r} within {ORDER_SECONDS:g} s") from None
        return answer.decode(errors="replace")

    async def keep_out(self, guard: Guard, clock: Callable[[], float] = time.monotonic) -> None:
        """Ban those who guess passwords, until cancelled. `guard` is ours from now on."""
        path = self.folder / "log/security.log"
        place = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            lines, place = await asyncio.to_thread(_read_on, path, place)
            now = clock()
            banned = [address for line in lines if (address := guard.note(line, now))]
            for address in banned:
                log.warning("%s has failed too often and is kept out", address)
            if banned or guard.release(now):
                write_files(self.folder / "etc", {"banned.conf": guard.rules()})
                await self.order("module reload acl")

    async def stop(self) -> None:
        """End it; calls in progress end with it."""
        if self.process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self.process.wait()
                    break
        await self._log
        self.process = None


@contextlib.asynccontextmanager
async def running(asterisk: Asterisk, folder: Path, files: Mapping[str, str]) -> AsyncIterator[Running]:
    """An Asterisk with these files, from ready to stopped."""
    one = Running(asterisk, folder)
    one.write(files)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write each file whole, readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        fresh = folder / f"{name}.tmp"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        fresh.rename(folder / name)


def _listens(path: Path) -> bool:
    """Whether a process takes connections at a socket's path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _read_on(path: Path, place: int) -> tuple[list[str], int]:
    """The whole lines behind `place`, and the place behind them; a log that was made anew is read from its start."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(place if place <= size else 0)
            data = file.read(MAX_READ)
            end = data.rfind(b"\n") + 1
            return data[:end].decode(errors="replace").splitlines(), file.tell() - len(data) + end
    except FileNotFoundError:
        return [], 0
