"""Work that the server gives to a process of its own, because in its event loop it would hold up calls.

The process is `python -m MODULE`. It reads one order, a line of JSON, and tells of its progress in lines of JSON; the
last has the key `done` or `error`. It gives way to calls (a lower priority), and ends with whoever started it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

NICENESS: Final = 10
"""Below the server and its engine, which must be on time."""

Told = dict[str, Any]
Tell = Callable[[Told], None]


def serve(work: Callable[[Told, Tell], Told], expected: type[Exception] | tuple[type[Exception], ...]) -> None:
    """Do the one piece of work. Errors that are `expected` are told in words; their `kind` too, where they have one."""
    os.nice(NICENESS)
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    try:
        done = work(order, _tell)
    except expected as error:
        _tell({"error": str(error), "kind": getattr(error, "kind", "other")})
        sys.exit(1)
    _tell({"done": done})


def _tell(told: Told) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _end_with_whoever_asked() -> None:
    """Their end of the pipe is closed when they have what they wanted, or are gone."""
    os.read(sys.stdin.fileno(), 1)  # not sys.stdin, whose lock an ending interpreter would wait for
    os._exit(2)
