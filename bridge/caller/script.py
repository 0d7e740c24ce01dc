"""How a recorded caller behaves: it lets the agent finish, speaks, waits for the answer, and hangs up at the end.

Pure: one `step` is 20 ms of the call, so every time in here is a count of packets. The agent is judged by what has
been *played*, which is what a person would hear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge.caller.carrier import Step
from bridge.caller.recording import Recording, is_speech
from bridge.facts.formats import PACKET_MS

QUIET_MS: Final = 600
"""An agent silent for this long has finished: longer than the pauses inside a spoken sentence."""

PAUSE_MS: Final = 200
"""Speech after at least this much silence is a new utterance; shorter gaps are stops and pauses between words."""

KEY_MS: Final = 240
"""Time from one key press to the next."""


class Stage(Enum):
    """What the caller is doing; the value is how a display names it."""

    GREETING = "waits for the greeting"
    KEYS = "presses keys"
    AFTER_KEYS = "waits after the keys"
    SPEAKING = "speaks"
    LISTENING = "waits for the answer"
    DONE = "hangs up"


@dataclass(frozen=True, slots=True)
class Manners:
    """How patient the caller is, in milliseconds.

    `greeting`, `answer` and `reaction` are the longest waits for the agent to begin: at first, after a recording,
    after keys. `utterance` is the longest speech that is heard to its end. `interrupt`, where set, starts the next
    recording so long after the agent began to speak, instead of letting it finish. `call` ends the call after so
    long, whatever happens; 0: never.
    """

    greeting: int = 5_000
    answer: int = 10_000
    reaction: int = 3_000
    utterance: int = 25_000
    interrupt: int | None = None
    call: int = 0


class Ear:
    """Follows the agent's voice. `now` counts the packets played; `began` is where the latest utterance began."""

    def __init__(self) -> None:
        """The agent has not spoken."""
        self.now = 0
        self.began = -1
        self._last_speech = -1

    def hear(self, heard: bytes) -> bool:
        """Another 20 ms. True: a new utterance begins with them."""
        begins = is_speech(heard) and (self._last_speech < 0 or self.quiet_ms > PAUSE_MS)
        if begins:
            self.began = self.now
        if is_speech(heard):
            self._last_speech = self.now
        self.now += 1
        return begins

    @property
    def quiet_ms(self) -> int:
        """How long the agent has been silent, up to the latest packet."""
        return (self.now - 1 - self._last_speech) * PACKET_MS

    @property
    def speaking(self) -> bool:
        """Whether an utterance is going on."""
        return self._last_speech >= 0 and self.quiet_ms <= PAUSE_MS


