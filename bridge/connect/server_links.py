"""The links of the chain that a probe tells of: the webhook, its signature, who answers, the stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from bridge.caller.errors import CallError
from bridge.caller.twiml import Stream, parse_twiml
from bridge.connect.account_links import clock_finding
from bridge.connect.configuration import persona_in, plain
from bridge.connect.probe import ANSWER_S, Answer, Prober
from bridge.facts.findings import Finding, Level
from bridge.facts.probe import CLOSE_REASON, STATE_HEADER, TIME_HEADER

SLOW_S: Final = 5.0
"""A webhook that takes longer keeps the caller waiting in silence."""

UPGRADE_ADVICE: Final = (
    "Let the proxy pass upgrades on. nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"; Caddy and most tunnels do so by themselves.'
)
STRIP_ADVICE: Final = "Let the proxy pass all headers on; nginx drops none unless proxy_pass_request_headers is off."

STATES: Final = {
    "stopping": ("the server is stopping and takes no new calls", "Start it again."),
    "engine": ("the engine is not ready, so callers hear an apology", "See the server's log, and callbridge doctor."),
}
"""States of the server in which no call is taken: in words, and what to do."""


async def look_at_server(
    prober: Prober, phone_number: str, voice_url: str, now: Callable[[], datetime] | None, *, trusted: bool
) -> AsyncIterator[Finding]:
    """Try one number's voice URL and all behind it. The first problem on the way is the last finding.

    `now` is Twilio's clock, if it is known; `trusted` whether Twilio takes the credentials.
    """
    answer = await prober.voice(voice_url, phone_number)
    moment = now() if now else None
    webhook = _webhook(voice_url, answer)
    yield webhook
    if webhook.level is Level.PROBLEM:
        return
    signature = _signature(voice_url, answer, "the webhook's", trusted=trusted)
    if signature:
        yield signature
        return
    forged = await prober.voice(voice_url, phone_number, forged=True)
    refused = _forged(forged, "webhooks")
    yield refused
    if refused.level is Level.PROBLEM:
        return
    for finding in _answered(answer, phone_number, voice_url, moment):
        yield finding
    if answer.headers.get(STATE_HEADER) == "nobody":
        return
    stream, finding = _twiml(answer, voice_url)
    yield finding
    if stream:
        async for finding in _stream(prober, stream, trusted=trusted):
            yield finding


def _webhook(url: str, answer: Answer) -> Finding:
    """Whether it is the server that answers, whatever it answers."""
    name = "webhook"

    def problem(text: str, advice: str) -> Finding:
        return Finding(name, Level.PROBLEM, f"{url} {text}", advice)

    if answer.status == 0:
        return problem(f"does not answer: {answer.text}", f"Twilio waits {ANSWER_S:g} s and files it as error 11200.")
    if 300 <= answer.status < 400:
        where = answer.headers.get("location", "elsewhere")
        return problem(f"redirects to {where}", "A signature fits one address only: let PUBLIC_URL be the last one.")
    if answer.status in (502, 503, 504):
        advice = "The proxy answers, but not the server behind it: does it run, on the port that the proxy asks?"
        return problem(f"answers {answer.status}", advice)
    if answer.status == 403 and not answer.refusal:
        advice = "Something in front refuses it: let requests to /twilio/ pass without a login, filter or challenge."
        return problem("is refused, and not by the server", advice)
    if answer.refusal or (answer.status == 200 and STATE_HEADER in answer.headers):
        slow = answer.seconds > SLOW_S
        text = f"answers within {answer.seconds:.1f} s" if slow else "answers"
        return Finding(name, Level.NOTE if slow else Level.GOOD, text, "Callers wait in silence." if slow else "")
    if answer.status == 200:
        kind = answer.kind or "no content type"
        return problem(f"is answered by something else ({kind})", "Does the proxy lead /twilio/ to the server?")
    return problem(f"answers {answer.status}", "Does the proxy lead /twilio/ to the server, and by POST?")


def _signature(url: str, answer: Answer, whose: str, *, trusted: bool) -> Finding | None:
    """Why a right signature was refused, or nothing."""
    if answer.status != 403:
        return None
    refusal, name = answer.refusal, "signature"
    if refusal.get("signed") is False:
        text = f"{whose} signature does not arrive: something on the way drops the header X-Twilio-Signature"
        return Finding(name, Level.PROBLEM, text, STRIP_ADVICE)
    address = refusal.get("address")
    if address and plain(address) != plain(url):
        text = f"Twilio signs {whose} address as {url}; the server checks it as {address}"
        advice = "Set the server's PUBLIC_URL to what Twilio calls, and let the proxy pass the path on as it is."
        return Finding(name, Level.PROBLEM, text, advice)
    if not trusted:
        return Finding(name, Level.SKIPPED, "needs the right credentials")
    text = f"the server refuses {whose} signature: it has another TWILIO_AUTH_TOKEN, or the form is changed on its way"
    return Finding(name, Level.PROBLEM, text, "Put the same token into the server's .env and start it again.")


def _forged(answer: Answer, what: str) -> Finding:
    if answer.status == 403 and answer.refusal:
        return Finding("signature", Level.GOOD, f"right ones are accepted, wrong ones refused, on {what}")
    text = f"the server takes {what} with a wrong signature (it answered {answer.status or answer.text})"
    return Finding("signature", Level.PROBLEM, text, "Set TWILIO_AUTH_TOKEN where the server runs, and start it again.")


def _answered(answer: Answer, phone_number: str, voice_url: str, now: datetime | None) -> list[Finding]:
    """Who answers, whether calls are taken, and the server's clock."""
    state, pinned = answer.headers.get(STATE_HEADER, ""), persona_in(voice_url)
    if state == "nobody":
        text = f"the server has no persona {pinned}" if pinned else f"no persona of the server answers {phone_number}"
        advice = "Add the number under numbers: in a persona file, or name one: callbridge twilio connect … --persona."
        return [Finding("persona", Level.PROBLEM, text, f"{advice} See callbridge persona check, too.")]
    findings = []
    if state == "ready":
        findings.append(Finding("server", Level.GOOD, "takes calls"))
    elif state == "full":
        text = "all slots are taken just now"
        findings.append(Finding("server", Level.NOTE, text, "Callers hear that lines are busy."))
    else:
        text, advice = STATES.get(state, (f"the server takes no calls ({state})", "See the server's log."))
        findings.append(Finding("server", Level.PROBLEM, text, advice))
    if now and (told := _moment(answer.headers.get(TIME_HEADER, ""))):
        # The answer was made somewhere between the question and its arrival.
        fast = (told - now).total_seconds()
        fast = min(0.0, fast + answer.seconds) if fast < 0 else fast
        findings.append(clock_finding("server's clock", "the server's clock", fast))
    return findings


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _twiml(answer: Answer, voice_url: str) -> tuple[Stream | None, Finding]:
    """The stream that the answer opens, if Twilio would take the answer."""
    name, advice = "persona", "This is a mistake of the server; its version and log help to mend it."
    try:
        stream = next((verb.stream for verb in parse_twiml(answer.text.encode()) if verb.stream), None)
    except CallError as error:
        return None, Finding("twiml", Level.PROBLEM, f"{error} (error {error.code})", advice)
    if stream is None:
        return None, Finding("twiml", Level.PROBLEM, "the answer opens no stream", advice)
    there, here = urlsplit(plain(stream.url)), urlsplit(plain(voice_url))
    if there.scheme != "wss" or there.netloc != here.netloc:
        text = f"the stream is to be opened at {there.scheme}://{there.netloc}, not at wss://{here.netloc}"
        return None, Finding("stream", Level.PROBLEM, text, "Set the server's PUBLIC_URL to what Twilio calls.")
    return stream, Finding(name, Level.GOOD, f"{stream.parameters.get('persona', '')} answers")


async def _stream(prober: Prober, stream: Stream, *, trusted: bool) -> AsyncIterator[Finding]:
    """The upgrade with a wrong signature, then with the right one: the address works once."""
    url = stream.url
    forged = await prober.stream(url, forged=True)
    if forged.status == 101:
        yield _forged(forged, "streams")
        return
    answer = await prober.stream(url)
    if answer.status == 101 and answer.text == CLOSE_REASON:
        yield Finding("stream", Level.GOOD, "opens with the right signature, and not with a wrong one")
    elif answer.status == 101:
        advice = "Let the proxy pass /twilio/media/ on to the server."
        yield Finding("stream", Level.PROBLEM, "is opened by something else than the server", advice)
    elif refused := _signature(url, answer, "the stream's", trusted=trusted) if answer.refusal else None:
        yield refused
    else:
        said = f"is answered with {answer.status} instead of 101" if answer.status else f"fails: {answer.text}"
        yield Finding("stream", Level.PROBLEM, f"the WebSocket upgrade {said} (error 31920)", UPGRADE_ADVICE)
