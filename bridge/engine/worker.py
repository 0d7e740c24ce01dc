"""The engine process: collect → step → deliver, over one socket to the bridge server.

Started as `python -m bridge.engine.worker FD`, with one end of a socket pair as file descriptor FD. One thread
owns the engine and the socket's reading side; a second one does what may be slow (`prepare`, `render`), so that live
calls do not wait for it. The process ends when the server closes its end, however the server came to its end.

When a step is due, and which frames go into it, is decided in `bridge.engine.tick`; how many calls are taken, in
`bridge.engine.admission`. A call that sends faster than the engine steps never builds up lag: its oldest frames are
dropped and counted.
"""

from __future__ import annotations

import gc
import heapq
import logging
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
from bridge.engine.admission import Admission
from bridge.engine.factory import build
from bridge.engine.histogram import Histogram
from bridge.engine.interface import Engine, Frame, Seat
from bridge.engine.tick import Schedule, Taken
from bridge.facts.errors import BridgeError, EngineError
from bridge.facts.speech import Recollection
from bridge.facts.ticks import STEP_CLASSES, WAIT_CLASSES, Ticks
from bridge.persona.schema import Persona

log = logging.getLogger("bridge.engine")

BEAT_SECONDS: Final = 1.0

SEND_TIMEOUT_SECONDS: Final = 10.0
"""A server that reads nothing for so long is gone; the process ends."""


READS: Final = 8
"""Reads in one go: a socket holds the frames of some 27 calls, and all that are there should come before a step."""


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
        for _ in range(READS):
            if not self._selector.select(timeout):
                break
            data = self._socket.recv(1 << 20)
            if not data:
                raise EOFError
            self._buffer += data
            timeout = 0
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

    def __init__(self, engine: Engine, link: Link, ticks: Ticks | None = None) -> None:
        """All slots are free. `ticks` are those of an engine that has them."""
        self._engine = engine
        self._link = link
        self._personas: dict[str, tuple[Persona, Recollection, bool]] = {}
        self._calls: dict[int, int] = {}  # occupant to slot
        self._free = list(range(engine.capacity))  # a heap: a step computes the slots up to the last one taken
        self._schedule: Schedule[Numbered] = Schedule(ticks)
        self._admission = Admission(engine.capacity, ticks.period) if ticks else None
        self._admitted = (engine.capacity, False)  # limit and shedding, as last told
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._process = psutil.Process()
        self._steps = Histogram(STEP_CLASSES)
        self._waits = Histogram(WAIT_CLASSES)

    def run(self) -> None:
        """Serve until the server closes the socket."""
        next_beat = time.monotonic()
        try:
            while True:
                now = time.monotonic()
                if now >= next_beat or self._admission_has_changed(now):
                    next_beat = now + BEAT_SECONDS
                    self._beat()
                self._receive(min(next_beat - now, self._schedule.wait(now)))
                began = time.monotonic()
                if taken := self._schedule.take(began):
                    self._step(taken)
                    self._stepped(began, time.monotonic())
        except EOFError:
            log.debug("the bridge server closed the engine's socket")
        finally:
            self._slow.shutdown(wait=False, cancel_futures=True)

    def _stepped(self, began: float, ended: float) -> None:
        self._steps.add(ended - began)
        self._schedule.stepped(began, ended)
        if self._admission:
            self._admission.stepped(began, ended, len(self._calls))

    def _admission_has_changed(self, now: float) -> bool:
        """Whether the server must be told at once how many calls to send."""
        if self._admission is None:
            return False
        before, self._admitted = self._admitted, (self._admission.limit, self._admission.shedding(now))
        return before != self._admitted

    def _beat(self) -> None:
        schedule, (limit, shedding), memory = self._schedule, self._admitted, self._engine.memory
        self._link.send(
            messages.Beat(
                time.process_time(),
                self._process.memory_info().rss,
                sum(self._steps.counts),
                schedule.dropped,
                schedule.late,
                schedule.missed,
                self._steps.counts,
                self._steps.total,
                self._waits.counts,
                self._waits.total,
                limit,
                shedding,
                memory.used if memory else 0,
                memory.reserved if memory else 0,
                memory.calls if memory else None,
            )
        )

    def _receive(self, timeout: float) -> None:
        for message in self._link.receive(timeout):
            self._handle(message)

    def _handle(self, message: messages.ToEngine) -> None:
        match message:
            case messages.CallerFrame(occupant, number, pcm, at):
                if occupant in self._calls:  # otherwise it was under way when its call ended
                    self._schedule.add(occupant, (number, np.frombuffer(pcm, np.float32)), at)
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
        slot = heapq.heappop(self._free)
        try:
            persona, recollection, once = prepared
            seat = Seat(persona, message.seed, message.caller_transcript, recollection, message.notice, once)
            self._engine.open(slot, seat)
        except BridgeError as error:
            heapq.heappush(self._free, slot)
            return str(error)
        self._calls[message.occupant] = slot
        self._schedule.open(message.occupant)
        return ""

    def _close(self, occupant: int) -> None:
        self._schedule.close(occupant)
        slot = self._calls.pop(occupant, None)
        if slot is not None:
            self._engine.close(slot)
            heapq.heappush(self._free, slot)

    def _step(self, taken: Mapping[int, Taken[Numbered]]) -> None:
        """Step the calls that these frames belong to, and deliver what they say."""
        answers = self._engine.step({self._calls[occupant]: one.frame[1] for occupant, one in taken.items()})
        self._link.send(
            *(
                messages.Answer(occupant, one.frame[0], answers[self._calls[occupant]], one.ahead)
                for occupant, one in taken.items()
            )
        )
        for one in taken.values():
            self._waits.add(one.waited)

    def _prepare(self, message: messages.Prepare) -> None:
        error = ""
        try:
            persona = Persona.model_validate_json(message.persona)
            self._engine.prepare(persona, message.recollection, once=message.once)
            self._personas[message.key] = persona, message.recollection, message.once
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
    tick_ms, tick_at = engine.tick_ms or 0, time.monotonic()
    link.send(
        messages.Ready(engine.name, engine.capacity, engine.details | {"pid": str(os.getpid())}, tick_ms, tick_at)
    )
    worker = Worker(engine, link, Ticks(tick_at, tick_ms / 1000) if tick_ms else None)
    for message in first[1:]:
        worker._handle(message)
    worker.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
