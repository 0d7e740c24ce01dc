"""`WS /api/chat`: the address of the public moshi and PersonaPlex servers, for whose clients ours is one of them."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from bridge.carrier.moshi import MoshiChat, chat_wish
from bridge.facts.errors import CarrierError
from bridge.server.access.credentials import accept
from bridge.server.compat.client_leg import ClientLeg
from bridge.server.compat.reception import Reception
from bridge.server.socket_leg import close_socket


def chat_routes(reception: Reception, *, without_key: bool) -> APIRouter:
    """The router. `without_key` lets clients in that can show none, which is what the public ones are."""
    router = APIRouter()

    @router.websocket("/api/chat")
    async def chat(socket: WebSocket) -> None:
        """Binary messages, their first byte the kind: 0 handshake, 1 Ogg-Opus at 24 kHz, 2 text of the agent.

        Query: `text_prompt` and `voice_prompt` (`NATF2.pt` or `NATF2`), or `persona`, one of the server's; `seed`;
        `text_temperature`, `text_topk`, `audio_temperature`, `audio_topk`.

        Closes with 4404, 4422, 4429 or 4503 in words.
        """
        access = reception.access
        if await (access.admit_stranger(socket) if without_key else access.admit(socket, "talk")) is None:
            return
        await accept(socket)
        try:
            wish = chat_wish(socket.query_params)
            stream = MoshiChat()
        except CarrierError as error:
            await close_socket(socket, error.close_code, str(error))
            return
        leg = ClientLeg(socket, stream)
        ticket = await leg.seated(reception.switchboard, reception.seat(wish, to_strangers=without_key))
        if ticket is None:
            return
        handshake, said = stream.open(leg.now_ms)
        await leg.begin([handshake], said)
        await reception.switchboard.hold_started(ticket, leg)

    return router
