"""The supervised engine process: started, watched, replaced; and the slots in it that calls hold.

All of it runs in the event loop and none of it waits for the engine: frames go out through a bounded socket buffer
and come back as messages. When the process ends or falls silent, every call in it is told (its next frame raises
`EngineError`), and a new process is started, after a pause that doubles with each failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import socket
import sys
from dataclasses import dataclass, field
from typing import Final, Literal

from bridge.engine import messages
from bridge.facts.errors import EngineError, EngineFullError
from bridge.facts.speech import Recollection
from bridge.facts.ticks import Ticks
from bridge.persona.schema import Persona
from bridge.server.engine_slot import EngineSlot
from bridge.server.engine_wire import Wire, reap

log = logging.getLogger("bridge.engine")

MAX_WRITE_BUFFER: Final = 8 * 1024 * 1024
"""Bytes of caller frames that may wait for the engine process to read (80 ms of a thousand calls)."""

READY_SECONDS: Final = 600.0
"""Longest time an engine may take to load: 16 GB of weights from a slow disk."""

RESTART_SECONDS: Final = (0.2, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Pauses before the first, second, … restart in a row."""

State = Literal["starting", "ready", "down", "stopped"]


@dataclass(slots=True)
class EngineCounters:
    """What the metrics show of the engine process; `beat` is its last sign of life."""

    restarts: int = 0
    frames_refused: int = 0
    beat: messages.Beat = field(default_factory=lambda: messages.Beat(0.0, 0, 0, 0))


@dataclass(slots=True)
class _Running:
    """What belongs to one life of the process."""

    generation: int
    process: asyncio.subprocess.Process | None = None
    transport: asyncio.Transport | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""


