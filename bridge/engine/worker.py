"""The engine process: collect → step → deliver, over one socket to the bridge server.

Started as `python -m bridge.engine.worker FD`, with one end of a socket pair as file descriptor FD. One thread
owns the engine and the socket's reading side; a second one does what may be slow (`prepare`, `render`), so that live
calls do not wait for it. The process ends when the server closes its end, however the server came to its end.

When a step is due, and which frames go into it, is decided in `bridge.engine.tick`. A call that sends faster than the
engine steps never builds up lag: its oldest frames are dropped and counted.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import psutil

from bridge.engine import messages
from bridge.engine.factory import build
from bridge.engine.interface import Engine, Frame, Seat
from bridge.engine.tick import IN_HAND, Grid, Waiting
from bridge.facts.errors import BridgeError, EngineError
from bridge.facts.speech import Recollection
from bridge.persona.schema import Persona

log = logging.getLogger("bridge.engine")

BEAT_SECONDS: Final = 1.0

SEND_TIMEOUT_SECONDS: Final = 10.0
"""A server that reads nothing for so long is gone; the process ends."""


class Link:
    """The socket to the server. Reading belongs to the main thread; sending is for any thread."""

    def __init__(self, sock: socket.socket) -> None:
        """Take over the connected socket."""
        self._socket = sock
        self._socket.settimeout(SEND_TIMEOUT_SECONDS)
        self._buffer = bytearray()
        self._sending = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)

    def send(self, *parcel: messages.FromEngine) -> None:
        """Send messages in one go. Raises `EOFError` when the server is gone."""
        data = b"".join(messages.pack(message) for message in parcel)
        try:
            with self._sending:
                self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def receive(self, timeout: float) -> list[messages.ToEngine]:
        """Whole messages that have arrived, waiting at most `timeout` seconds. Raises `EOFError` at the end."""
        if not self._selector.select(timeout):
            return []
        data = self._socket.recv(1 << 20)
        if not data:
            raise EOFError
        self._buffer += data
        return list(self._whole_messages())

    def _whole_messages(self) -> list[messages.ToEngine]:
        found = []
        start = 0
        while len(self._buffer) - start >= messages.HEADER.size:
            (length,) = messages.HEADER.unpack_from(self._buffer, start)
            end = start + messages.HEADER.size + length
            if len(self._buffer) < end:
                break
            found.append(messages.to_engine.decode(memoryview(self._buffer)[start + messages.HEADER.size : end]))
            start = end
        del self._buffer[:start]
        return found


Numbered = tuple[int, Frame]
"""A caller frame with its number in the call."""


class Worker:
    """The main loop's state: who sits in which slot, and whose frames wait."""

    def __init__(self, engine: Engine, link: Link) -> None:
        """All slots are free."""
        self._engine = engine
        self._link = link
        self._personas: dict[str, tuple[Persona, Recollection]] = {}
        self._calls: dict[int, int] = {}  # occupant to slot
        self._free = list(range(engine.capacity))[::-1]
        self._waiting: Waiting[Numbered] = Waiting()
        self._grid = Grid(engine.tick_ms / 1000) if engine.tick_ms else None
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._steps = 0

    def run(self) -> None:
        """Serve until the server closes the socket."""
        process = psutil.Process()
        next_beat = time.monotonic()
        try:
            while True:
                now = time.monotonic()
                if now >= next_beat:
                    next_beat = now + BEAT_SECONDS
                    self._beat(process.memory_info().rss)
                self._receive(min(next_beat - now, self._until_tick(now)))
                if self._grid is None:
                    self._step_at_once()
                else:
                    self._tick(self._grid)
        except EOFError:
            log.debug("the bridge server closed the engine's socket")
        finally:
            self._slow.shutdown(wait=False, cancel_futures=True)

    def _beat(self, rss_bytes: int) -> None:
        late = self._grid.late if self._grid else 0
        self._link.send(messages.Beat(time.process_time(), rss_bytes, self._steps, self._waiting.dropped, late))

    def _receive(self, timeout: float) -> None:
        for message in self._link.receive(timeout):
            self._handle(message)

    def _until_tick(self, now: float) -> float:
        """Seconds for which nothing but a message can give work."""
        return self._grid.wait(now) if self._grid and self._waiting else math.inf

    def _step_at_once(self) -> None:
        while self._waiting:
            self._step(self._waiting.take())
            self._receive(0)

    def _tick(self, grid: Grid) -> None:
        """Step all calls if a tick is due; then those that are behind, as long as there is time."""
        if not self._calls:
            grid.rest()
        began = time.monotonic()
        if not self._waiting or grid.wait(began) > 0:
            return
        self._step(self._waiting.take())
        grid.ticked(began, time.monotonic())
        self._receive(0)
        while grid.room(time.monotonic()) and (behind := self._waiting.take(keep=IN_HAND)):
            self._step(behind)
            self._receive(0)

    def _handle(self, message: messages.ToEngine) -> None:
        match message:
            case messages.CallerFrame(occupant, number, pcm):
                if occupant in self._calls:  # otherwise it was under way when its call ended
                    self._waiting.add(occupant, (number, np.frombuffer(pcm, np.float32)))
            case messages.Open():
                self._link.send(messages.Opened(message.occupant, self._open(message)))
            case messages.Close(occupant):
                self._close(occupant)
            case messages.Say(occupant, text, wish):
                if (slot := self._calls.get(occupant)) is not None:
                    self._engine.say(slot, text, wish)
            case messages.Key(occupant, digit):
                if (slot := self._calls.get(occupant)) is not None:
                    self._engine.digit(slot, digit)
            case messages.Prepare():
                self._slow.submit(self._prepare, message)
            case messages.Forget(key):
                self._personas.pop(key, None)
            case messages.Render():
                self._slow.submit(self._render, message)
            case messages.Configure():
                raise EngineError("an engine process is configured only once")

    def _open(self, message: messages.Open) -> str:
        """Seat a call; the words of what prevents it, or nothing."""
        prepared = self._personas.get(message.key)
        if prepared is None:
            return "this persona has not been prepared"
        if not self._free:
            return "every slot is taken"
        slot = self._free.pop()
        try:
            seat = Seat(prepared[0], message.seed, message.caller_transcript, prepared[1], message.notice)
            self._engine.open(slot, seat)
        except BridgeError as error:
            self._free.append(slot)
            return str(error)
        self._calls[message.occupant] = slot
        return ""

    def _close(self, occupant: int) -> None:
        self._waiting.forget(occupant)
        slot = self._calls.pop(occupant, None)
        if slot is not None:
            self._engine.close(slot)
            self._free.append(slot)

    def _step(self, frames: Mapping[int, Numbered]) -> None:
        """Step the calls that these frames belong to, and deliver what they say."""
        answers = self._engine.step({self._calls[occupant]: pcm for occupant, (_, pcm) in frames.items()})
        self._steps += 1
        self._link.send(
            *(
                messages.Answer(occupant, number, answers[self._calls[occupant]])
                for occupant, (number, _) in frames.items()
            )
        )

    def _prepare(self, message: messages.Prepare) -> None:
        error = ""
        try:
            persona = Persona.model_validate_json(message.persona)
            self._engine.prepare(persona, message.recollection)
            self._personas[message.key] = persona, message.recollection
        except BridgeError as problem:
            error = str(problem)
        except Exception as problem:
            # Whatever a model library throws here concerns one persona; the calls of the others go on.
            log.exception("a persona could not be prepared")
            error = f"{type(problem).__name__}: {problem}"
        self._link.send(messages.Prepared(message.key, error))

    def _render(self, message: messages.Render) -> None:
        try:
            ulaw = self._engine.render(message.text, message.language)
        except Exception:
            log.exception("a line could not be rendered")
            ulaw = b""
        self._link.send(messages.Rendered(message.request, ulaw))


def main(descriptor: int) -> None:
    """Configure, load, serve."""
    # Ctrl-C and SIGTERM reach the whole group: the server decides how calls end, this process follows its socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Threads that run Python (recognition, speech) must hand the interpreter over well within a packet of 20 ms.
    sys.setswitchinterval(0.0005)
    link = Link(socket.socket(fileno=descriptor))
    first = link.receive(SEND_TIMEOUT_SECONDS)
    if not first or not isinstance(first[0], messages.Configure):
        sys.exit("the bridge server did not configure this engine process")
    configuration = first[0]
    logging.basicConfig(
        level=configuration.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", force=True
    )
    try:
        engine = build(configuration)
    except BridgeError as error:
        link.send(messages.Ready(configuration.engine, 0, {"error": str(error)}))
        sys.exit(1)
    # What is loaded now stays for ever; a full collection over it would stop the process for tens of milliseconds.
    gc.collect()
    gc.freeze()
    link.send(messages.Ready(engine.name, engine.capacity, {"pid": str(os.getpid())}))
    worker = Worker(engine, link)
    for message in first[1:]:
        worker._handle(message)
    worker.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
