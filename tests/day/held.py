"""What the process holds: tasks, files, objects of calls, memory."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from bridge.call.recording import Recording
from bridge.call.session import CallSession
from bridge.server.engine_slot import EngineSlot
from bridge.server.journal import CallLog
from bridge.server.register import LiveCall
from bridge.server.twilio.replays import Replays
from bridge.server.twilio_leg import TwilioLeg

OF_A_CALL: Final = (LiveCall, CallSession, EngineSlot, Recording, CallLog, TwilioLeg)
"""What may only exist while there is a call."""


@dataclass(frozen=True)
class Held:
    """A look at the process. `blocks` counts Python's memory blocks, `rss_mb` is all the memory there is of it."""

    tasks: Counter[str]
    files: Counter[str]
    objects: Counter[str]
    blocks: int
    rss_mb: float


def held(rest_port: int) -> Held:
    """Look. `rest_port` is that of the carrier's REST API."""
    gc.unfreeze()  # what a server has left out of collections counts too, before a day as after it
    gc.collect()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    return Held(
        Counter(getattr(task.get_coro(), "__qualname__", "?") for task in tasks),
        _open_files(rest_port),
        Counter(type(one).__name__ for one in gc.get_objects() if type(one) in OF_A_CALL),
        sys.getallocatedblocks(),
        psutil.Process().memory_info().rss / 1e6,
    )


def _open_files(rest_port: int) -> Counter[str]:
    """The open files by their kind, without what is kept on purpose for the next call: a few connections to the index
    (at most fifteen) and to the carrier's REST API (at most ten).
    """
    connections = psutil.Process().net_connections("tcp")
    kept = {one.fd for one in connections if one.raddr and one.raddr.port == rest_port}
    found = {int(path.name): os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()}
    names = [name for fd, name in found.items() if fd not in kept and not Path(name).name.startswith("calls.db")]
    return Counter(name.partition(":[")[0] for name in names if "/proc/" not in name or ":[" in name)


def let_go(server: Any) -> None:
    """Forget what a server remembers of calls on purpose, up to a bound: answers to repeated webhooks, and how calls
    ended. What is left then belongs to no call.
    """
    server.switchboard.register._past.clear()
    for one in gc.get_objects():
        if type(one) is Replays:
            one._answers.clear()
