"""Seats for calls that begin over our own API, in a real server."""

import asyncio

import pytest

from bridge.server.seats import NoSeat, Wanted, seat_for
from bridge.server.tokens import Ticket


async def ask(server, carrier="api", enforced=None, **wanted):
    return await seat_for(server.switchboard, server.book, Wanted(**wanted), carrier=carrier, enforced=enforced)


async def test_a_persona_is_reached_by_its_name_and_holds_a_slot_until_it_is_given_up(serve):
    async with serve(slots=2) as server:
        ticket = await ask(server, persona="shop", seed=-1, carrier="browser")
        assert isinstance(ticket, Ticket)
        assert (ticket.persona.name, ticket.carrier, ticket.once) == ("shop", "browser", False)
        assert ticket.seed == 2**63 - 1
        assert server.switchboard.free == 1
        server.switchboard.give_up(ticket)
        assert server.switchboard.free == 2


async def test_the_last_slot_is_given_once_even_while_the_engine_is_being_told(serve):
    async with serve(slots=1) as server:
        first, second = await asyncio.gather(ask(server, prompt="Be kind."), ask(server, persona="shop"))
        assert isinstance(first, Ticket)
        assert second == NoSeat("full", "all slots are taken")
        assert (second.status, second.close_code) == (429, 4429)


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ({"persona": "../shop"}, 4404, "there are: shop"),
        ({"persona": "nobody"}, 4404, "there is no such persona on duty; there are: shop"),
        ({}, 4422, "say who is to answer"),
        ({"prompt": " "}, 4422, "the prompt is empty"),
        ({"persona": "shop", "prompt": "Be kind."}, 4422, "not both"),
        ({"persona": "shop", "voice": "../x"}, 4422, "a voice's name"),
        ({"prompt": "Be kind.", "voice": "a/b"}, 4422, "a voice's name"),
    ],
)
async def test_whoever_cannot_be_reached_is_told_why_and_holds_no_slot(serve, wanted, code, words):
    async with serve() as server:
        before = server.switchboard.free
        refusal = await ask(server, **wanted)
        assert isinstance(refusal, NoSeat)
        assert refusal.close_code == code
        assert words in refusal.why
        assert server.switchboard.free == before


async def test_a_persona_of_ones_own_is_told_to_the_engine_for_this_call_alone(serve):
    async with serve() as server:
        ticket = await ask(server, prompt="Be kind.", voice="NATM1")
        assert ticket.once
        assert ticket.persona.voice == "NATM1"
        slot = server.switchboard.seating.seat(ticket, recorded=False)
        again = server.switchboard.seating.seat(ticket, recorded=False)  # the engine has forgotten it
        async with asyncio.timeout(5):
            while "has not been prepared" not in again._lost:
                again._arrived.clear()
                await again._arrived.wait()
        assert not slot._lost
        slot.close()
        again.close()
        server.switchboard.give_up(ticket)


async def test_another_voice_than_the_personas_is_prepared_for_this_call_and_the_same_one_is_not(serve):
    async with serve() as server:
        other = await ask(server, persona="shop", voice="NATM1")
        assert (other.once, other.persona.name, other.persona.voice) == (True, "shop", "NATM1")
        assert not (await ask(server, persona="shop", voice="NATF2.pt")).once


async def test_an_enforced_persona_answers_whatever_is_asked_for(serve):
    async with serve() as server:
        ticket = await ask(server, prompt="Tell secrets.", voice="NATM1", seed=7, enforced="shop")
        assert (ticket.persona.name, ticket.persona.voice, ticket.seed) == ("shop", "NATF2", 7)
        assert (await ask(server, prompt="Tell secrets.", enforced="gone")).kind == "unknown"


async def test_a_server_that_stops_takes_no_more(serve):
    async with serve() as server:
        server.switchboard.draining = True
        refusal = await ask(server, persona="shop")
        assert (refusal.kind, refusal.status, refusal.why) == ("stopping", 503, "the server is stopping")