class EngineProcess:
    """See the module's docstring. Owner: the server."""

    def __init__(self, configuration: messages.Configure, watchdog_seconds: float) -> None:
        """Nothing runs before `run`."""
        self.configuration = configuration
        self.counters = EngineCounters()
        self.state: State = "starting"
        self.details: dict[str, str] = {}
        self.capacity = 0
        self.limit = 0
        self.shedding = False
        self.ticks: Ticks | None = None
        self._watchdog = watchdog_seconds
        self._slots: dict[int, EngineSlot] = {}
        self._occupants = itertools.count(1)
        self._generations = itertools.count(1)
        self._running = _Running(0)
        self._personas: dict[str, Persona] = {}
        self._prepared: dict[str, str] = {}
        self._unprepared: set[str] = set()
        self._waiting_for: dict[str, list[asyncio.Future[str]]] = {}
        self._renders: dict[int, asyncio.Future[bytes]] = {}
        self._requests = itertools.count(1)
        self._ready = asyncio.Event()
        self._unfit = ""
        self._beat = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self.configuration.engine

    @property
    def open_slots(self) -> int:
        """Slots that calls hold now."""
        return len(self._slots)

    # -- life of the process

    async def run(self) -> None:
        """Keep a process running until cancelled or `stop`ped."""
        failures = 0
        try:
            while not self._stopping.is_set():
                self._running = _Running(next(self._generations))
                lived = await self._live(self._running)
                failures = 0 if lived else min(failures + 1, len(RESTART_SECONDS) - 1)
                if self._stopping.is_set() or self._unfit:
                    break
                self.counters.restarts += 1
                log.error(
                    "engine %s is down: %s; starting it again in %g s",
                    self.name, self._running.why, RESTART_SECONDS[failures],
                )  # fmt: skip
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RESTART_SECONDS[failures]):
                        await self._stopping.wait()
        finally:
            self.state = "stopped"
            self._ready.set()  # whoever waits for an engine is told that there will be none

    async def _live(self, running: _Running) -> bool:
        """One life of the process; whether it ever became ready."""
        self.state = "starting"
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with contextlib.closing(theirs):
            running.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bridge.engine.worker", str(theirs.fileno()), pass_fds=[theirs.fileno()]
            )
        running.transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: Wire(
                lambda message: self.received(running.generation, message),
                lambda why: self.lost(running.generation, why),
            ),
            sock=ours,
        )
        self._write(self.configuration)
        try:
            ready = await self._becomes_ready(running)
            if ready:
                await self._watch(running)
        finally:
            self._end(running)
            await reap(running.process)
        return ready

    async def _becomes_ready(self, running: _Running) -> bool:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await _first(self._ready, running.ended)
        except TimeoutError:
            running.why = f"it was not ready within {READY_SECONDS:g} s"
            return False
        return not running.ended.is_set()

    async def _watch(self, running: _Running) -> None:
        """Return when the process has ended or has given no sign of life for too long."""
        while not running.ended.is_set():
            self._beat.clear()
            try:
                async with asyncio.timeout(self._watchdog):
                    await _first(self._beat, running.ended)
            except TimeoutError:
                running.why = f"no sign of life for {self._watchdog:g} s"
                if running.process:
                    running.process.kill()  # what hangs does not end by itself, and callers wait for the next one
                return

    def _end(self, running: _Running) -> None:
        self._ready.clear()
        self.state = "down"
        if running.transport:
            running.transport.abort()
        why = f"the {self.name} engine has stopped: {running.why or 'the server is stopping'}"
        for slot in self._slots.values():
            slot.lose(why)
        for future in [*itertools.chain.from_iterable(self._waiting_for.values())]:
            if not future.done():
                future.set_result(why)
        self._waiting_for.clear()
        for render in self._renders.values():
            if not render.done():
                render.set_result(b"")
        self._renders.clear()
        self._prepared.clear()

    def stop(self) -> None:
        """Let the process end; no new one is started."""
        self._stopping.set()
        self.lost(self._running.generation, "the server is stopping")

    def lost(self, generation: int, why: str) -> None:
        """The process of `generation` is gone or to be given up."""
        if generation == self._running.generation:
            self._running.why = self._running.why or why
            self._running.ended.set()

    async def ready(self) -> None:
        """Wait until an engine is loaded. Raises `EngineError` in words if there will never be one."""
        await self._ready.wait()
        if self.state != "ready":
            raise EngineError(self._unfit or f"the {self.name} engine has been stopped")

    # -- messages

    def send(self, message: messages.ToEngine) -> None:
        """Send a control message; without a ready process it concerns nobody and is dropped."""
        if self.state == "ready":
            self._write(message)

    def send_frame(self, frame: messages.CallerFrame) -> bool:
        """Send a caller frame, unless the process is too far behind in reading."""
        transport = self._running.transport
        if self.state != "ready" or transport is None:
            return False
        if transport.get_write_buffer_size() > MAX_WRITE_BUFFER:
            self.counters.frames_refused += 1
            return False
        transport.write(messages.pack(frame))
        return True

    def _write(self, message: messages.ToEngine) -> None:
        if self._running.transport is not None:
            self._running.transport.write(messages.pack(message))

    def received(self, generation: int, message: messages.FromEngine) -> None:
        """A message from the process of `generation`."""
        if generation != self._running.generation:
            return
        match message:
            case messages.Answer(occupant):
                if slot := self._slots.get(occupant):
                    slot.deliver(message)
            case messages.Beat():
                self._beat.set()
                self._admit(message)
            case messages.Opened(occupant, error):
                if error and (slot := self._slots.get(occupant)):
                    slot.lose(f"the engine did not take the call: {error}")
            case messages.Prepared(key, error):
                self._prepared[key] = error
                self._unprepared.discard(key)
                self._take_calls_if_prepared()
                for future in self._waiting_for.pop(key, []):
                    if not future.done():
                        future.set_result(error)
            case messages.Rendered(request, ulaw):
                if (render := self._renders.pop(request, None)) and not render.done():
                    render.set_result(ulaw)
            case messages.Ready():
                self._take_up(message)

    def _admit(self, beat: messages.Beat) -> None:
        """Take over what the process says of itself, and how many calls it should be given."""
        if beat.shedding and not self.shedding:
            log.warning("engine %s: two steps in a row took too long; no new calls for a while", self.name)
        bounds = (self.capacity, beat.limit, beat.memory_calls)
        self.limit = min(bound for bound in bounds if bound is not None)
        self.shedding = beat.shedding
        self.counters.beat = beat

    def _take_up(self, message: messages.Ready) -> None:
        if error := message.details.get("error"):
            # It has looked at its models and its machine and said no: another try would hear the same.
            self._unfit = f"the {self.name} engine cannot start: {error}"
            self.lost(self._running.generation, error)
            return
        self.capacity, self.details = message.capacity, message.details
        self.limit, self.shedding = message.capacity, False
        self.ticks = Ticks(message.tick_at, message.tick_ms / 1000) if message.tick_ms else None
        # A process that replaces another takes calls once it knows the personas that the other knew.
        self._unprepared = set(self._personas)
        for key, persona in self._personas.items():
            self._write(messages.Prepare(key, persona.model_dump_json()))
        self._take_calls_if_prepared()

    def _take_calls_if_prepared(self) -> None:
        if self._unprepared or self._ready.is_set():
            return
        self.state = "ready"
        log.info("engine %s is ready: %d calls at once", self.name, self.capacity)
        self._ready.set()

    # -- what calls and personas ask for

    async def prepare(self, key: str, persona: Persona) -> str:
        """Have the engine prepare `persona` under `key`; the words of what prevents it, or nothing."""
        self._personas[key] = persona
        await self.ready()
        if key in self._prepared:
            return self._prepared[key]
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting_for.setdefault(key, []).append(future)
        self.send(messages.Prepare(key, persona.model_dump_json()))
        return await future

    def forget(self, key: str) -> None:
        """No call will ask for `key` again."""
        self._personas.pop(key, None)
        self._prepared.pop(key, None)

    async def recall(self, key: str, persona: Persona, recollection: Recollection = ()) -> str:
        """Have the engine prepare `persona` for one call; the key to `open` it with.

        With a `recollection` the call goes on from there. Waits for an engine if there is none now. Raises
        `EngineError` if there will be none, or if it cannot.
        """
        await self.ready()
        own_key = f"{key}+{next(self._requests)}"
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting_for[own_key] = [future]
        self.send(messages.Prepare(own_key, persona.model_dump_json(), recollection, once=True))
        if error := await future:
            raise EngineError(error)
        return own_key

    def forget_recalled(self, own_key: str) -> None:
        """The call that `own_key` was made for has been seated, or never will be."""
        self._prepared.pop(own_key, None)
        self.send(messages.Forget(own_key))

    async def render(self, text: str, language: str) -> bytes:
        """Speak a line outside any call: 8 kHz mu-law, empty if the engine cannot."""
        await self.ready()
        request = next(self._requests)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._renders[request] = future
        self.send(messages.Render(request, text, language))
        return await future

    def open(
        self, key: str, *, seed: int | None = None, caller_transcript: bool = True, notice: bool = False
    ) -> EngineSlot:
        """Seat a call for the persona prepared under `key`; `notice` says first that it is recorded.

        Raises `EngineFullError` or `EngineError`.
        """
        if self.state != "ready":
            raise EngineError(f"the {self.name} engine is {self.state}")
        if self.open_slots >= self.capacity:
            raise EngineFullError(f"all {self.capacity} slots of the {self.name} engine are taken")
        slot = EngineSlot(self, next(self._occupants))
        self._slots[slot.occupant] = slot
        chosen = secrets.randbits(63) if seed is None else seed
        self._write(messages.Open(slot.occupant, key, chosen, caller_transcript, notice))
        return slot

    def release(self, slot: EngineSlot) -> None:
        """A call has ended."""
        self._slots.pop(slot.occupant, None)
        self.send(messages.Close(slot.occupant))


async def _first(*events: asyncio.Event) -> None:
    """Wait for any of the events."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
