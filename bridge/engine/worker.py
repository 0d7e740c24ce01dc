"""The engine process: collect → step → deliver, over one socket to the bridge server.

Started as `python -m bridge.engine.worker FD`, with one end of a socket pair as file descriptor FD. One thread
owns the engine and the socket's reading side; a second one does what may be slow (`prepare`, `render`), so that live
calls do not wait for it. The process ends when the server closes its end, however the server came to its end.

A call that sends faster than the engine steps never builds up lag: at most `MAX_PENDING` of its frames wait; then the
oldest are dropped and counted.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import psutil

from bridge.engine import messages
from bridge.engine.factory import build
from bridge.engine.interface import Engine, Frame, Seat
from bridge.facts.errors import BridgeError, EngineError
from bridge.persona.schema import Persona

log = logging.getLogger("bridge.engine")

MAX_PENDING: Final = 12
"""Frames of one call that may wait for a step: just under a second."""

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


@dataclass(slots=True)
class _Call:
    slot: int
    pending: deque[tuple[int, Frame]] = field(default_factory=deque)


class Worker:
    """The main loop's state: who sits in which slot, and whose frames wait."""

    def __init__(self, engine: Engine, link: Link) -> None:
        """All slots are free."""
        self._engine = engine
        self._link = link
        self._personas: dict[str, Persona] = {}
        self._calls: dict[int, _Call] = {}
        self._free = list(range(engine.capacity))[::-1]
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._steps = self._dropped = 0

    def run(self) -> None:
        """Serve until the server closes the socket."""
        process = psutil.Process()
        next_beat = time.monotonic()
        try:
            while True:
                now = time.monotonic()
                if now >= next_beat:
                    next_beat = now + BEAT_SECONDS
                    self._link.send(
                        messages.Beat(time.process_time(), process.memory_info().rss, self._steps, self._dropped)
                    )
                for message in self._link.receive(next_beat - now):
                    self._handle(message)
                while self._step():
                    for message in self._link.receive(0):
                        self._handle(message)
        except EOFError:
            log.debug("the bridge server closed the engine's socket")
        finally:
            self._slow.shutdown(wait=False, cancel_futures=True)

    def _handle(self, message: messages.ToEngine) -> None:
        match message:
            case messages.CallerFrame(occupant, number, pcm):
                self._queue(occupant, number, pcm)
            case messages.Open():
                self._link.send(messages.Opened(message.occupant, self._open(message)))
            case messages.Close(occupant):
                if call := self._calls.pop(occupant, None):
                    self._engine.close(call.slot)
                    self._free.append(call.slot)
            case messages.Say(occupant, text, wish):
                if call := self._calls.get(occupant):
                    self._engine.say(call.slot, text, wish)
            case messages.Key(occupant, digit):
                if call := self._calls.get(occupant):
                    self._engine.digit(call.slot, digit)
            case messages.Prepare(key, persona):
                self._slow.submit(self._prepare, key, persona)
            case messages.Render():
                self._slow.submit(self._render, message)
            case messages.Configure():
                raise EngineError("an engine process is configured only once")

    def _queue(self, occupant: int, number: int, pcm: bytes) -> None:
        call = self._calls.get(occupant)
        if call is None:  # a frame that was under way when its call ended
            return
        if len(call.pending) >= MAX_PENDING:
            call.pending.popleft()
            self._dropped += 1
        call.pending.append((number, np.frombuffer(pcm, np.float32)))

    def _open(self, message: messages.Open) -> str:
        """Seat a call; the words of what prevents it, or nothing."""
        persona = self._personas.get(message.key)
        if persona is None:
            return "this persona has not been prepared"
        if not self._free:
            return "every slot is taken"
        slot = self._free.pop()
        try:
            self._engine.open(slot, Seat(persona, message.seed, message.caller_transcript))
        except BridgeError as error:
            self._free.append(slot)
            return str(error)
        self._calls[message.occupant] = _Call(slot)
        return ""

    def _step(self) -> bool:
        """Step every call that has a frame waiting, once. False when none has."""
        waiting = {occupant: call for occupant, call in self._calls.items() if call.pending}
        if not waiting:
            return False
        taken = {occupant: call.pending.popleft() for occupant, call in waiting.items()}
        answers = self._engine.step({waiting[occupant].slot: pcm for occupant, (_, pcm) in taken.items()})
        self._steps += 1
        self._link.send(
            *(
                messages.Answer(occupant, number, answers[waiting[occupant].slot])
                for occupant, (number, _) in taken.items()
            )
        )
        return True

    def _prepare(self, key: str, persona_json: str) -> None:
        error = ""
        try:
            persona = Persona.model_validate_json(persona_json)
            self._engine.prepare(persona)
            self._personas[key] = persona
        except BridgeError as problem:
            error = str(problem)
        except Exception as problem:
            # Whatever a model library throws here concerns one persona; the calls of the others go on.
            log.exception("a persona could not be prepared")
            error = f"{type(problem).__name__}: {problem}"
        self._link.send(messages.Prepared(key, error))

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
