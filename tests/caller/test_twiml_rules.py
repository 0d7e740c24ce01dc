"""The rules of TwiML's verbs: what Twilio takes passes, what it would not is refused in words."""

from __future__ import annotations

import inspect
import re

import pytest
from twilio.twiml import voice_response

from bridge.caller.errors import CallError
from bridge.caller.twiml import VERBS, parse_twiml
from bridge.caller.twiml_rules import RULES


def answer(inside: str) -> bytes:
    return f"<Response>{inside}</Response>".encode()


@pytest.mark.parametrize(
    "inside",
    [
        "",
        '<Say voice="alice" language="en-US" loop="2">Hello <break time="1s"/> there.</Say>',
        "<Play>https://cdn.example.com/hold.mp3</Play>",
        '<Play digits="1w2#"/>',
        '<Pause length="2"/>',
        '<Redirect method="POST">/twilio/voice?again=1</Redirect>',
        '<Reject reason="busy"/>',
        '<Gather numDigits="1" timeout="5" action="/keys" actionOnEmptyResult="true"><Say>Press 1.</Say></Gather>',
        '<Record maxLength="60" playBeep="true" recordingStatusCallback="/recorded"/>',
        "<Dial>+12025550111</Dial>",
        '<Dial callerId="+12025550143" timeout="20" answerOnBridge="true" action="/after">'
        '<Number url="/whisper" statusCallbackEvent="answered completed">+12025550111</Number></Dial>',
        '<Dial record="record-from-answer-dual"><Sip>sip:desk@pbx.example.com</Sip></Dial>',
        '<Start><Stream url="wss://b.example/m" track="both_tracks"/></Start>',
        '<Start><Recording recordingStatusCallback="/recorded" channels="dual"/></Start>',
    ],
)
def test_what_twilio_takes_passes(inside: str) -> None:
    parse_twiml(answer(inside))


@pytest.mark.parametrize(
    ("inside", "complaint"),
    [
        ("hello", "text of its own"),
        ("<Say/>", "1 to 4096 characters"),
        (f"<Say>{'x' * 4097}</Say>", "1 to 4096 characters"),
        ('<Say loop="-1">x</Say>', "loop='-1'.*whole number"),
        ('<Say colour="red">x</Say>', "no attribute 'colour'"),
        ("<Say><Pause/></Say>", "<Pause> does not belong into <Say>"),
        ("<Play>hold music</Play>", "text of <Play>"),
        ('<Play digits="12x"/>', "keys 0-9"),
        ('<Pause length="0"/>', "1 to 600"),
        ("<Pause>2</Pause>", "holds the text '2'"),
        ("<Hangup><Say>Bye.</Say></Hangup>", "does not belong into <Hangup>"),
        ("<Redirect/>", "text of <Redirect>"),
        ('<Redirect method="GET">/x</Redirect>', "one of POST"),
        ('<Reject reason="tired"/>', "rejected, busy"),
        ('<Gather numDigits="0"/>', "1 to 1024"),
        ('<Gather finishOnKey="x"/>', "keys of 0-9"),
        ('<Gather action="mailto:x@example.com"/>', "http or https"),
        ("<Gather><Dial>+12025550111</Dial></Gather>", "<Dial> does not belong into <Gather>"),
        ("<Dial>202-555-0111</Dial>", "E.164"),
        ('<Dial callerId="Front desk">+12025550111</Dial>', "callerId"),
        ('<Dial timeout="soon">+12025550111</Dial>', "timeout"),
        ("<Dial>+12025550111<Number>+12025550112</Number></Dial>", "does not belong there"),
        ("<Dial><Say>Hello.</Say></Dial>", "<Say> does not belong into <Dial>"),
        ("<Dial><Number/></Dial>", "text of <Number>"),
        ('<Dial><Number statusCallbackEvent="begun">+12025550111</Number></Dial>', "initiated, ringing"),
        ("<Dial><Sip>desk@pbx.example.com</Sip></Dial>", "SIP address"),
        ("<Dial><Fax>+12025550111</Fax></Dial>", "does not belong into <Dial>"),
        ('<Connect><Stream url="wss://b.example/m" statusCallback="b.example/s p"/></Connect>', "statusCallback"),
        ('<Connect><Stream url="wss://b.example/m" track="both_tracks"/></Connect>', "inbound_track"),
        ('<Connect loop="1"><Stream url="wss://b.example/m"/></Connect>', "no attribute 'loop'"),
        ("<Number>+12025550111</Number>", "no verb"),
    ],
)
def test_what_twilio_would_not_take_is_refused_in_words(inside: str, complaint: str) -> None:
    with pytest.raises(CallError, match=complaint):
        parse_twiml(answer(inside))


# Methods of the library's builders that make an element within another; their parameters are its attributes.
MAKERS = {
    "Number": voice_response.Dial.number,
    "Sip": voice_response.Dial.sip,
    "Stream": voice_response.Connect.stream,
    "Recording": voice_response.Start.recording,
    "Parameter": voice_response.Stream.parameter,
} | {verb: getattr(voice_response.VoiceResponse, verb.lower()) for verb in VERBS}


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_the_attributes_are_those_that_twilios_own_builder_knows(name: str) -> None:
    parameters = inspect.signature(MAKERS[name]).parameters
    known = {re.sub(r"_+([a-z])", lambda match: match[1].upper(), parameter) for parameter in parameters}
    assert RULES[name].attributes.keys() <= known
