"""One call: which text its agent may say next, and what each frame means to the call.

For every frame the model offers its next text tokens, and `rule` decides, before any sound of them exists. In this
order: silence, where the call is about to end or a refusal to begin; a line that is to be said; what the model wants,
if the topic gate lets it pass.
Decisions run one frame ahead of the sound: each waits in `_decided` until its frame is there.
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from bridge.engine.hearing.scribe import Listener
from bridge.engine.interface import Frame
from bridge.engine.personaplex.config import PAD
from bridge.engine.personaplex.runtime import Ruling, Spoken
from bridge.engine.personaplex.script import Script, words_of
from bridge.engine.personaplex.tokeniser import TextStream, Tokeniser
from bridge.engine.personaplex.words import WordGate
from bridge.facts.formats import FRAME_MS
from bridge.facts.speech import AgentFrame, Verdict, Wish
from bridge.gate.rules import Rules
from bridge.gate.topic import Review, TopicGate
from bridge.persona.schema import Persona

log = logging.getLogger(__name__)

_SPEECH_LEVEL: Final = 0.01
"""Root mean square (full scale 1) from which a frame counts as speech: −40 dB, above the noise of a telephone line."""

_PAUSE_FRAMES: Final = 15
"""Frames without text, 1.2 s, after which text is a new utterance."""

_HUSH: Final = 3
"""Positions of silence before a refusal. A frame's acoustic codes follow a position later: two frames are silent."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """What a frame will say: its text, the utterance it belongs to, whether a line of ours is being said."""

    text: str = ""
    turn: int = 0
    ours: bool = False
    wish: Wish | None = None


class Call:
    """See the module. Belongs to the thread that steps."""

    def __init__(self, persona: Persona, rules: Rules, tokeniser: Tokeniser, listener: Listener | None) -> None:
        """Begin with consent notice and greeting. `listener` hears the caller's words, if anybody wants them."""
        self._persona = persona
        self._tokeniser = tokeniser
        self._stream = TextStream(tokeniser)
        self._gate = WordGate(TopicGate(rules, persona.refusal, persona.after_refusals))
        self._listener = listener
        self._line: Script | None = None
        self._next_line: Script | None = None
        self._hush = 0  # positions of silence still to come
        self._ending: Wish | None = None
        self._failed = False
        self._frames = 0  # delivered
        self._turn = 0
        self._pause = _PAUSE_FRAMES  # frames since the latest text
        self._decided: deque[_Decided] = deque()  # two at most
        self._verdicts: list[Verdict] = []
        self.say(f"{persona.consent or ''} {persona.greeting}", None)

    # -- before the sound

    def rule(self, offered: Sequence[int]) -> Ruling:
        """Decide on the text of the next frame. `offered`: tokens in the order in which the model would say them."""
        try:
            ruling, decided = self._decide(offered)
        except Exception as error:
            # The step serves other calls too, and is half done: it must go on. This call is ended, in order.
            self._fail(error)
            ruling, decided = _silence()
        self._decided.append(decided)
        return ruling

    def _decide(self, offered: Sequence[int]) -> tuple[Ruling, _Decided]:
        if self._ending:
            return _silence()
        if self._hush:
            self._hush -= 1
            return _silence()
        if self._line is None and self._next_line is not None:
            self._begin(self._next_line)
            self._next_line = None
        if self._line is not None:
            return self._recite(self._line, offered[0])
        return self._speak(offered[0])

    def _begin(self, line: Script) -> None:
        self._line = line
        self._pause = _PAUSE_FRAMES  # so that its first word begins an utterance

    def _recite(self, line: Script, offered: int) -> tuple[Ruling, _Decided]:
        token, text = line.next(offered)
        turn = self._turn_of(text) if text else self._turn  # a line is one utterance, however long its pauses
        if not line.done:
            return Ruling(token), _Decided(text, turn, ours=True)
        self._line = None
        self._pause = _PAUSE_FRAMES  # so that what the model goes on to say is an utterance of its own
        self._stream = TextStream(self._tokeniser)
        self._ending = line.wish
        return Ruling(token), _Decided(text, turn, ours=True, wish=line.wish)

    def _speak(self, token: int) -> tuple[Ruling, _Decided]:
        text = self._stream.feed(token)
        review = self._gate.review(text, (self._frames + len(self._decided)) * FRAME_MS)
        if review.verdict is not None:
            self._refuse(review, review.verdict, text)
            return _silence()
        return Ruling(), _Decided(text, self._turn_of(text))

    def _refuse(self, review: Review, verdict: Verdict, stopped: str) -> None:
        """Instead of the piece that was stopped: silence, then the refusal.

        A frame whose text was decided before and has not been delivered is silenced as well: it may begin the phrase.
        """
        unheard = "".join(decided.text for decided in self._decided)
        self._verdicts.append(msgspec.structs.replace(verdict, withheld=unheard + stopped))
        self._hush = _HUSH - 1
        self._begin(Script(words_of(self._tokeniser, review.text), review.wish))

    def _turn_of(self, text: str) -> int:
        """The utterance that a frame's text belongs to."""
        if not text.strip():
            self._pause += 1
            return self._turn
        self._turn += self._pause >= _PAUSE_FRAMES
        self._pause = 0
        return self._turn

    def _fail(self, error: Exception) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        # Neither the error's text nor a traceback: both may quote the call.
        log.error("a call is ended: %s at %s:%s", type(error).__name__, where.filename, where.lineno)
        self._failed = True
        self._ending = "transfer" if self._persona.transfer else "hangup"

    # -- with the sound

    def frame(self, heard: Frame, spoken: Spoken) -> AgentFrame:
        """What the caller gets for a frame."""
        decided = self._decided.popleft()
        verdicts, self._verdicts = tuple(self._verdicts), []
        self._frames += 1
        caller_speaking = _loud(heard)
        if self._listener is not None:
            self._listener.push(heard)
            caller_speaking = self._listener.speaking
        sound = spoken.pcm if spoken.pcm is not None and not verdicts and not self._failed else None
        return AgentFrame(
            pcm=b"" if sound is None else sound.tobytes(),
            text="" if sound is None else decided.text,
            turn=decided.turn,
            caller=self._listener.take() if self._listener else (),
            caller_speaking=caller_speaking,
            agent_speaking=decided.ours or self._line is not None or (sound is not None and _loud(sound)),
            verdicts=verdicts,
            flush=bool(verdicts),
            wish=self._ending if self._failed else decided.wish,
        )

    # -- what the bridge asks for

    def say(self, text: str, wish: Wish | None) -> None:
        """Say a line of the bridge's own: after the one that is being said, instead of another that waits."""
        self._next_line = Script(words_of(self._tokeniser, text), wish)
        self._gate.spoke(text)

    def press(self) -> None:
        """A key was pressed."""
        if self._listener is not None:
            self._listener.press()

    def close(self) -> None:
        """The call is over."""
        if self._listener is not None:
            self._listener.close()


def _silence() -> tuple[Ruling, _Decided]:
    return Ruling(PAD, silent=True), _Decided(ours=True)


def _loud(frame: Frame) -> bool:
    return float(np.dot(frame, frame)) > _SPEECH_LEVEL**2 * len(frame)
