"""The closed schema of a persona file: who answers, what they know, what they must never talk about.

Every model refuses keys it does not know, so that a typing error is reported instead of ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from bridge.persona.hours import span, weekdays, zone

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
"""ITU-T E.164: a plus, then country code and number, at most 15 digits together; seven is the shortest in use."""


NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""A persona's name, and so its file's: small letters, digits, hyphens and underscores."""


WEBHOOK = re.compile(r"https?://[A-Za-z0-9._~\[\]:-]{1,253}(/[A-Za-z0-9._~%/?&=+:@-]{0,500})?")
"""The address of a webhook: http(s), a host, and characters that an address may have unquoted."""


KEY = r"^[0-9*#]$"
"""A key of a telephone."""

Key = Annotated[str, StringConstraints(pattern=KEY)]


def _e164(number: str) -> str:
    if not E164.fullmatch(number):
        raise ValueError(f"{number!r} is not a phone number in E.164 form, like +12025550143")
    return number


def _destination(to: str) -> str:
    """A number to dial, or the address of a webhook."""
    if not (E164.fullmatch(to) or WEBHOOK.fullmatch(to)):
        raise ValueError(
            f"{to!r} is neither a phone number like +12025550143 nor an address like https://…/twilio/voice"
        )
    return to


def _with_place(line: str) -> str:
    if line.count("{place}") != 1:
        raise ValueError("must have {place} in it, once, where the number is to be said")
    return line


PhoneNumber = Annotated[str, AfterValidator(_e164)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=600)]
"""One thing to say or to know: not empty, at most 600 characters (about 40 seconds of speech)."""

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class Closed(BaseModel):
    """Base of every part of a persona: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Fact(Closed):
    """Something the persona may say: `ask` lists ways in which callers ask for it, `answer` is said word for word."""

    ask: tuple[Line, ...] = Field(min_length=1)
    answer: Line


TopicAction = Literal["refuse", "redirect", "transfer", "hangup"]
"""What a refusal leads to: nothing, a question of ours, a transfer, the end of the call."""

Count = Annotated[int, Field(ge=1, le=20)]
"""So many refusals, counted over one call."""


class Numbers(Closed):
    """Numbers that must not be told: those with at most `within` words to one of `near`, before or behind it.

    `money` are amounts with a currency; `any` are all numbers, times and dates included. Without `near` it is money
    wherever it stands.
    """

    near: tuple[Word, ...] = ()
    within: int = Field(default=6, ge=1, le=20)
    kind: Literal["money", "any"] = "money"

    @model_validator(mode="after")
    def _not_all_numbers(self) -> Numbers:
        if self.kind == "any" and not self.near:
            raise ValueError("kind: any needs at least one word under near, or no number could be said at all")
        return self


class BlockedTopic(Closed):
    """A topic the agent must never talk about.

    `words` and `phrases` are matched on whole words whatever the case, accents, spacing or punctuation; a trailing
    `*` matches any ending (`antibiotic*`). `numbers` are those that must not be told. `examples` are questions on the
    topic that need not contain those words.

    `refusal` is spoken instead of the persona's own. With `redirect` the agent asks `question` behind it; `transfer`
    and `hangup` end the call from the refusal of this topic that `count` says.
    """

    topic: Word
    words: tuple[Word, ...] = ()
    phrases: tuple[Word, ...] = ()
    numbers: Numbers | None = None
    examples: tuple[Line, ...] = ()
    refusal: Line | None = None
    action: TopicAction = "refuse"
    question: Line | None = None
    count: Count = 1

    @model_validator(mode="after")
    def _blocks_something(self) -> BlockedTopic:
        if not (self.words or self.phrases or self.numbers):
            raise ValueError("a blocked topic needs at least one entry under words or phrases, or numbers")
        _check_action(self.action, self.question)
        return self


def _check_action(action: TopicAction, question: Line | None) -> None:
    """Raise ValueError where one of the two is of no use without the other."""
    if action == "redirect" and question is None:
        raise ValueError("action: redirect needs a question, which is asked behind the refusal")
    if action != "redirect" and question is not None:
        raise ValueError(f"a question is asked with action: redirect only, and the action is {action}")


ENOUGH: Final = 15
"""Examples of each kind below which a threshold cannot be chosen by them: one of them is 7 % and more."""

OFF_TOPIC: Final = "off topic"
"""The topic of verdicts on what is none of the allowed topics."""


class Allowed(Closed):
    """What the agent may talk about, and nothing else; told by meaning, so that it is a judgement and no promise.

    `topics` name it in a few words each. `examples` are things said on these topics, by callers or by the agent,
    `off_topic_examples` things that are not to be talked about. A sentence whose score is below `threshold` is
    refused; `callbridge gate calibrate` finds a good one. The rest is as for blocked topics.
    """

    topics: tuple[Line, ...] = Field(min_length=1)
    examples: tuple[Line, ...] = ()
    off_topic_examples: tuple[Line, ...] = ()
    threshold: float = Field(default=0.25, ge=-0.5, le=1.0)
    refusal: Line | None = None
    action: TopicAction = "refuse"
    question: Line | None = None
    count: Count = 1

    @model_validator(mode="after")
    def _whole_action(self) -> Allowed:
        _check_action(self.action, self.question)
        return self


class AfterRefusals(Closed):
    """What happens when the gate has refused `count` times in one call; `say` is spoken first."""

    count: Count = 3
    action: Literal["continue", "transfer", "hangup"] = "continue"
    say: Line | None = None


class Limits(Closed):
    """How long a call may last and how long a silence may be, in seconds; and the lines spoken then."""

    call_seconds: int = Field(default=1800, ge=30, le=14_400)
    idle_seconds: int = Field(default=15, ge=3, le=600)
    idle_question: Line = "Are you still there?"
    goodbye: Line = "Thank you for calling. Goodbye."


class WhenFull(Closed):
    """What a caller hears when every line is taken, or the engine is being started.

    `busy` says `busy_say`, then puts them through to the persona's `transfer` if there is one; `hold` plays music and
    says their place, for `longest_wait` seconds at most and then as `busy`; `elsewhere` hands the call over to `to`:
    a number that is dialled, or the voice webhook of another bridge.
    """

    action: Literal["busy", "hold", "elsewhere"] = "busy"
    to: Annotated[str, AfterValidator(_destination)] | None = None
    busy_say: Line = "I'm sorry, all our lines are busy. Please call again in a moment."
    hold_say: Line = "All our lines are busy. Please hold the line."
    place_say: Annotated[Line, AfterValidator(_with_place)] = "You are number {place}."
    longest_wait: int = Field(default=300, ge=30, le=3600)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> WhenFull:
        if self.action == "elsewhere" and self.to is None:
            raise ValueError("action is elsewhere, but there is no `to`: a number, or the webhook of another bridge")
        return self


class Listening(Closed):
    """How the CPU engine takes turns: `wait_ms` of silence end the caller's turn; `barge_in` lets callers interrupt."""

    wait_ms: int = Field(default=416, ge=200, le=3000)
    barge_in: bool = True


