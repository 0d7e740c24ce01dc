"""What TwiML's verbs may carry: nesting, attributes, and the values that each of them takes.

Twilio files a breach of these as error 12200 (schema), some values under codes of their own; it then goes on without
the attribute, or drops the call. Here any breach is an error, so that none is met on a real line for the first time.
Source: https://www.twilio.com/docs/voice/twiml, a page for each verb.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from bridge.caller.errors import CallError

SCHEMA: Final = 12200
"""Twilio's code for TwiML that is well-formed and breaks its schema."""

MAX_SAY: Final = 4096
"""Characters that one `<Say>` speaks."""

MAX_URL: Final = 4000
"""Characters of an address in TwiML."""

Check = Callable[[str], str]
"""Looks at a value: what it must be, in words, or nothing where it is that already."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one element may carry. `text` is None where it holds none; `alone` forbids text beside child elements."""

    attributes: Mapping[str, Check] = field(default_factory=dict)
    children: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    text: Check | None = None
    alone: bool = False


def check(element: ET.Element, parent: str = "Response") -> None:
    """Hold an element and all within it against the rules. Raises `CallError`."""
    rule = RULES.get(element.tag)
    if rule is None:
        raise CallError(f"<{element.tag}> within <{parent}> is unknown to TwiML", SCHEMA)
    for name, value in element.attrib.items():
        if name not in rule.attributes:
            raise CallError(f"<{element.tag}> has no attribute {name!r}", SCHEMA)
        if problem := rule.attributes[name](value):
            raise CallError(f"<{element.tag} {name}={_short(value)}>: it must be {problem}", SCHEMA)
    if missing := sorted(rule.required - set(element.keys())):
        raise CallError(f"<{element.tag}> lacks its attribute {missing[0]!r}", SCHEMA)
    _check_content(element, rule)


def _check_content(element: ET.Element, rule: Rule) -> None:
    for child in element:
        if child.tag not in rule.children:
            raise CallError(f"<{child.tag}> does not belong into <{element.tag}>", SCHEMA)
        check(child, element.tag)
    loose = (element.text or "").strip() + "".join((child.tail or "").strip() for child in element)
    if rule.text is None or (rule.alone and len(element)):
        if loose:
            raise CallError(f"<{element.tag}> holds the text {_short(loose)}, which does not belong there", SCHEMA)
    elif problem := rule.text(" ".join("".join(element.itertext()).split())):
        raise CallError(f"the text of <{element.tag}> must be {problem}", SCHEMA)


# -- values


def _any(_: str) -> str:
    return ""


def _filled(value: str) -> str:
    return "" if value else "filled"


def _speech(value: str) -> str:
    return "" if 0 < len(value) <= MAX_SAY else f"1 to {MAX_SAY} characters"


def _url(value: str) -> str:
    """Absolute http(s) addresses, and those that count from the document's own."""
    parts = urlsplit(value)
    good = bool(value) and len(value) <= MAX_URL and not re.search(r"\s", value)
    if parts.scheme or parts.netloc:
        good = good and parts.scheme in ("http", "https") and bool(parts.hostname)
    return "" if good else "an http or https address, or a path"


def _socket(value: str) -> str:
    # Tests without TLS speak ws; whoever reads the TwiML over https refuses it there.
    return "" if urlsplit(value).scheme in ("wss", "ws") else "a wss:// address"


def _phone(value: str) -> str:
    return "" if re.fullmatch(r"\+[1-9][0-9]{6,14}", value) else "a number in E.164 form, like +12025550143"


def _caller_id(value: str) -> str:
    return "" if value.startswith(("client:", "sip:")) else _phone(value)


def _optional_phone(value: str) -> str:
    return _phone(value) if value else ""


def _sip(value: str) -> str:
    return "" if re.fullmatch(r"sips?:[^\s@]+@[^\s@]+", value) else "a SIP address, like sip:desk@pbx.example.com"


def _keys(value: str) -> str:
    return "" if re.fullmatch(r"[0-9A-DwW*#]+", value) else "made of the keys 0-9 * # A-D and w for pauses"


def _finish(value: str) -> str:
    return "" if re.fullmatch(r"[0-9*#]*", value) else "keys of 0-9 * #"


def _one(*words: str) -> Check:
    return lambda value: "" if value in words else "one of " + ", ".join(words)


def _some(*words: str) -> Check:
    """Words of the list, with blanks between them."""
    return lambda value: "" if value.split() and set(value.split()) <= set(words) else "of " + ", ".join(words)


def _count(least: int, most: int, *words: str) -> Check:
    def looked_at(value: str) -> str:
        number = int(value) if re.fullmatch(r"[0-9]{1,6}", value) else -1
        return "" if least <= number <= most or value in words else f"a whole number from {least} to {most}"

    return looked_at


