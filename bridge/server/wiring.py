"""What the server is put together from, as its settings say: keys, passwords, the socket, what the engine is told."""

from __future__ import annotations

import ipaddress
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from twilio.rest import Client

from bridge.engine.messages import Configure
from bridge.facts.addresses import is_loopback_host
from bridge.facts.errors import SettingsError
from bridge.facts.settings import Settings
from bridge.server import pseudonym
from bridge.server.access.access import Access
from bridge.server.access.keys import ApiKeys
from bridge.server.access.pace import Pace
from bridge.server.access.sessions import Sessions
from bridge.server.door import SEND_BUFFER
from bridge.server.journal import Journal
from bridge.server.keys import own_key
from bridge.server.sip.routes import Network, SipSettings
from bridge.server.twilio_client import twilio_client


def configure(settings: Settings) -> Configure:
    """What the engine process is told."""
    secret = settings.llm_api_key
    return Configure(
        engine=settings.engine,
        slots=settings.slots or 0,
        llm_base_url=settings.llm_base_url or "",
        llm_model=settings.model_id,
        llm_api_key=secret.get_secret_value() if secret else "",
        llm_temperature=settings.llm_temperature,
        llm_top_p=settings.llm_top_p,
        llm_max_tokens=settings.llm_max_tokens,
        model_dir=str(settings.model_dir),
        weights=settings.weights,
        device=settings.device,
        custom_voice_dir=str(settings.custom_voice_dir),
        closing_tag=settings.closing_tag,
        caller_transcript=settings.caller_transcript,
        kv=settings.kv,
        cuda_graphs=settings.cuda_graphs,
        log_level=settings.log_level,
    )


def api_key(settings: Settings) -> str:
    """The key that is good for everything over HTTP."""
    secret = settings.api_key
    return secret.get_secret_value() if secret else own_key(settings.data_dir, "api.key", "API_KEY")


def make_access(settings: Settings, key: str, public_url: str) -> Access:
    """Who may do what; `key` is good for everything. Raises `StoreError` for a database that cannot be opened."""
    return Access(
        key,
        ApiKeys(settings.database, lambda: datetime.now(UTC)),
        Sessions(time.monotonic),
        Pace(settings.rate_limit, settings.wrong_key_limit),
        public_url,
        loopback_without_key=settings.loopback_without_key,
    )


def sip_password(settings: Settings) -> str:
    """The password that Asterisk and this server share."""
    secret = settings.sip_password
    return secret.get_secret_value() if secret else own_key(settings.data_dir, "sip.key", "SIP_PASSWORD")


def ari_password(settings: Settings) -> str:
    """The password with which this server gives Asterisk orders."""
    return own_key(settings.data_dir, "ari.key", "DATA_DIR")


def sip_settings(settings: Settings) -> SipSettings:
    """What Asterisk's requests are checked against. Raises `SettingsError` for networks that are none."""
    return SipSettings(
        password=sip_password(settings),
        allow=tuple(_network(text.strip()) for text in settings.sip_allow.split(",") if text.strip()),
        default_persona=settings.default_persona,
        record=settings.record,
    )


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingsError(f"SIP_ALLOW: {error}. Write networks like 127.0.0.0/8 or 192.0.2.10/32.") from None


def make_journal(settings: Settings) -> Journal:
    """What writes transcripts; with REDACT=1, what masks numbers in them."""
    if not settings.redact:
        return Journal(settings.data_dir)
    return Journal(settings.data_dir, redact=True, pseudonym=pseudonym.make(settings.data_dir))


def client_for_twilio(settings: Settings) -> Client | None:
    """The library's client for the account of the settings, if they name one."""
    if not settings.twilio_account_sid or not settings.twilio_auth_token:
        return None
    token = settings.twilio_auth_token.get_secret_value()
    return twilio_client(settings.twilio_account_sid, token, settings.twilio_api_url)


def bind(settings: Settings) -> socket.socket:
    """The socket that the server listens on. Raises `SettingsError` for an address that cannot or must not be used."""
    if not (settings.twilio_auth_token or settings.insecure or is_loopback_host(settings.host)):
        raise SettingsError(
            f"Without TWILIO_AUTH_TOKEN anyone who reaches {settings.host} could place calls. Set it (it is on the "
            "first page of Twilio's console), listen on 127.0.0.1, or accept the risk with --insecure."
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named, because asyncio sends small packets at once (TCP_NODELAY) only where it sees the protocol.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # each connection inherits it
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. "
            "Is another server running there? Choose another port with --port."
        ) from None
    return listening


def reachable(host: str) -> str:
    """An address of this machine by which a server that listens on `host` is reached from it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not listened on)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def make_folder(folder: Path) -> None:
    """Make DATA_DIR. Raises `SettingsError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"DATA_DIR {folder} cannot be made: {error.strerror}") from None