class Script:
    """A caller that plays recordings, one after the other. It is a `Talker`."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        manners: Manners | None = None,
        digits: str = "",
        on_stage: Callable[[Stage, str], None] = lambda stage, what: None,
    ) -> None:
        """`digits` are pressed after the greeting, before the first recording. `on_stage` is told each new stage."""
        self._recordings = list(recordings)
        self._manners = manners or Manners()
        self._digits = digits
        self._on_stage = on_stage
        self._ear = Ear()
        self._turn = -1
        self._speech_sent = 0
        self._talked_over = False
        self._responses: list[int | None] = []
        self._answered_at: int | None = None
        self._enter(Stage.GREETING)

    @property
    def response_ms(self) -> list[int | None]:
        """One entry for each recording whose speech was sent to its end.

        From the end of its last speech to the first packet of the agent's answer that was played: 0 where the agent
        had begun to answer before, None where no answer came. Where the agent was still speaking when the recording
        began, its answer is what it says after it has been silent for `QUIET_MS`.
        """
        return list(self._responses)

    def step(self, heard: bytes) -> Step:
        """See `Talker.step`."""
        begins = self._ear.hear(heard)
        if self._ear.quiet_ms >= QUIET_MS:
            self._talked_over = False
        if self._stage is not Stage.DONE and 0 < self._manners.call <= self._ear.now * PACKET_MS:
            self._break_off()
        match self._stage:
            case Stage.DONE:
                return Step(hang_up=True)
            case Stage.KEYS:
                return self._press()
            case Stage.SPEAKING:
                self._note_answer(begins)
                return self._speak()
            case Stage.LISTENING:
                self._note_answer(begins)
                self._wait(self._manners.answer)
            case Stage.GREETING:
                self._note_speech(begins)
                self._wait(self._manners.greeting)
            case Stage.AFTER_KEYS:
                self._note_speech(begins)
                self._wait(self._manners.reaction)
        return Step()

    # -- what happens in a stage

    def _note_answer(self, begins: bool) -> None:
        """Notice the agent's first utterance that can be an answer to the recording of this turn."""
        since_speech = self._ear.now - 1 - self._speech_sent
        if since_speech == 0:
            overlaps = self._ear.speaking and self._ear.began >= self._since and not self._talked_over
            self._responses.append(0 if overlaps else None)
            self._answered_at = self._ear.began if overlaps else None
        elif since_speech > 0 and begins and self._answered_at is None and not self._talked_over:
            self._responses[-1] = since_speech * PACKET_MS
            self._answered_at = self._ear.began

    def _note_speech(self, begins: bool) -> None:
        if begins and self._answered_at is None:
            self._answered_at = self._ear.began

    def _speak(self) -> Step:
        recording = self._recordings[self._turn]
        number = self._ear.now - 1 - self._since
        if number + 1 == len(recording.packets):
            self._enter(Stage.LISTENING)
        return Step(recording.packets[number])

    def _press(self) -> Step:
        number, rest = divmod(self._ear.now - 1 - self._since, KEY_MS // PACKET_MS)
        if number == len(self._digits):
            self._enter(Stage.AFTER_KEYS)
            return Step()
        return Step(digits="" if rest else self._digits[number])

    def _wait(self, patience_ms: int) -> None:
        """Wait for the agent to begin, for `patience_ms` at most, and then to finish."""
        in_stage_ms = (self._ear.now - self._since) * PACKET_MS
        if self._answered_at is None:
            over = in_stage_ms >= patience_ms and not self._ear.speaking
        else:
            over = self._ear.quiet_ms >= QUIET_MS or self._interrupts()
        if over or in_stage_ms >= self._manners.utterance:
            self._proceed()

    def _interrupts(self) -> bool:
        after, began = self._manners.interrupt, self._answered_at
        if after is None or began is None or self._turn + 1 == len(self._recordings):
            return False
        return self._ear.speaking and (self._ear.now - began) * PACKET_MS >= after

    # -- from one stage to the next

    def _proceed(self) -> None:
        if self._stage is Stage.GREETING and self._digits:
            self._answered_at = None
            self._enter(Stage.KEYS)
        elif self._turn + 1 < len(self._recordings):
            self._turn += 1
            recording = self._recordings[self._turn]
            self._answered_at = None
            self._talked_over = self._ear.speaking
            self._enter(Stage.SPEAKING, recording.name)
            self._speech_sent = self._since + recording.speech_end_ms // PACKET_MS - 1
        else:
            self._enter(Stage.DONE)

    def _break_off(self) -> None:
        """Time is up: a turn that is still waiting for its answer is not held against the agent."""
        waiting = self._stage in (Stage.SPEAKING, Stage.LISTENING) and self._answered_at is None
        if waiting and self._ear.now - 1 > self._speech_sent:
            self._responses.pop()
        self._enter(Stage.DONE)

    def _enter(self, stage: Stage, what: str = "") -> None:
        self._stage = stage
        self._since = self._ear.now
        self._on_stage(stage, what)


class Chatter:
    """A caller that talks on and on, whatever it hears, and hangs up after `seconds`. It is a `Talker`."""

    def __init__(self, recording: Recording, seconds: float, offset: int = 0) -> None:
        """`offset` is the packet to begin with, so that many callers do not speak in unison."""
        self._steps = [Step(packet) for packet in recording.packets]
        self._number = offset % len(self._steps)
        self._left = round(seconds * 1000 / PACKET_MS)

    def step(self, heard: bytes) -> Step:
        """See `Talker.step`."""
        if self._left == 0:
            return Step(hang_up=True)
        self._left -= 1
        self._number = (self._number + 1) % len(self._steps)
        return self._steps[self._number]
