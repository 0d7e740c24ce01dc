"""What an engine says about a conversation: words, verdicts, wishes. All times are milliseconds of the call's clock.

The call's clock is the caller's own audio: millisecond 0 is the first sample of the stream.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Speaker = Literal["caller", "agent"]
Action = Literal["refuse", "redirect", "transfer", "hangup"]
"""What the gate did: it refused; and asked a question of ours; and wished for a transfer, or the end of the call."""

Ending = Literal["transfer", "hangup"]
Wish = Literal[Ending, "record"]


class Said(msgspec.Struct, frozen=True):
    """What one of both said in one go, complete."""

    speaker: Speaker
    text: str


Recollection = tuple[Said, ...]
"""The last of a conversation, oldest first, for an engine that takes a call over; empty for one that begins."""


class CallerText(msgspec.Struct, frozen=True):
    """Words recognised from the caller, complete, with the time of their sound."""

    text: str
    start_ms: int
    end_ms: int


class Verdict(msgspec.Struct, frozen=True):
    """The topic gate stopped something.

    `phrase` is the blocked phrase as the persona writes it, `topic` its heading there, `speaker` whose words
    met it. `withheld` is the text that was not spoken; empty where the caller's own question met the phrase. `begun` is
    the end of the text before it, as far as it belongs to the phrase: it was handed over to be spoken, and what of it
    was heard the call alone knows.
    """

    phrase: str
    topic: str
    speaker: Speaker
    action: Action
    at_ms: int
    withheld: str = ""
    begun: str = ""


class AgentFrame(msgspec.Struct, frozen=True):
    """One 80 ms frame of an engine's answer, in step with one caller frame.

    `pcm` is float32 little-endian, 24 kHz, mono, 1920 samples; empty bytes mean digital silence.
    `text` is the part of the agent's text whose sound begins in this frame (it keeps its own leading space),
    `turn` counts the agent's utterances from 1, so that words of two answers are never run together.
    `flush` asks the call to drop what has not been played (the caller barged in, or a verdict fell).
    `wish` asks the call to end in a certain way, or to begin its recording, once this frame has been heard.
    """

    pcm: bytes = b""
    text: str = ""
    turn: int = 0
    caller: tuple[CallerText, ...] = ()
    caller_speaking: bool = False
    agent_speaking: bool = False
    verdicts: tuple[Verdict, ...] = ()
    flush: bool = False
    wish: Wish | None = None
