"""Dialling a person from a call: who answers, what they are told first, whether the two are put through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import httpx

from bridge.caller.errors import CallError
from bridge.caller.live_stream import Step, Talker
from bridge.caller.twiml import Verb
from bridge.caller.webhook import CallIds, Line, Webhooks
from bridge.facts.formats import PACKET_MS

RING_S: Final = 30
"""How long `<Dial>` rings where its `timeout` does not say."""

MAX_STEPS: Final = 50
"""Verbs that the person who is dialled is led through; more is a loop."""

CallEnd = Literal["completed", "busy", "no-answer", "failed", "canceled"]


class Listener:
    """A person who says nothing and hangs up after `seconds`. It is a `Talker`."""

    def __init__(self, seconds: float = 1.0) -> None:
        """`seconds` of the call's clock."""
        self._left = round(seconds * 1000 / PACKET_MS)

    def step(self, heard: bytes) -> Step:
        """See `Talker.step`."""
        self._left -= 1
        return Step(hang_up=self._left < 0)


@dataclass(frozen=True, slots=True)
class Callee:
    """What happens when a number is dialled.

    It rings for `ring_s`; then `answer` says what comes of it. Whoever answers presses `keys` whenever keys are asked
    for, and talks for `talks_s` once they are put through to a caller. A call that begins with them (an outbound one)
    has `talker` on its stream; `answered_by` is what answering-machine detection finds, `detect_s` after the answer.
    """

    answer: Literal["answers", "busy", "no-answer", "failed"] = "answers"
    ring_s: float = 0.0
    keys: str = ""
    talks_s: float = 0.0
    talker: Callable[[], Talker] = Listener
    answered_by: str = "human"
    detect_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Dialled:
    """What came of dialling. `told` are the verbs that the person was led through before they were put through."""

    number: str
    caller_id: str
    status: CallEnd
    bridged: bool = False
    seconds: int = 0
    sid: str = ""
    told: tuple[Verb, ...] = ()

    def form(self) -> dict[str, str]:
        """What `<Dial action>` is asked with."""
        form = {"DialCallStatus": self.status, "DialBridged": str(self.bridged).lower()}
        if self.sid:
            form["DialCallSid"] = self.sid
        return form | ({"DialCallDuration": str(self.seconds)} if self.status == "completed" else {})


Wait = Callable[[float], Awaitable[bool]]
"""Lets so many seconds of the call pass. False: the call ended or was led elsewhere meanwhile."""


async def dial(
    verb: Verb,
    line: Line,
    parent: CallIds,
    here: str,
    client: httpx.AsyncClient,
    book: Mapping[str, Callee],
    wait: Wait,
) -> Dialled:
    """Carry out `<Dial>`: each of its numbers in turn until one answers. Raises `CallError` for what Twilio refuses.

    A number that `book` does not hold is answered by a person. `here` is the address of the TwiML that dials.
    """
    caller_id = verb.attributes.get("callerId", line.caller)
    patience = int(verb.attributes.get("timeout", RING_S))
    outcome = Dialled("", caller_id, "failed")
    for noun in verb.parts or (Verb("Number", verb.text),):
        leg = _Leg(noun, replace(line, to=noun.text, caller=caller_id), parent, here, client, book)
        outcome = await leg.run(patience, wait)
        if outcome.status == "completed":
            break
    return outcome


class _Leg:
    """The call to one number."""

    def __init__(
        self, noun: Verb, line: Line, parent: CallIds, here: str, client: httpx.AsyncClient, book: Mapping[str, Callee]
    ) -> None:
        told = noun.attributes
        line = replace(
            line,
            direction="outbound-dial",
            webhook=here,  # what relative addresses count from
            fallback="",
            status_callback=told.get("statusCallback", ""),
            status_events=tuple(told.get("statusCallbackEvent", "completed").split()),
        )
        self._noun, self._line = noun, line
        self._ids = CallIds.new()
        self._callee = book.get(noun.text, Callee())
        self._webhooks = Webhooks(line, self._ids, client, parent.call_sid)

    async def run(self, patience: int, wait: Wait) -> Dialled:
        callee, bridged = self._callee, False
        told: tuple[Verb, ...] = ()
        await self._webhooks.call_event("queued")
        await self._webhooks.call_event("ringing")
        status: CallEnd = "no-answer" if callee.ring_s > patience else _ends(callee)
        if not await wait(min(callee.ring_s, patience)):
            status = "canceled"
        elif status == "completed":
            await self._webhooks.call_event("in-progress")
            told, bridged = await self._whisper()
            if bridged:
                await wait(callee.talks_s)
        seconds = round(callee.talks_s) if bridged else 0
        await self._webhooks.call_event(status, CallDuration=str(seconds))
        return Dialled(self._noun.text, self._line.caller, status, bridged, seconds, self._ids.call_sid, told)

    async def _whisper(self) -> tuple[tuple[Verb, ...], bool]:
        """Lead the person through the TwiML of the noun's `url`. False: it hung up on them."""
        url = self._noun.attributes.get("url")
        if not url:
            return (), True
        verbs, done = await self._webhooks.ask(url), list[Verb]()
        while verbs:
            verb, verbs = verbs[0], verbs[1:]
            done.append(verb)
            if len(done) > MAX_STEPS:
                raise CallError(f"more than {MAX_STEPS} verbs before the person is put through", 11205)
            match verb.name:
                case "Hangup":
                    return tuple(done), False
                case "Redirect":
                    verbs = await self._webhooks.ask(verb.text)
                case "Gather" if (form := pressed(verb, self._callee.keys)) is not None:
                    verbs = await self._webhooks.ask(verb.action or self._webhooks.here, **form)
                case "Gather" | "Say" | "Play" | "Pause":
                    pass
                case _:
                    raise CallError(f"<{verb.name}> cannot be used before a person is put through", 13201)
        return tuple(done), True


def _ends(callee: Callee) -> CallEnd:
    return "completed" if callee.answer == "answers" else callee.answer


def pressed(gather: Verb, keys: str) -> dict[str, str] | None:
    """What `<Gather>` reports of `keys`; None: nothing, and the call goes on with the next verb."""
    finish = gather.attributes.get("finishOnKey", "#")
    if "dtmf" not in gather.attributes.get("input", "dtmf"):
        keys = ""
    taken = ""
    for key in keys:
        if key in finish:
            return {"Digits": taken, "FinishedOnKey": key}
        taken += key
        if len(taken) == int(gather.attributes.get("numDigits", 0)):
            break
    if taken or gather.attributes.get("actionOnEmptyResult") == "true":
        return {"Digits": taken}
    return None
