"""TwiML is read as strictly as Twilio reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.caller.errors import CallError
from bridge.caller.twiml import MAX_TWIML, parse_twiml

STREAM = '<Stream url="wss://bridge.example/media/x"/>'


def connect(inside: str) -> bytes:
    return f"<Response><Connect>{inside}</Connect></Response>".encode()


def test_a_stream_comes_with_its_parameters_and_the_verbs_that_follow() -> None:
    verbs = parse_twiml(
        b"""<?xml version="1.0" encoding="UTF-8"?><Response>
        <Connect action="/after"><Stream url="wss://bridge.example/m/x" name="s" statusCallback="/status">
          <Parameter name="call_id" value="1"/><Parameter name="note" value="a &amp; b"/>
        </Stream></Connect>
        <Say>We  are
        closed.</Say><Dial><Number>+12025550111</Number></Dial></Response>"""
    )
    assert [verb.name for verb in verbs] == ["Connect", "Say", "Dial"]
    assert [verb.text for verb in verbs] == ["", "We are closed.", "+12025550111"]
    stream = verbs[0].stream
    assert stream is not None
    assert (stream.url, stream.name, stream.status_callback) == ("wss://bridge.example/m/x", "s", "/status")
    assert stream.parameters == {"call_id": "1", "note": "a & b"}
    assert verbs[0].action == "/after"


@pytest.mark.parametrize(
    ("body", "code", "complaint"),
    [
        (b"", 12100, "well-formed"),
        (b"<Response>", 12100, "well-formed"),
        (b"\xff\xfe<Response/>", 12100, "UTF-8"),
        (b"<html/>", 12100, "must be <Response>"),
        (b"<Response><Sing/></Response>", 12200, "<Sing> is no verb"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><Response>&a;</Response>', 12100, "document type"),
        (b"<Response>" + b" " * MAX_TWIML + b"</Response>", 11750, "bytes long"),
        (connect(""), 12200, "exactly one <Stream>; it holds nothing"),
        (connect(STREAM + STREAM), 12200, "exactly one <Stream>"),
        (connect("<Room/>"), 12200, "<Room>"),
        (connect('<Stream url="https://bridge.example/"/>'), 31922, "WebSocket"),
        (connect('<Stream url="wss:///media"/>'), 31923, "no host"),
        (connect('<Stream url="wss://bridge.example/m?token=x"/>'), 31920, "query string"),
        (connect('<Stream url="wss://bridge.example/m"><Say/></Stream>'), 12200, "only <Parameter>"),
        (connect('<Stream url="wss://bridge.example/m"><Parameter name="a"/></Stream>'), 12200, "name and a value"),
        (
            connect(f'<Stream url="wss://bridge.example/m"><Parameter name="a" value="{"x" * 499}"/></Stream>'),
            0,
            "under 500",
        ),
    ],
)
def test_what_twilio_would_refuse_is_refused_with_its_code(body: bytes, code: int, complaint: str) -> None:
    with pytest.raises(CallError, match=complaint) as caught:
        parse_twiml(body)
    assert caught.value.code == code


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_words(body: bytes) -> None:
    try:
        parse_twiml(body)
    except CallError as error:
        assert str(error)
