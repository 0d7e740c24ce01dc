"""The bridge server: its parts, put together from settings, and run until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from bridge import __version__
from bridge.audio.music import hold_music_ulaw
from bridge.audio.resample import model_to_phone, phone_to_model
from bridge.carrier.twilio import MAX_MESSAGE
from bridge.facts.errors import EngineError
from bridge.facts.settings import Settings
from bridge.server.afterwards import Afterwards
from bridge.server.api.control import control_routes
from bridge.server.api.house import House
from bridge.server.api.machine_room import machine_room_routes
from bridge.server.api.openapi import describe
from bridge.server.api.operation import operation_routes
from bridge.server.api.router import mount
from bridge.server.api.session import session_routes
from bridge.server.apologies import apology
from bridge.server.browser.events import events_routes
from bridge.server.browser.listen import listen_routes
from bridge.server.browser.onlookers import Onlookers
from bridge.server.browser.routes import phone_routes
from bridge.server.call_queue import CallQueue
from bridge.server.calls_out import CallsOut
from bridge.server.compat.chat import chat_routes
from bridge.server.compat.conversation import conversation_routes
from bridge.server.compat.reception import Reception
from bridge.server.compat.speech import speech_routes
from bridge.server.console import console_files, console_routes
from bridge.server.do_not_call import DoNotCall
from bridge.server.door import BoundedSocket, Door
from bridge.server.engine_process import EngineProcess
from bridge.server.headers import with_headers
from bridge.server.limits import limit_body
from bridge.server.machine_room import MachineRoom
from bridge.server.metrics import BridgeCollector
from bridge.server.personas import PersonaBook
from bridge.server.prefix import under_prefix
from bridge.server.register import Register
from bridge.server.seating import Seating
from bridge.server.signature import Signatures
from bridge.server.sip.calls_out import AsteriskTrunks
from bridge.server.sip.routes import sip_routes
from bridge.server.store import CallStore
from bridge.server.switchboard import Switchboard
from bridge.server.tokens import StreamTokens
from bridge.server.twilio.requests import TwilioSettings
from bridge.server.twilio.rest import TwilioCalls
from bridge.server.twilio.routes import twilio_routes
from bridge.server.webhooks.post import receiver
from bridge.server.wiring import (
    api_key,
    ari_password,
    bind,
    client_for_twilio,
    configure,
    make_access,
    make_folder,
    make_journal,
    reachable,
    sip_settings,
)
from bridge.transcript.redact import mask

log = logging.getLogger("bridge.server")

JOURNAL_SECONDS: Final = 10.0
"""How long the end of the server waits for transcripts to reach the disk."""


class Server:
    """All parts of one bridge server. `serve` runs it."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened but the data folder and the call index. Raises `SettingsError` for what cannot be."""
        self.settings = settings
        receiver(settings)  # what cannot be used is told before anything is opened
        self.socket = bind(settings)
        host, self.port = self.socket.getsockname()[:2]
        self.local_url = f"http://{reachable(host)}:{self.port}"
        self.public_url = (settings.public_url or self.local_url).rstrip("/")
        make_folder(settings.data_dir)
        self.api_key = api_key(settings)
        self.access = make_access(settings, self.api_key, self.public_url)
        self.engine = EngineProcess(configure(settings), settings.watchdog_seconds)
        self.book = PersonaBook(settings.personas_dir, self.engine.prepare, self.engine.forget)
        self.journal = make_journal(settings)
        self.store = CallStore(settings.database)
        self.afterwards = Afterwards(settings, self.journal, self.store, self.public_url)
        self.do_not_call = DoNotCall(settings.database)
        tokens = StreamTokens(settings.stream_token_seconds, time.monotonic)
        self.onlookers = Onlookers(lambda: self.switchboard, mask if settings.redact else str)
        watchers = (self.afterwards.calls, self.onlookers)
        self.switchboard = Switchboard(
            self.engine,
            Register(self.journal, self.store, settings.data_dir, self.engine.name, *watchers),
            tokens,
            apology,
            Seating(
                self.engine,
                caller_transcript=settings.caller_transcript,
                reseat_seconds=settings.reseat_seconds,
            ),
            CallQueue(settings.queue_length, time.monotonic),
            calls_per_caller=settings.calls_per_caller,
        )
        self.room = MachineRoom(settings, self.switchboard, self.book)
        self.door = Door(settings.waiting_connections)
        self.house = House(settings, self.book, self.switchboard, self.store, self.afterwards.forget_letters)
        self.app = self._app()
        self._http: uvicorn.Server | None = None
        self._unfit: EngineError | None = None

    def _app(self) -> ASGIApp:
        app = self.api = FastAPI(version=__version__, docs_url=None, redoc_url=None)
        describe(app, self.public_url)
        token = self.settings.twilio_auth_token
        signatures = Signatures(token.get_secret_value() if token else None, self.public_url)
        twilio = TwilioSettings(self.public_url, self.settings.default_persona, self.settings.record)
        more = (self.afterwards.metrics, self.access.metrics, self.onlookers.metrics)
        collector = BridgeCollector(self.switchboard, self.journal, *more)
        calls = TwilioCalls(client_for_twilio(self.settings))
        calls_out = CallsOut(
            self.switchboard,
            self.book,
            calls,
            AsteriskTrunks(f"http://127.0.0.1:{self.settings.sip_ari_port}", ari_password(self.settings)),
            self.do_not_call,
            self.public_url,
            lambda: datetime.now(UTC),
            record=self.settings.record,
        )
        app.include_router(twilio_routes(self.switchboard, self.book, signatures, twilio, calls, calls_out))
        app.include_router(sip_routes(self.switchboard, self.book, sip_settings(self.settings)))
        app.include_router(operation_routes(self.switchboard, self.book, self.room, collector))
        reception = Reception(
            self.switchboard, self.book, self.access, self.settings.record, self.settings.enforce_persona
        )
        app.include_router(chat_routes(reception, without_key=self.settings.chat_without_key))
        app.include_router(conversation_routes(reception))
        mount(
            app,
            [
                control_routes(self.switchboard, calls, calls_out, self.access),
                session_routes(self.access),
                speech_routes(reception),
                *self.house.routes(self.access),
                *machine_room_routes(self.room, self.switchboard, self.access),
                phone_routes(self.switchboard, self.book, self.access, record=self.settings.record),
                listen_routes(self.switchboard, self.onlookers, self.access),
                events_routes(self.onlookers, self.access),
            ],
        )
        app.include_router(console_routes(console_files()))
        bounded = limit_body(self.access.streams.watched(app), self.access.identified)
        return under_prefix(with_headers(bounded), self.public_url)

    async def serve(self, when_ready: Callable[[Server], Awaitable[None]] | None = None) -> None:
        """Run until a signal ends it: the first lets calls end, the second stops at once.

        Raises `EngineError` if the engine can never start on this machine.
        """
        http = self._http = _QuietSignals(
            uvicorn.Config(
                self.app,
                ws=BoundedSocket,
                ws_max_size=MAX_MESSAGE,
                ws_per_message_deflate=False,  # 17 µs a message and 40 KB a call for audio that does not shrink
                http=self.door.protocol(),
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        async with self._background(), asyncio.TaskGroup() as group:
            serving = group.create_task(http.serve(sockets=[self.socket]))
            starting = group.create_task(self._start(when_ready))
            with _signals(lambda: group.create_task(self._wind_down(http, starting))):
                await serving
            starting.cancel()
        if self._unfit:
            raise self._unfit

    async def stop(self) -> None:
        """End every call and then the server."""
        await self.switchboard.stop()
        if self._http:
            self._http.should_exit = True

    async def _start(self, when_ready: Callable[[Server], Awaitable[None]] | None) -> None:
        self.afterwards.begin(await asyncio.to_thread(self.store.rebuild, self.settings.data_dir))
        await asyncio.to_thread(_make_ready_for_calls)
        try:
            await self.engine.ready()
        except EngineError as error:  # it will not get better: the server ends with these words
            self._unfit = error
            await self.stop()
            return
        await self.book.refresh()
        if not self.book.names:
            log.error(
                "no persona answers calls: %s holds no usable file; try `callbridge persona new NAME`", self.book.folder
            )
        # What stands now stays: leave it out of collections, which would delay packets by tens of milliseconds.
        gc.collect()
        gc.freeze()
        log.info("answering calls at %s (from outside: %s)", self.local_url, self.public_url)
        if when_ready:
            await when_ready(self)

    @contextlib.asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        """The engine's supervisor, the personas' watch, what is done after calls: for as long as the server runs."""
        engine = asyncio.create_task(self.engine.run())
        watch = asyncio.create_task(self._watch_personas())
        room = asyncio.create_task(self.room.run())
        keys = asyncio.create_task(self.access.watch())
        try:
            yield
        finally:
            await self.switchboard.stop()
            await self.room.end()
            await self.afterwards.end()
            watch.cancel()
            room.cancel()
            keys.cancel()
            self.engine.stop()
            await asyncio.gather(engine, watch, room, keys, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """Close what the making of the server has opened; `serve` does so at its end."""
        self.house.close()
        self.journal.close(JOURNAL_SECONDS)
        self.store.close()
        self.do_not_call.close()
        self.access.close()
        self.socket.close()

    async def _watch_personas(self) -> None:
        await self.engine.ready()
        await self.book.watch()

    async def _wind_down(self, http: uvicorn.Server, starting: asyncio.Task[None]) -> None:
        if self.switchboard.draining:  # the second signal
            log.warning("stopping now; %d calls are cut off", self.switchboard.calls)
            await self.switchboard.stop()
            http.should_exit = http.force_exit = True
            return
        calls = self.switchboard.calls
        log.warning("stopping: no new calls%s", f"; {calls} go on, a second signal cuts them off" if calls else "")
        starting.cancel()
        if not await self.switchboard.drain(self.settings.drain_seconds):
            log.warning("%d calls outlasted DRAIN_SECONDS and are cut off", self.switchboard.calls)
            await self.switchboard.stop()
        http.should_exit = True


class _QuietSignals(uvicorn.Server):
    """Uvicorn without its own handling of signals: how calls end is decided here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@contextlib.contextmanager
def _signals(handler: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _make_ready_for_calls() -> None:
    """Make what is made once, on first use: a call that had to wait for it would hold up all the others."""
    phone_to_model()
    model_to_phone()
    hold_music_ulaw()