class Unknown(Closed):
    """What the CPU engine says where no fact fits: it asks again, then offers a person or apologises."""

    ask_again: Line = "I'm sorry, I didn't quite catch that. Could you say it another way?"
    offer_transfer: Line = "I'm afraid I can't answer that. Would you like me to put you through to a person?"
    give_up: Line = "I'm sorry, I can't help with that one. Is there anything else I can do for you?"
    threshold: float = Field(default=0.50, ge=0.0, le=1.0)


class Sampling(Closed):
    """Sampling of the PersonaPlex model; the defaults are those it was trained with."""

    text_temperature: float = Field(default=0.7, ge=0.0, le=2.0)
    text_top_k: int = Field(default=25, ge=1, le=256)
    audio_temperature: float = Field(default=0.8, ge=0.0, le=2.0)
    audio_top_k: int = Field(default=250, ge=1, le=256)


class Gate(Closed):
    """How the topic gate treats a model.

    One that speaks while it writes: `hold` frames of 80 ms are heard later, so that what has been begun need not be
    heard; `insistence` is the probability of blocked continuations from which the refusal is spoken rather than another
    word chosen. A language model behind the CPU engine: with `hear_back` the engine listens to each of its sentences
    before the caller does, and refuses what sounds like a blocked phrase.
    """

    hold: int = Field(default=0, ge=0, le=4)
    insistence: float = Field(default=0.5, gt=0.0, le=1.0)
    hear_back: bool = True


class RecordingNotice(Closed):
    """What a caller is told before a call is recorded, and how they can refuse.

    Recording begins once `notice` has been heard. `opt_out_key`, pressed at any time, ends it, deletes what was
    recorded of this call, and is answered with `opted_out`.
    """

    notice: Line
    opt_out_key: Key | None = None
    opted_out: Line = "All right, this call is not being recorded. How can I help you?"


class Outbound(Closed):
    """How the persona calls people. `notice` is spoken first, to its end, and then `greeting`.

    `caller_id` is the number that they see (default: the persona's first). Calls are placed on `days` within `hours` of
    `timezone` only. An answering machine is left the `voicemail` after its beep, or hung up on.
    """

    notice: Line
    greeting: Line
    timezone: Word
    days: Word = "mon-fri"
    hours: Word = "9:00-18:00"
    caller_id: PhoneNumber | None = None
    voicemail: Line | None = None
    rings: int = Field(default=30, ge=5, le=120)

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        zone(name)
        return name

    @field_validator("days")
    @classmethod
    def _are_days(cls, days: str) -> str:
        weekdays(days)
        return days

    @field_validator("hours")
    @classmethod
    def _is_a_span(cls, hours: str) -> str:
        span(hours)
        return hours


