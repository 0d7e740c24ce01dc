"""`callbridge twilio check` against a real server behind a real proxy: whole, and broken link by link."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bridge.caller.account import Account
from bridge.caller.rest import rest_api
from bridge.caller.webhook import Line
from bridge.connect.chain import look_at_chain
from bridge.facts.findings import Finding, Level
from bridge.facts.settings import Settings

from .proxy import HOST, TLS, Proxy, known_host

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "+12025550111"


@dataclass
class World:
    """An account at Twilio, a proxy that the world knows under a name, a server behind it."""

    account: Account
    api_url: str
    proxy: Proxy
    server: Any
    public_url: str

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "twilio_account_sid": self.account.sid,
            "twilio_auth_token": self.account.auth_token,
            "twilio_api_url": self.api_url,
            "public_url": self.public_url,
        }

    async def check(self, number: str | None = NUMBER, now: Any = None, **settings: Any) -> list[Finding]:
        context = ssl.create_default_context(cafile=str(TLS / "authority.pem"))
        chosen = Settings(_env_file=None, **(self.settings | settings))  # type: ignore[call-arg]
        clock = now or (lambda: datetime.now(UTC))
        return [finding async for finding in look_at_chain(chosen, number, context, clock)]

    async def behind(self, number: str | None = NUMBER, **mistakes: Any) -> list[Finding]:
        """The check, with a proxy that makes mistakes."""
        async with replace(self.proxy, port=0, **mistakes).running() as proxy:
            return await self.check(number, public_url=f"https://{HOST}:{proxy.port}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: Any, run_server: Any) -> AsyncIterator[World]:
    account = Account(Line("http://127.0.0.1"))
    with known_host():
        async with Proxy(upstream=0).running() as proxy, rest_api(account) as api_url:
            public_url = f"https://{HOST}:{proxy.port}"
            place = World(account, api_url, proxy, None, public_url)
            async with run_server(tmp_path_factory.mktemp("bridge"), slots=1, **place.settings) as server:
                proxy.upstream, place.server = server.port, server
                yield place


@pytest.fixture
def number(world: World) -> Any:
    """The number, connected, for one test."""
    one = world.account.own(
        NUMBER,
        voice_url=f"{world.public_url}/twilio/voice",
        voice_fallback_url="https://handler.twilio.com/twiml/EH0",
        status_callback=f"{world.public_url}/twilio/call-status",
    )
    yield one
    world.account.numbers.clear()


def named(findings: list[Finding], *levels: Level) -> list[str]:
    return [finding.name for finding in findings if finding.level in (levels or (Level.PROBLEM,))]


def told(findings: list[Finding]) -> str:
    return "\n".join(f"{one.level}: {one.name}: {one.text}" for one in findings)


def broken(findings: list[Finding], link: str, *words: str) -> None:
    """This link is broken, and no other; what is wrong and what to do are said."""
    assert named(findings) == [link], told(findings)
    [problem] = [finding for finding in findings if finding.level is Level.PROBLEM]
    assert problem.advice
    for word in words:
        assert word in f"{problem.text} {problem.advice}", problem


def left_nothing(world: World) -> None:
    assert world.server.store.list() == []
    assert world.server.switchboard.free == 1


async def test_a_whole_chain_is_good_from_end_to_end_and_leaves_no_trace(world: World, number: Any) -> None:
    findings = await world.check()
    assert named(findings, Level.NOTE, Level.PROBLEM, Level.SKIPPED) == [], told(findings)
    assert named(findings, Level.GOOD) == [
        *("credentials", "clock", "number", "fallback", "public address", "dns", "port", "certificate"),
        *("webhook", "signature", "server", "server's clock", "persona", "stream"),
    ]
    left_nothing(world)


async def test_without_a_number_all_that_lead_here_are_tried(world: World, number: Any) -> None:
    world.account.own("+12025550112", voice_url=f"{world.public_url}/twilio/voice?persona=shop")
    world.account.own("+12025550113", voice_url="https://elsewhere.example.com/")
    findings = await world.check(None)
    assert named(findings) == []
    assert named(findings, Level.GOOD).count("stream") == 2


async def test_a_proxy_may_rename_the_host(world: World, number: Any) -> None:
    world.proxy.host = "127.0.0.1:8080"
    try:
        assert named(findings := await world.check()) == [], told(findings)
    finally:
        world.proxy.host = ""


@pytest.mark.parametrize("path", [str, lambda path: path.removeprefix("/phone")], ids=["as-it-is", "stripped"])
async def test_the_server_may_lie_under_a_path_of_the_proxy(
    world: World, number: Any, tmp_path: Path, run_server: Any, path: Any
) -> None:
    public_url = f"{world.public_url}/phone"
    number.voice_url = f"{public_url}/twilio/voice"
    number.status_callback = f"{public_url}/twilio/call-status"
    async with run_server(tmp_path, **(world.settings | {"public_url": public_url})) as server:
        with mistaken(world, upstream=server.port, path=path):
            findings = await world.check(public_url=public_url)
    assert named(findings, Level.NOTE, Level.PROBLEM, Level.SKIPPED) == [], told(findings)


# -- what Twilio's side tells


async def test_a_wrong_token_is_told(world: World, number: Any) -> None:
    findings = await world.check(twilio_auth_token="f" * 32)
    broken(findings, "credentials", "do not belong together")
    assert named(findings, Level.SKIPPED) == ["number", "signature"]


async def test_a_wrong_account_is_told(world: World, number: Any) -> None:
    broken(await world.check(twilio_account_sid="AC" + "0" * 32), "credentials", "do not belong together")
    broken(await world.check(twilio_account_sid="SK" + "0" * 32), "credentials", "API key")


async def test_missing_credentials_are_told(world: World, number: Any) -> None:
    broken(await world.check(twilio_auth_token=None), "credentials", "TWILIO_AUTH_TOKEN is not set")


async def test_an_account_that_is_suspended_is_told(world: World, number: Any) -> None:
    world.account.status = "suspended"
    try:
        broken(await world.check(), "credentials", "suspended")
    finally:
        world.account.status = "active"


async def test_twilio_out_of_reach_is_told_and_the_rest_is_tried_all_the_same(world: World, number: Any) -> None:
    findings = await world.check(twilio_api_url="http://127.0.0.1:9")
    broken(findings, "credentials", "could not be reached")
    assert "stream" in named(findings, Level.GOOD)


async def test_a_clock_that_is_wrong_is_told(world: World, number: Any) -> None:
    findings = await world.check(now=lambda: datetime.now(UTC) - timedelta(minutes=5))
    broken(findings, "clock", "behind", "timedatectl")
    world.account.clock_skew_s = 120
    try:
        findings = await world.check(now=lambda: datetime.now(UTC) + timedelta(seconds=120))
        broken(findings, "server's clock", "behind")
    finally:
        world.account.clock_skew_s = 0


async def test_a_number_of_another_account_is_told(world: World, number: Any) -> None:
    broken(await world.check("+12025550144"), "number", "is not a number of account", NUMBER)


async def test_a_number_that_leads_elsewhere_is_told(world: World, number: Any) -> None:
    number.voice_url = "https://demo.twilio.com/welcome/voice/"
    findings = await world.check()
    broken(findings, "number", "demo.twilio.com", "twilio connect")
    assert "stream" in named(findings, Level.GOOD)


async def test_no_number_that_leads_here_is_told(world: World) -> None:
    broken(await world.check(None), "number", "no number of the account leads to")


async def test_a_number_that_belongs_to_a_trunk_or_an_app_is_told(world: World, number: Any) -> None:
    number.trunk_sid = "TK1"
    broken(await world.check(), "number", "SIP trunk TK1")
    number.trunk_sid, number.voice_application_sid = "", "AP1"
    broken(await world.check(), "number", "TwiML app AP1")


async def test_a_number_that_asks_by_get_is_told(world: World, number: Any) -> None:
    number.voice_method = "GET"
    broken(await world.check(), "number", "by GET", "HTTP POST")


async def test_a_fallback_on_the_same_server_and_a_missing_status_callback_are_noted(world: World, number: Any) -> None:
    number.voice_fallback_url, number.status_callback = f"{world.public_url}/twilio/fallback", ""
    assert named(await world.check(), Level.NOTE, Level.PROBLEM) == ["status callback", "fallback"]
    number.voice_fallback_url = ""
    assert named(await world.check(), Level.NOTE, Level.PROBLEM) == ["status callback", "fallback"]


# -- the way


@pytest.mark.parametrize(
    ("url", "word"),
    [("http://bridge.example.com", "wss://"), ("https://localhost:8080", "outside"), (None, "PUBLIC_URL is not set")],
)
async def test_an_address_that_twilio_cannot_use_is_told(world: World, number: Any, url: str | None, word: str) -> None:
    findings = await world.check(None, public_url=url)
    assert [name for name in named(findings) if name != "number"] == ["public address"]
    assert word in str(findings)


async def test_a_name_that_nobody_knows_is_told(world: World, number: Any) -> None:
    findings = await world.check(None, public_url="https://no-such-host.invalid")
    assert named(findings) == ["number", "dns"]
    assert "cannot be resolved" in str(findings)


async def test_a_port_where_nobody_listens_is_told(world: World, number: Any) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    number.voice_url = f"https://{HOST}:{closed}/twilio/voice"
    number.status_callback = f"https://{HOST}:{closed}/twilio/call-status"
    broken(await world.check(public_url=f"https://{HOST}:{closed}"), "port", str(closed), "firewall")


@pytest.mark.parametrize(
    ("certificate", "why"),
    [("self-signed.pem", "self-signed"), ("expired.pem", "expired"), ("other-name.pem", "Hostname mismatch")],
)
async def test_a_certificate_that_twilio_would_not_take_is_told(
    world: World, number: Any, certificate: str, why: str
) -> None:
    findings = await world.behind(certificate=certificate)
    assert named(findings) == ["number", "certificate"]
    assert why in str(findings)
    assert "11237" in str(findings)


async def test_a_port_that_speaks_no_tls_is_told(world: World, number: Any) -> None:
    findings = await world.check(public_url=f"https://{HOST}:{world.server.port}")
    assert named(findings) == ["number", "certificate"]
    assert "handshake failed" in str(findings)


# -- the proxy and the server: the same proxy, with a mistake


@contextlib.contextmanager
def mistaken(world: World, **mistakes: Any) -> Any:
    """The world's own proxy makes mistakes for a while."""
    before = {name: getattr(world.proxy, name) for name in mistakes}
    for name, value in mistakes.items():
        setattr(world.proxy, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(world.proxy, name, value)


def http(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", body]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("mistakes", "link", "words"),
    [
        ({"drop": ("x-twilio-signature",)}, "signature", ["drops the header X-Twilio-Signature"]),
        (
            {"path": lambda path: path.replace("/twilio/voice", "/twilio/voice?x=1")},
            "signature",
            ["?x=1", "PUBLIC_URL"],
        ),
        ({"path": lambda path: f"/behind{path}"}, "webhook", ["404", "/twilio/"]),
        ({"path": lambda path: path.replace("/media/", "/media/x")}, "signature", ["the stream's address", "/media/x"]),
        ({"drop": ("upgrade",)}, "stream", ["instead of 101", "proxy_set_header Upgrade"]),
        ({"answer": http("502 Bad Gateway")}, "webhook", ["502", "not the server behind it"]),
        ({"answer": http("403 Forbidden", body="Access denied")}, "webhook", ["not by the server", "login"]),
        (
            {"answer": http("200 OK", "Content-Type: text/html", body="Welcome")},
            "webhook",
            ["something else (text/html)"],
        ),
        ({"answer": http("301 Moved", "Location: https://www.example.com/")}, "webhook", ["redirects to", "www."]),
        ({"answer": b"SSH-2.0\r\n"}, "webhook", ["does not answer"]),
        ({"answer": http("200 OK"), "where": "/media/"}, "stream", ["answered with 200"]),
        ({"answer": http("403 Forbidden"), "where": "/media/"}, "stream", ["answered with 403"]),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
async def test_a_proxys_mistake_is_named(
    world: World, number: Any, mistakes: dict[str, Any], link: str, words: list[str]
) -> None:
    with mistaken(world, **mistakes):
        broken(await world.check(), link, *words)
    left_nothing(world)


async def test_a_server_with_another_token_is_told(world: World, number: Any) -> None:
    other = Account(Line("http://127.0.0.1"))
    other.own(NUMBER, voice_url=number.voice_url)
    async with rest_api(other) as api_url:
        findings = await world.check(
            twilio_account_sid=other.sid, twilio_auth_token=other.auth_token, twilio_api_url=api_url
        )
    broken(findings, "signature", "another TWILIO_AUTH_TOKEN")


async def test_a_server_without_a_token_is_told(world: World, number: Any, tmp_path: Path, run_server: Any) -> None:
    async with run_server(tmp_path, public_url=world.public_url) as open_server:
        with mistaken(world, upstream=open_server.port):
            broken(await world.check(), "signature", "takes webhooks with a wrong signature", "TWILIO_AUTH_TOKEN")


async def test_a_server_with_another_public_address_is_told(
    world: World, number: Any, tmp_path: Path, run_server: Any
) -> None:
    settings = world.settings | {"public_url": "https://old.example.com"}
    async with run_server(tmp_path, **settings) as moved:
        with mistaken(world, upstream=moved.port):
            broken(await world.check(), "signature", "https://old.example.com/twilio/voice", "PUBLIC_URL")


async def test_a_missing_persona_is_told(world: World, number: Any) -> None:
    number.voice_url = f"{world.public_url}/twilio/voice?persona=ghost"
    broken(await world.check(), "persona", "no persona ghost")
    number.phone_number, number.voice_url = "+12025550188", f"{world.public_url}/twilio/voice"
    broken(await world.check("+12025550188"), "persona", "no persona of the server answers +12025550188")


async def test_a_server_that_is_stopping_is_told(world: World, number: Any) -> None:
    world.server.switchboard.draining = True
    try:
        broken(await world.check(), "server", "stopping")
    finally:
        world.server.switchboard.draining = False


async def test_a_server_without_its_engine_is_told(world: World, number: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(world.server.engine, "state", "starting")
    broken(await world.check(), "server", "engine is not ready")
