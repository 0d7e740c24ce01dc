"""The routes that are about no call: voices, models, the machine, how the server has fared."""

from __future__ import annotations

from fastapi import APIRouter

from bridge.server.access.access import Access
from bridge.server.api.machine import machine_routes
from bridge.server.api.models import models_routes
from bridge.server.api.series import series_routes
from bridge.server.api.voices import voices_routes
from bridge.server.machine_room import MachineRoom
from bridge.server.switchboard import Switchboard


def machine_room_routes(room: MachineRoom, switchboard: Switchboard, access: Access) -> list[APIRouter]:
    """The routers."""
    return [
        voices_routes(room.voices, room.auditions, access),
        models_routes(room, access),
        machine_routes(room, switchboard, access),
        series_routes(room.watch.series, access),
    ]
