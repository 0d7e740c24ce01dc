"""Reading TwiML as strictly as Twilio does: what the webhook must answer for a call to be connected.

Numbers in brackets are Twilio's error codes (https://www.twilio.com/docs/api/errors).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from bridge.caller.errors import CallError
from bridge.caller.twiml_rules import check

MAX_TWIML: Final = 64 * 1024
"""Longest answer that Twilio takes, in bytes (error 11750)."""

MAX_PARAMETER: Final = 500
"""Name and value of one `<Parameter>` together must stay under this many characters."""

VERBS: Final = frozenset(
    {
        "Connect", "Dial", "Gather", "Hangup", "Leave", "Pause", "Play", "Record", "Redirect", "Reject", "Say", "Start",
        "Stop",
    }
)  # fmt: skip
"""The verbs of Programmable Voice that a bridge has use for; anything else is error 12200."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A two-way media stream: `url` to open, what `start` shall carry, where its state is reported."""

    url: str
    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    status_callback: str = ""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb, or a noun within one. `text` is all its text; `action` its `action` attribute; `stream` what a
    `<Connect>` opens; `parts` the elements within it.
    """

    name: str
    text: str = ""
    action: str = ""
    stream: Stream | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Verb, ...] = ()


def parse_twiml(body: bytes) -> tuple[Verb, ...]:
    """The verbs of an answer, in order. Raises `CallError`."""
    if len(body) > MAX_TWIML:
        raise CallError(f"the TwiML is {len(body)} bytes long; Twilio takes {MAX_TWIML}", 11750)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CallError("the TwiML is not UTF-8", 12100) from None
    if "<!" in text.replace("<!--", ""):
        # No verb needs a document type or CDATA, and a document type is how entities attack a parser.
        raise CallError("the TwiML carries a document type or CDATA, which no verb needs", 12100)
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 (document types, and with them entities, are refused above)
    except ET.ParseError as error:
        raise CallError(f"the TwiML is not well-formed XML: {error}", 12100) from None
    if root.tag != "Response":
        raise CallError(f"the TwiML begins with <{root.tag}>; it must be <Response>", 12100)
    if root.attrib or (root.text or "").strip():
        raise CallError("<Response> carries attributes or text of its own", 12200)
    return tuple(_verb(element) for element in root)


def _verb(element: ET.Element) -> Verb:
    if element.tag not in VERBS:
        raise CallError(f"<{element.tag}> is no verb of TwiML, or none that a bridge has use for", 12200)
    stream = _stream(element) if element.tag == "Connect" else None
    check(element)
    return _read(element, stream)


def _read(element: ET.Element, stream: Stream | None = None) -> Verb:
    return Verb(
        element.tag,
        " ".join("".join(element.itertext()).split()),
        element.get("action", ""),
        stream,
        dict(element.attrib),
        tuple(_read(part) for part in element),
    )


def _stream(connect: ET.Element) -> Stream:
    streams = list(connect)
    if len(streams) != 1 or streams[0].tag != "Stream":
        found = ", ".join(f"<{child.tag}>" for child in streams) or "nothing"
        raise CallError(f"<Connect> must hold exactly one <Stream>; it holds {found}", 12200)
    element = streams[0]
    if (track := element.get("track", "inbound_track")) != "inbound_track":
        raise CallError(f"the stream's track is {track!r}; within <Connect> it can only be inbound_track", 31941)
    url = element.get("url", "")
    parts = urlsplit(url)
    if parts.scheme not in ("wss", "ws"):
        raise CallError(f"the stream's url {url!r} is not a WebSocket address (wss://…)", 31922)
    if not parts.hostname:
        raise CallError(f"the stream's url {url!r} names no host", 31923)
    if parts.query or parts.fragment or "?" in url:
        raise CallError("the stream's url has a query string, which Twilio does not carry: use <Parameter>", 31920)
    return Stream(url, element.get("name", ""), _parameters(element), element.get("statusCallback", ""))


def _parameters(stream: ET.Element) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for child in stream:
        if child.tag != "Parameter":
            raise CallError(f"<Stream> holds <{child.tag}>; only <Parameter> belongs there", 12200)
        name, value = child.get("name"), child.get("value")
        if not name or value is None:
            raise CallError("a <Parameter> needs both a name and a value", 12200)
        if len(name) + len(value) >= MAX_PARAMETER:
            raise CallError(f"name and value of <Parameter> {name!r} together must be under {MAX_PARAMETER} characters")
        parameters[name] = value
    return parameters
