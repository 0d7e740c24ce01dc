"""The server's side of `bridge.engine.errand`: a process is given one order, heard out, and ended."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any, Final

from bridge.facts.errors import BridgeError

END_SECONDS: Final = 2.0
"""How long a process that was told to end may take to do so; then it is killed."""


class ErrandError(BridgeError):
    """The work could not be done: why, in words, and which kind of reason it is."""

    def __init__(self, message: str, kind: str = "other") -> None:
        """Keep the kind beside the message."""
        super().__init__(message)
        self.kind = kind


async def errand(
    module: str, order: dict[str, Any], told: Callable[[dict[str, Any]], None] = lambda progress: None
) -> dict[str, Any]:
    """Have `python -m module` do what `order` says; `told` hears of its progress. What came of it.

    Raises `ErrandError`. Cancelled, it ends the process.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        async for line in process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "error" in message:
                raise ErrandError(message["error"], message["kind"])
            if "done" in message:
                done: dict[str, Any] = message["done"]
                return done
            told(message)
        raise ErrandError(f"{module} has ended without a word (status {await process.wait()}); the log says more")
    finally:
        process.stdin.close()
        if process.returncode is None:
            await asyncio.shield(_end(process))


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        process.terminate()
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except ProcessLookupError:
        return
    except TimeoutError:
        process.kill()
        await process.wait()