class KeyAction(Closed):
    """What a key does: `say` is spoken, then the call goes on, is put through, or ends; with `never_call` it ends, and
    the caller's number goes onto the do-not-call list.

    In a file `0: transfer` is short for `0: {then: transfer}`. `to` is another person than the persona's own.
    """

    then: Literal["continue", "transfer", "hangup", "never_call"] = "continue"
    say: Line | None = None
    to: PhoneNumber | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_a_word(cls, value: Any) -> Any:
        return {"then": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _does_something(self) -> KeyAction:
        if self.then == "continue" and self.say is None:
            raise ValueError("a key needs something to say, or then: transfer or hangup")
        if self.to and self.then != "transfer":
            raise ValueError("to is for then: transfer")
        return self


class FrozenMap(dict[Key, KeyAction]):
    """Actions by key; a persona is a value, and so is each of its parts."""

    def __hash__(self) -> int:  # type: ignore[override]
        """Equal maps have equal hashes."""
        return hash(frozenset(self.items()))

    def __setitem__(self, key: Key, value: KeyAction) -> None:
        """A value does not change."""
        raise TypeError("a persona does not change")


class Persona(Closed):
    """One business on the telephone. `name` is the file's name without `.yaml`.

    `description` completes the sentence "You work for BUSINESS, which is …". Of `facts` each answer stands for itself,
    because it is spoken alone; `information` is what else the agent may know, in plain sentences.

    With a `prompt` models are told that, in its owner's words, and not what follows from the keys around it. Only then
    `greeting` may be empty, and the caller is the first to speak.
    """

    name: Annotated[str, StringConstraints(pattern=NAME)]
    business: Word
    description: Line
    agent_name: Word
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en"
    numbers: tuple[PhoneNumber, ...] = ()
    voice: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] = "NATF2"

    prompt: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)] = ""
    greeting: Annotated[str, StringConstraints(strip_whitespace=True, max_length=600)]
    consent: Line | None = None
    recording: RecordingNotice | None = None
    facts: tuple[Fact, ...] = ()
    information: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)] = ""

    blocked: tuple[BlockedTopic, ...] = ()
    allowed: Allowed | None = None
    refusal: Line
    after_refusals: AfterRefusals = AfterRefusals()
    gate: Gate = Gate()

    transfer: PhoneNumber | None = None
    transfer_say: Line = "One moment, I'm putting you through."
    transfer_accept: bool = False
    transfer_rings: int = Field(default=25, ge=5, le=120)
    transfer_unanswered: Line = "I'm sorry, nobody could take your call just now. How else can I help you?"
    outbound: Outbound | None = None
    keys: Annotated[dict[Key, KeyAction], AfterValidator(FrozenMap)] = FrozenMap()
    resume_say: Line = "Thank you for waiting. Where were we?"
    limits: Limits = Limits()
    when_full: WhenFull = WhenFull()
    listening: Listening = Listening()
    unknown: Unknown = Unknown()
    sampling: Sampling = Sampling()

    @field_validator("greeting")
    @classmethod
    def _greets(cls, greeting: str, given: ValidationInfo) -> str:
        if not greeting and not given.data.get("prompt"):
            raise PydanticKnownError("string_too_short", {"min_length": 1})
        return greeting

    @model_validator(mode="after")
    def _consistent(self) -> Persona:
        if len(set(self.numbers)) != len(self.numbers):
            twice = sorted({n for n in self.numbers if self.numbers.count(n) > 1})
            raise ValueError(f"numbers: {', '.join(twice)} is listed twice")
        if self.after_refusals.action == "transfer" and self.transfer is None:
            raise ValueError("after_refusals: action is transfer, but the persona has no transfer number")
        if self.transfer is None and any(each.action == "transfer" for each in self.restrictions):
            raise ValueError("blocked, allowed: an action is transfer, but the persona has no transfer number")
        if self.transfer is None and any(key.then == "transfer" and not key.to for key in self.keys.values()):
            raise ValueError("keys: a key is for a transfer, but the persona has no transfer number")
        if self.recording and self.recording.opt_out_key in self.keys:
            raise ValueError("keys: the recording's opt_out_key is listed as well")
        if self.outbound and not (self.outbound.caller_id or self.numbers):
            raise ValueError("outbound: there is no number to call from")
        return self

    @property
    def restrictions(self) -> tuple[BlockedTopic | Allowed, ...]:
        """All that has a policy of its own: the blocked topics, and what is none of the allowed ones."""
        return self.blocked if self.allowed is None else (*self.blocked, self.allowed)

    def calling(self) -> Persona | None:
        """The persona as it is when it calls somebody, with the first words for that; None if it calls nobody."""
        out = self.outbound
        return self.model_copy(update={"consent": out.notice, "greeting": out.greeting}) if out else None
