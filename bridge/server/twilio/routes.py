"""The router with everything that Twilio asks and tells."""

from __future__ import annotations

import time

from fastapi import APIRouter

from bridge.server.calls_out import CallsOut
from bridge.server.personas import PersonaBook
from bridge.server.signature import Signatures
from bridge.server.switchboard import Switchboard
from bridge.server.twilio.fallback import fallback_routes
from bridge.server.twilio.hold import hold_routes
from bridge.server.twilio.loose_ends import LooseEnds
from bridge.server.twilio.media import media_routes
from bridge.server.twilio.outbound import outbound_routes
from bridge.server.twilio.person import person_routes
from bridge.server.twilio.probe import Probes
from bridge.server.twilio.replays import Replays
from bridge.server.twilio.requests import Desk, TwilioSettings
from bridge.server.twilio.rest import TwilioCalls
from bridge.server.twilio.status import status_routes
from bridge.server.twilio.voice import voice_routes


def twilio_routes(
    switchboard: Switchboard,
    book: PersonaBook,
    signatures: Signatures,
    settings: TwilioSettings,
    calls: TwilioCalls,
    calls_out: CallsOut,
) -> APIRouter:
    """The router with Twilio's requests. `calls` ends those of which Twilio does not ask how they go on."""
    router = APIRouter(prefix="/twilio", include_in_schema=False)
    loose_ends = LooseEnds(calls, switchboard.register)
    switchboard.stream_over = loose_ends.stream_over
    probes, replays = Probes(time.monotonic), Replays(time.monotonic)
    desk = Desk(switchboard, book, signatures, settings, probes, replays, loose_ends)
    for add_routes in (voice_routes, hold_routes, fallback_routes, person_routes, status_routes, media_routes):
        add_routes(router, desk)
    outbound_routes(router, desk, calls_out)
    return router