_bool = _one("true", "false")
_method = _one("POST")  # Twilio takes GET as well; a bridge answers POST only
_input = _one("dtmf", "speech", "dtmf speech", "speech dtmf")
_track = _one("inbound_track", "outbound_track", "both_tracks")
_progress = _some("initiated", "ringing", "answered", "completed")
_recorded = _some("in-progress", "completed", "absent")
_kept = _one(
    "true", "false", "do-not-record", "record-from-answer", "record-from-ringing", "record-from-answer-dual",
    "record-from-ringing-dual",
)  # fmt: skip
_trim = _one("trim-silence", "do-not-trim")
_reported: Final[dict[str, Check]] = {"statusCallback": _url, "statusCallbackMethod": _method}
_recording: Final[dict[str, Check]] = {
    "recordingStatusCallback": _url,
    "recordingStatusCallbackMethod": _method,
    "recordingStatusCallbackEvent": _recorded,
    "trim": _trim,
}
_machines: Final[dict[str, Check]] = {
    "machineDetection": _one("Enable", "DetectMessageEnd"),
    "machineDetectionTimeout": _count(3, 59),
    "machineDetectionSpeechThreshold": _count(1000, 6000),
    "machineDetectionSpeechEndThreshold": _count(500, 5000),
    "machineDetectionSilenceTimeout": _count(2000, 10_000),
    "amdStatusCallback": _url,
    "amdStatusCallbackMethod": _method,
}
_dialled: Final = {"url": _url, "method": _method, "statusCallbackEvent": _progress, **_reported}

_SSML: Final = frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"})
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_PROMPTS: Final = frozenset({"Say", "Play", "Pause"})

RULES: Final[Mapping[str, Rule]] = {
    "Say": Rule({"voice": _filled, "language": _filled, "loop": _count(0, 1000)}, _SSML, text=_speech),
    "Play": Rule({"loop": _count(0, 1000), "digits": _keys}, text=lambda value: _url(value) if value else ""),
    "Pause": Rule({"length": _count(1, 600)}),
    "Redirect": Rule({"method": _method}, text=_url),
    "Hangup": Rule(),
    "Reject": Rule({"reason": _one("rejected", "busy")}),
    "Gather": Rule(
        {
            "action": _url, "method": _method, "input": _input, "timeout": _count(1, 600, "auto"),
            "speechTimeout": _count(1, 600, "auto"), "maxSpeechTime": _count(1, 600), "finishOnKey": _finish,
            "numDigits": _count(1, 1024), "language": _filled, "hints": _any, "partialResultCallback": _url,
            "partialResultCallbackMethod": _method, "profanityFilter": _bool, "actionOnEmptyResult": _bool,
            "speechModel": _filled, "enhanced": _bool, "bargeIn": _bool, "debug": _bool,
        },
        _PROMPTS,
    ),
    "Record": Rule(
        {
            "action": _url, "method": _method, "timeout": _count(1, 600), "finishOnKey": _finish,
            "maxLength": _count(2, 14_400), "playBeep": _bool, "transcribe": _bool, "transcribeCallback": _url,
            **_recording,
        }
    ),
    "Dial": Rule(
        {
            "action": _url, "method": _method, "timeout": _count(1, 600), "hangupOnStar": _bool,
            "timeLimit": _count(1, 86_400), "callerId": _caller_id, "record": _kept, "answerOnBridge": _bool,
            "recordingTrack": _one("inbound", "outbound", "both"), "sequential": _bool, "ringTone": _filled,
            "referUrl": _url, "referMethod": _method, **_recording,
        },
        frozenset({"Number", "Sip", "Client", "Conference", "Queue", "Sim", "Application", "WhatsApp"}),
        text=_optional_phone,
        alone=True,
    ),
    "Number": Rule(
        {**_dialled, **_machines, "sendDigits": _keys, "byoc": lambda v: "" if v.startswith("BY") else "a BY… SID"},
        text=_phone,
    ),
    "Sip": Rule({**_dialled, **_machines, "username": _filled, "password": _filled}, text=_sip),
    "Connect": Rule({"action": _url, "method": _method}, frozenset({"Stream"})),
    "Start": Rule({"action": _url, "method": _method}, frozenset({"Stream", "Recording"})),
    "Stop": Rule({}, frozenset({"Stream"})),
    "Stream": Rule(
        {"name": _filled, "connectorName": _filled, "url": _socket, "track": _track, **_reported},
        frozenset({"Parameter"}),
    ),
    "Parameter": Rule({"name": _filled, "value": _any}, required=frozenset({"name", "value"})),
    "Recording": Rule(
        {
            **_recording,
            "channels": _one("mono", "dual"),
            "track": _one("inbound", "outbound", "both"),
        }
    ),
    "Leave": Rule(),
    **{
        name: Rule(dict.fromkeys(attributes.split(), _filled), _SSML, text=_any)
        for name, attributes in {
            "break": "strength time", "emphasis": "level", "lang": f"{_XML}lang", "p": "", "phoneme": "alphabet ph",
            "prosody": "volume rate pitch", "s": "", "say-as": "interpret-as format role", "sub": "alias", "w": "role",
        }.items()
    },
}  # fmt: skip
"""The elements that a bridge has use for. The others of Programmable Voice are refused by name in `twiml.py`."""


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "…")
