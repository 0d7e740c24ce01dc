"""One call: which text its agent may say next, and what each frame means to the call.

For every frame the model offers its next text tokens, and `rule` decides, before any sound of them exists. In this
order: silence, where the call is about to end or a refusal to begin; a line that is to be said; a refusal, where what
was said before has left the allowed topics; what the topic gate lets pass of what the model wants.
Decisions run one frame ahead of the sound: each waits in `_decided` until its frame is there, and with it in `_held`
for as many frames as the persona's gate holds back. Where the gate takes over, what has not been delivered is dropped.
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bridge.engine.hearing.scribe import Listener
from bridge.engine.interface import Frame
from bridge.engine.personaplex.config import PAD
from bridge.engine.personaplex.meaning import Judge, Strayed
from bridge.engine.personaplex.runtime import Offer, Ruling, Samples, Spoken
from bridge.engine.personaplex.script import Script, words_of
from bridge.engine.personaplex.tokeniser import TextStream, Tokeniser
from bridge.facts.formats import FRAME_MS
from bridge.facts.speech import AgentFrame, CallerText, Verdict, Wish
from bridge.gate.begun import begun, tail
from bridge.gate.rules import Pattern
from bridge.gate.scope import Watch
from bridge.gate.tokens import Choice, TokenGate
from bridge.gate.topic import Review, topic_gate
from bridge.gate.vocabulary import Vocabulary
from bridge.persona.schema import Persona

log = logging.getLogger(__name__)

_SPEECH_LEVEL: Final = 0.01
"""Root mean square (full scale 1) from which a frame counts as speech: −40 dB, above the noise of a telephone line."""

_PAUSE_FRAMES: Final = 15
"""Frames without text, 1.2 s, after which text is a new utterance."""

_SOUGHT: Final = 20
"""Letters by which a sentence is found again in what was told."""

_HUSH: Final = 3
"""Positions of silence before a refusal. A frame's acoustic codes follow a position later: two frames are silent."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """What a frame will say: its text, the utterance it belongs to, whether a line of ours is being said.

    `dropped` where nobody may hear it; `verdict` where it is the first that the gate keeps from being heard.
    """

    text: str = ""
    turn: int = 0
    ours: bool = False
    wish: Wish | None = None
    dropped: bool = False
    verdict: Verdict | None = None


class Call:
    """See the module. Belongs to the thread that steps."""

    def __init__(
        self,
        persona: Persona,
        vocabulary: Vocabulary,
        tokeniser: Tokeniser,
        listener: Listener | None,
        *,
        judge: Judge | None = None,
        resumed: bool = False,
        notice: str = "",
    ) -> None:
        """Begin with `notice`, consent notice and greeting, or with the line that goes on with another process's call.

        Once `notice` has been said, `record` is wished for. `listener` hears the caller's words, if anybody wants them;
        `judge` tells whether what is said keeps to the persona's topics, if it names any.
        """
        self._persona = persona
        self._rules = vocabulary.rules
        self._tokeniser = tokeniser
        self._stream = TextStream(tokeniser)
        topic = topic_gate(persona, vocabulary.rules)
        held, insistence = persona.gate.hold, persona.gate.insistence
        self._gate = TokenGate(vocabulary, topic, PAD, hold=held, insistence=insistence)
        self._caller_speaking = False
        self._listener = listener
        self._judge = judge
        self._watch, self._watched = Watch(), 0  # of which utterance
        self._line: Script | None = None
        self._next_line: tuple[str, Script] | None = None
        self._hush = 0  # positions of silence still to come
        self._ending: Wish | None = None
        self._failed = False
        self._frames = 0  # delivered
        self._turn = 0
        self._pause = _PAUSE_FRAMES  # frames since the latest text
        self._decided: deque[_Decided] = deque()  # two at most
        self._held: deque[tuple[_Decided, Samples | None]] = deque([(_Decided(), None)] * held)
        self._stopped: Verdict | None = None  # of the frame that is decided on
        self._told = ""  # the end of the text that was delivered
        if notice:
            self._gate.spoke(notice)
            self._begin(Script(words_of(tokeniser, notice), "record"))
        if opening := (persona.resume_say if resumed else f"{persona.consent or ''} {persona.greeting}").strip():
            self.say(opening, None)

    # -- before the sound

    def rule(self, offer: Offer) -> Ruling:
        """Decide on the text of the next frame, of which the model offers some."""
        try:
            ruling, decided = self._decide(offer)
        except Exception as error:
            # The step serves other calls too, and is half done: it must go on. This call is ended, in order.
            self._fail(error)
            ruling, decided = _silence()
        self._decided.append(replace(decided, verdict=self._stopped))
        self._stopped = None
        return ruling

    def _decide(self, offer: Offer) -> tuple[Ruling, _Decided]:
        if self._ending:
            return _silence()
        if self._hush:
            self._hush -= 1
            return _silence()
        if self._line is None and self._next_line is not None:
            text, line = self._next_line
            self._next_line = None
            if self._gate.armed:
                self._drop(1)
            self._gate.spoke(text)
            self._begin(line)
        strayed = self._judge.take() if self._judge else None
        if self._line is not None:
            return self._recite(self._line, offer.tokens[0])
        if strayed is not None and (strayed.speaker == "caller" or strayed.turn == self._turn):
            self._leave_topic(strayed)
            return _silence()
        return self._speak(offer)

    def _begin(self, line: Script) -> None:
        self._line = line
        self._watch.restart()
        self._pause = _PAUSE_FRAMES  # so that its first word begins an utterance

    def _recite(self, line: Script, offered: int) -> tuple[Ruling, _Decided]:
        token, text = line.next(offered)
        turn = self._turn_of(text) if text else self._turn  # a line is one utterance, however long its pauses
        if not line.done:
            return Ruling(token), _Decided(text, turn, ours=True)
        self._line = None
        self._pause = _PAUSE_FRAMES  # so that what the model goes on to say is an utterance of its own
        self._stream = TextStream(self._tokeniser)
        self._ending = None if line.wish == "record" else line.wish
        return Ruling(token), _Decided(text, turn, ours=True, wish=line.wish)

    def _speak(self, offer: Offer) -> tuple[Ruling, _Decided]:
        choice = self._gate.choose(offer.tokens, offer.chances, caller_speaks=self._caller_speaking)
        if choice.latched:
            return Ruling(PAD, silent=True), _Decided(turn=self._turn)
        if choice.token is None:
            self._refuse(choice)
            return _silence()
        return Ruling(choice.token), self._said(self._stream.feed(choice.token))

    def _said(self, text: str) -> _Decided:
        turn = self._turn_of(text)
        if self._judge is not None:
            self._have_judged(self._judge, text, turn)
        return _Decided(text, turn)

    def _have_judged(self, judge: Judge, text: str, turn: int) -> None:
        if turn != self._watched:
            self._watched = turn
            self._watch.restart()
        sentence = self._watch.feed(text)
        if sentence is not None:
            judge.ask("agent", sentence, turn)

    def _refuse(self, choice: Choice) -> None:
        """Drop what the gate says has not been heard and must not be; say the refusal, after a silence.

        A model that is stopped at the end of a word has been stopped by what would come behind it.
        """
        assert choice.stopped is not None
        unheard = self._drop(choice.drop) + self._text_of(choice, choice.stopped)
        at_ms = (self._frames + len(self._held) + len(self._decided) - choice.drop) * FRAME_MS
        told = self._told + "".join(decided.text for decided in self._waiting() if not decided.dropped)
        before = begun(self._rules, choice.stopped.phrase, told, unheard)
        self._say_instead(self._gate.take_over(choice.stopped, at_ms, unheard, before), choice.drop)

    def _leave_topic(self, strayed: Strayed) -> None:
        """Refuse, at this token, what was judged meanwhile: what has not been delivered of it is dropped."""
        waiting = self._waiting()
        ours = [at for at, decided in enumerate(waiting, 1) if decided.ours or decided.dropped]
        count = len(waiting) - max(ours, default=0)
        unheard = self._drop(count)
        at_ms = (self._frames + len(waiting) - count) * FRAME_MS
        told = self._told + "".join(decided.text for decided in self._waiting() if not decided.dropped)
        before = told[found:] if (found := told.rfind(strayed.stray.sentence[:_SOUGHT])) >= 0 else ""
        before = before if strayed.speaker == "agent" else ""
        self._say_instead(self._gate.leave_topic(strayed.stray, strayed.speaker, at_ms, unheard, before), count)

    def _say_instead(self, review: Review, dropped: int) -> None:
        """Say the refusal, after a silence; so many frames were dropped for it."""
        self._report(review.verdict, dropped)
        self._hush = _HUSH - 1
        self._begin(Script(words_of(self._tokeniser, review.text), review.wish))

    def _drop(self, count: int) -> str:
        """Let nobody hear the latest frames that were decided on; their text."""
        waiting = self._waiting()
        kept, dropped = waiting[: len(waiting) - count], waiting[len(waiting) - count :]
        self._replace([*kept, *(replace(decided, dropped=True) for decided in dropped)])
        return "".join(decided.text for decided in dropped)

    def _report(self, verdict: Verdict | None, dropped: int) -> None:
        """Send a verdict with the first frame that was dropped, or with the one that is being decided on."""
        if not dropped:
            self._stopped = verdict
            return
        waiting = self._waiting()
        waiting[-dropped] = replace(waiting[-dropped], verdict=verdict)
        self._replace(waiting)

    def _waiting(self) -> list[_Decided]:
        """The frames that were decided on and have not been delivered, in order."""
        return [decided for decided, _ in self._held] + list(self._decided)

    def _replace(self, waiting: list[_Decided]) -> None:
        self._held = deque((decided, sound) for decided, (_, sound) in zip(waiting, self._held, strict=False))
        self._decided = deque(waiting[len(self._held) :])

    def _text_of(self, choice: Choice, stopped: Pattern) -> str:
        """The piece that would have completed the phrase."""
        token = next(token for token, pattern in choice.forbidden if pattern is stopped)
        return self._stream.feed(token)  # the stream is not used again: a line follows

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
        self._held.append((self._decided.popleft(), spoken.pcm))
        decided, sound = self._held.popleft()
        self._frames += 1
        self._caller_speaking = _loud(heard)
        if self._listener is not None:
            self._listener.push(heard)
            self._caller_speaking = self._listener.speaking
        silent = sound is None or decided.dropped or self._failed
        text = "" if silent else decided.text
        self._told = tail(self._told, text)
        return AgentFrame(
            pcm=b"" if sound is None or silent else sound.tobytes(),
            text=text,
            turn=decided.turn,
            caller=self._words(),
            caller_speaking=self._caller_speaking,
            agent_speaking=decided.ours
            or self._line is not None
            or (not silent and sound is not None and _loud(sound)),
            verdicts=() if decided.verdict is None else (decided.verdict,),
            flush=decided.verdict is not None,
            wish=self._ending if self._failed else decided.wish,
        )

    def _words(self) -> tuple[CallerText, ...]:
        """What the caller has been understood to say; it is judged, too."""
        words = self._listener.take() if self._listener else ()
        if self._judge is not None:
            for said in words:
                self._judge.ask("caller", said.text, self._turn)
        return words

    # -- what the bridge asks for

    def say(self, text: str, wish: Wish | None) -> None:
        """Say a line of the bridge's own: after the one that is being said, instead of another that waits."""
        self._next_line = text, Script(words_of(self._tokeniser, text), wish)

    def press(self) -> None:
        """A key was pressed."""
        if self._listener is not None:
            self._listener.press()

    def close(self) -> None:
        """The call is over."""
        if self._listener is not None:
            self._listener.close()
        if self._judge is not None:
            self._judge.close()


def _silence() -> tuple[Ruling, _Decided]:
    return Ruling(PAD, silent=True), _Decided(ours=True)


def _loud(frame: Frame) -> bool:
    return float(np.dot(frame, frame)) > _SPEECH_LEVEL**2 * len(frame)
