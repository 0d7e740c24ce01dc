"""The house as it is now, for those who look at it: who talks, who waits, each record as it is written, how loud it is.

Where nobody looks, nothing is done. While somebody does, the house is looked at five times a second: its state is told
when it has changed, and the levels of all calls. An event is made once, however many look.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bridge.server.register import LiveCall
from bridge.server.switchboard import Switchboard
from bridge.transcript.records import Record, encode

log = logging.getLogger("bridge.browser")

EVERY_SECONDS: Final = 0.2
"""How often the house is looked at."""

MAX_ONLOOKERS: Final = 32
"""Who may look at once."""

MAX_EVENTS: Final = 2000
"""Events that may wait for one of them; a call writes some three records a second."""

MAX_BYTES: Final = 1024 * 1024
"""The same in bytes."""

_encoder = msgspec.json.Encoder()


def event(kind: str, data: bytes) -> bytes:
    """A server-sent event (HTML standard, 9.2.6); `data` is JSON on one line."""
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


class Onlooker:
    """What waits for one of those who look. Events are told in order; of the levels only the latest are."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._events: deque[bytes] = deque()
        self._bytes = 0
        self._levels = b""
        self._arrived = asyncio.Event()
        self._over = False
        self.lost = 0

    def tell(self, told: bytes) -> bool:
        """Add an event. False: too many waited, and all of them have been dropped, this one too."""
        if len(self._events) >= MAX_EVENTS or self._bytes + len(told) > MAX_BYTES:
            self.lost += len(self._events) + 1
            self._events.clear()
            self._bytes = 0
            return False
        self._events.append(told)
        self._bytes += len(told)
        self._arrived.set()
        return True

    def tell_levels(self, told: bytes) -> None:
        """Put the latest levels in the place of those that wait."""
        self._levels = told
        self._arrived.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._over = True
        self._arrived.set()

    async def next(self, seconds: float) -> bytes | None:
        """All that waits, as soon as anything does; empty if nothing has come in `seconds`, None at the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return b""
        if not self._over:
            self._arrived.clear()
        waiting = b"".join(self._events) + self._levels
        self._events.clear()
        self._bytes, self._levels = 0, b""
        return waiting or (None if self._over else b"")


class Onlookers:
    """Owner of those who look, and of what is counted of them. A `bridge.server.register.Watcher`."""

    def __init__(self, switchboard: Callable[[], Switchboard], shown: Callable[[str], str]) -> None:
        """`switchboard` gives the house, `shown` what may be shown of a caller's number."""
        self.events_lost = 0
        self.taps = 0
        self.tap_ms_lost = 0
        self._switchboard, self._shown = switchboard, shown
        self._looking: list[Onlooker] = []
        self._task: asyncio.Task[None] | None = None
        self._last: object = None

    @property
    def full(self) -> bool:
        """Whether as many look as may."""
        return len(self._looking) >= MAX_ONLOOKERS

    def join(self) -> Onlooker:
        """Look from now on; the state is the first event."""
        onlooker = Onlooker()
        onlooker.tell(self._state())
        self._looking.append(onlooker)
        if self._task is None:
            self._last = self._signature()
            self._task = asyncio.create_task(self._look())
        return onlooker

    def leave(self, onlooker: Onlooker) -> None:
        """Look no more."""
        self._looking.remove(onlooker)

    # -- what is told

    def wrote(self, live: LiveCall, record: Record) -> None:
        """A record was added to a call in progress."""
        if self._looking:
            call_id = live.ticket.call_id.encode()
            self._tell(event("record", b'{"call_id":"' + call_id + b'","record":' + encode(record).rstrip() + b"}"))

    def over(self, live: LiveCall) -> None:
        """A call is over: the next look finds it gone."""

    def _tell(self, told: bytes) -> None:
        for onlooker in self._looking:
            if not onlooker.tell(told):
                self._make_up(onlooker)

    def _make_up(self, onlooker: Onlooker) -> None:
        """So many events were lost: say so, and how the house stands now."""
        lost, onlooker.lost = onlooker.lost, 0
        self.events_lost += lost
        onlooker.tell(event("lost", _encoder.encode({"events": lost})))
        onlooker.tell(self._state())

    async def _look(self) -> None:
        house = self._switchboard()
        try:
            while self._looking:
                self._tell_of(house)
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            self._task = None
            for live in house.live.values():
                live.audience.meter(on=False)

    def _tell_of(self, house: Switchboard) -> None:
        signature = self._signature()
        if signature != self._last:
            self._last = signature
            self._tell(self._state())
        levels = {}
        for call_id, live in house.live.items():
            if live.session and not live.over:
                live.audience.meter(on=True)
                levels[call_id] = live.audience.levels()
        if levels:
            told = event("levels", _encoder.encode({"levels": levels}))
            for onlooker in self._looking:
                onlooker.tell_levels(told)
        if house.draining and not house.calls and not len(house.queue):
            for onlooker in self._looking:
                onlooker.end()

    # -- the state

    def _signature(self) -> object:
        """What makes a new state when it changes; times that go on do not."""
        house = self._switchboard()
        calls = [(call_id, *_standing(live)) for call_id, live in house.live.items()]
        waiting = [ticket.call_id for ticket in house.queue.calls]
        return calls, waiting, house.engine.capacity, house.free, house.engine.state

    def _state(self) -> bytes:
        house = self._switchboard()
        state = {
            "calls": [_shown(live) for live in house.live.values() if not live.over],
            "waiting": [
                {
                    "call_id": ticket.call_id,
                    "persona": ticket.persona.name,
                    "from": self._shown(ticket.from_number),
                    "place": place,
                    "seconds": round(seconds, 1),
                }
                for place, (ticket, seconds) in enumerate(house.queue.waits, 1)
            ],
            "capacity": house.engine.capacity,
            "free": house.free,
            "engine": house.engine.name,
            "engine_state": house.engine.state,
        }
        return event("state", _encoder.encode(state))

    # -- figures

    def metrics(self) -> Iterator[Metric]:
        """For `/metrics`."""
        yield GaugeMetricFamily("callbridge_onlookers", "Who looks at the house now.", value=len(self._looking))
        yield CounterMetricFamily("callbridge_onlookers_events_lost", "Events that were not read.", self.events_lost)
        yield GaugeMetricFamily("callbridge_taps", "Who listens in to calls now.", value=self.taps)
        yield CounterMetricFamily(
            "callbridge_taps_lost_seconds", "Sound that slow listeners missed.", self.tap_ms_lost / 1000
        )


def listenable(live: LiveCall) -> bool:
    """Whether somebody could listen in to a call."""
    return live.session is not None and not live.over and not live.audience.closed


def _standing(live: LiveCall) -> tuple[object, ...]:
    return live.over, live.recorded, listenable(live)


def _shown(live: LiveCall) -> dict[str, Any]:
    """A call as its record begins: with redaction its numbers are masked there."""
    header, ticket = live.log.header, live.ticket
    return {
        "call_id": header.call_id,
        "persona": header.persona,
        "business": ticket.persona.business,
        "from": header.from_number,
        "to": header.to_number,
        "direction": header.direction,
        "carrier": header.carrier,
        "started_at": header.started_at,
        "seconds": round(live.now_ms / 1000, 1),
        "recorded": live.recorded,
        "listenable": listenable(live),
    }
