"""Sockets of which one half is dead: they hold neither a slot nor a file handle."""

import asyncio
import os
import signal

import pytest
import websockets

from bridge.server import door, socket_leg
from bridge.server.twilio_leg import TwilioLeg

from .phone import Phone, slot_is_free, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(socket_leg, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(socket_leg, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(door, "FAREWELL_SECONDS", 0.3)


def connections(server):
    """WebSockets that the server holds open."""
    return [one for one in server._http.server_state.connections if isinstance(one, door.BoundedSocket)]


async def test_a_socket_that_stops_sending_frees_its_slot_and_the_caller_is_led_to_a_person(serve, http, monkeypatch):
    monkeypatch.setattr(TwilioLeg, "no_media_seconds", 0.3)
    async with serve(slots=1) as server:
        phone = Phone(server, http)
        async with phone.stream() as socket:
            await phone.speak(socket, 10)
            await slot_is_free(server)
            await until(lambda: not connections(server))
        _, verbs = await phone.ask("/twilio/after")
        assert verbs == ["Say", "Dial"]
        await phone.over()
        assert phone.row.ended_how == "carrier_lost"
        assert "no audio came" in phone.records[-1].reason


async def test_a_socket_that_stops_reading_frees_its_slot_and_its_connection_is_cut(serve, http):
    async with serve(slots=1) as server:
        # What is said is longer than all the buffers on the way hold, and the peer reads none of it.
        server.switchboard._apologies = lambda language: b"\x7f" * 8_000 * 900
        phone = Phone(server, http)
        address = await phone.ring()
        async with websockets.connect(address, max_size=None, close_timeout=0.1) as socket:
            await socket.send(phone.start())
            await until(lambda: server.engine.open_slots)
            await phone.speak(socket, 10)
            socket.transport.pause_reading()
            os.kill(int(server.engine.details["pid"]), signal.SIGKILL)
            speaking = asyncio.create_task(talk(phone, socket))
            await until(lambda: not server.engine.open_slots, seconds=2.0)
            await until(lambda: not connections(server), seconds=2.0)
            speaking.cancel()
        await phone.over()
        assert phone.row.ended_how == "carrier_lost"
        assert "takes no audio" in phone.records[-1].reason


async def talk(phone, socket):
    """The half that lives goes on sending."""
    while True:
        await phone.speak(socket)
        await asyncio.sleep(0.02)
