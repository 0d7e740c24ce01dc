"""A scripted bridge on real sockets: the caller's side is tested against what a bridge may do, right or wrong."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.caller.carrier import CallReport, PhoneCall, Talker
from bridge.caller.ticker import Ticker
from bridge.caller.webhook import Line, http_client

TwimlMaker = Callable[["ScriptedBridge"], str]


def connect_twiml(bridge: ScriptedBridge) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <Response>
      <Connect action="{bridge.url}/twilio/after">
        <Stream url="{bridge.stream_url}" name="s1" statusCallback="/twilio/stream-status">
          <Parameter name="call_id" value="call-1"/><Parameter name="persona" value="tester"/>
        </Stream>
      </Connect>
      <Say>We cannot take your call.</Say><Hangup/>
    </Response>"""


@dataclass
class Conversation:
    """The bridge's side of one stream."""

    socket: WebSocket
    messages: list[dict[str, Any]] = field(default_factory=list)

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.socket.receive_text())
        self.messages.append(message)
        return message

    async def until(self, event: str) -> dict[str, Any]:
        while (message := await self.receive())["event"] != event:
            pass
        return message

    @property
    def stream_sid(self) -> str:
        return next(str(m["streamSid"]) for m in self.messages if m["event"] == "start")

    async def send(self, event: str, **content: Any) -> None:
        await self.socket.send_text(json.dumps({"event": event, "streamSid": self.stream_sid, **content}))

    async def media(self, ulaw: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(ulaw).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]


@dataclass
class ScriptedBridge:
    """Answers the webhook with `twiml` and holds each stream as `talk` says."""

    talk: Callable[[Conversation], Awaitable[None]]
    twiml: TwimlMaker = connect_twiml
    after: str = "<Response><Dial>+12025550111</Dial></Response>"
    refuse_streams: bool = False
    sound: tuple[bytes, str] = (b"", "audio/wav")
    status: int = 200
    content_type: str = "text/xml"
    url: str = ""
    posts: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    upgrades: list[dict[str, str]] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)

    @property
    def stream_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/twilio/media/token"

    @property
    def conversation(self) -> Conversation:
        return self.conversations[0]

    async def _post(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.posts.append((str(request.url), form, dict(request.headers)))
        if request.url.path == "/twilio/stream-status":
            return Response(status_code=204)
        body = self.after if request.url.path == "/twilio/after" else self.twiml(self)
        return PlainTextResponse(body, self.status, media_type=self.content_type)

    async def _sound(self, request: Request) -> Response:
        return Response(self.sound[0], media_type=self.sound[1])

    async def _media(self, socket: WebSocket) -> None:
        self.upgrades.append(dict(socket.headers))
        if self.refuse_streams:
            await socket.send_denial_response(JSONResponse({"error": "forbidden"}, 403))
            return
        await socket.accept()
        conversation = Conversation(socket)
        self.conversations.append(conversation)
        with contextlib.suppress(WebSocketDisconnect):
            await self.talk(conversation)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/twilio/{what}", self._post, methods=["POST"]),
                Route("/sound", self._sound),
                WebSocketRoute("/twilio/media/{token}", self._media),
            ]
        )


@contextlib.asynccontextmanager
async def _serve(bridge: ScriptedBridge) -> AsyncIterator[ScriptedBridge]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    bridge.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(bridge.app(), log_level="error", ws="websockets-sansio", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield bridge
    finally:
        server.should_exit = True
        await task
        listener.close()


async def _place(bridge: ScriptedBridge, talker: Talker, **line: Any) -> CallReport:
    ticker = Ticker()
    async with _serve(bridge), http_client(bridge.url) as client, ticker.running():
        return await PhoneCall(Line(bridge.url, **line), talker, ticker, client).run()


async def echo(conversation: Conversation, *, started: bool = False) -> None:
    """Give 640 bytes back for each 640 bytes of the caller's timeline, silence for gaps, as the bridge does."""
    if not started:
        await conversation.until("start")
    pending, position, origin = b"", 0, None
    while True:
        message = await conversation.receive()
        if message["event"] != "media":
            continue
        at = int(message["media"]["timestamp"]) * 8
        origin = at if origin is None else origin
        ulaw = base64.b64decode(message["media"]["payload"])
        gap = b"\xff" * (at - origin - position)
        pending, position = pending + gap + ulaw, position + len(gap) + len(ulaw)
        while len(pending) >= 640:
            await conversation.media(pending[:640])
            pending = pending[640:]


@pytest.fixture
def scripted() -> type[ScriptedBridge]:
    """The class of scripted bridges."""
    return ScriptedBridge


@pytest.fixture
def serve() -> Callable[[ScriptedBridge], contextlib.AbstractAsyncContextManager[ScriptedBridge]]:
    """Serves a bridge on a free port."""
    return _serve


@pytest.fixture
def place() -> Callable[..., Awaitable[CallReport]]:
    """Places one call with a bridge: `await place(bridge, talker, **line)`."""
    return _place


@pytest.fixture
def echoing() -> Callable[[Conversation], Awaitable[None]]:
    """A bridge's side that echoes whole frames."""
    return echo
