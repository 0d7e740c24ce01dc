"""One call in the cascade engine: from caller frames to agent frames. All of it runs in the thread that steps."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from bridge.audio.resample import Resampler
from bridge.engine.cascade.answer import recall
from bridge.engine.cascade.mouth import Mouth, Utterance
from bridge.engine.cascade.opening import Opening
from bridge.engine.cascade.phrases import is_backchannel
from bridge.engine.cascade.thought import Thought, cut
from bridge.engine.hearing.ear import Dismissed, Ear, Ended, Heard, Onset, Pause, Resumed
from bridge.engine.hearing.voice_activity import Detector
from bridge.engine.interface import Frame, Seat
from bridge.facts.formats import FRAME_MS, MODEL_RATE
from bridge.facts.speech import AgentFrame, CallerText, Verdict, Wish

log = logging.getLogger(__name__)

_TOO_EARLY: Final = MODEL_RATE * 800 // 1000
"""Samples of an answer before which a caller who goes on had not finished: both halves are then answered as one."""

MAX_KEYS: Final = 16
"""Keys that are remembered: as many as a card number has."""

Submit = Callable[[Callable[[], None]], Future[None]]


@dataclass(slots=True)
class _Task:
    """A thought and the thread's promise to finish it; `ended` once the caller's turn is over."""

    thought: Thought
    future: Future[None]
    ended: Ended | None = None
    reported: bool = False

    def abandon(self) -> None:
        self.thought.abandon()
        self.future.cancel()

    @property
    def known(self) -> bool:
        """The caller's words are known, or never will be."""
        return self.thought.heard is not None or self.future.done()


class Slot:
    """See the module. A new object for each call, so that nothing of a former call can reach a later one."""

    def __init__(self, number: int, seat: Seat, opening: Opening, detector: Detector, submit: Submit) -> None:
        """Begin with the greeting, before it the notice of a recorded call; or go on from what another process said."""
        self._number = number
        self._seat = seat
        self._persona = seat.persona
        self._opening = opening
        self._submit = submit
        self._down = Resampler(2, 3)
        self._ear = Ear(detector, seat.persona.listening.wait_ms)
        self._mouth = Mouth()
        self._frames = 0
        self._turn = 1
        self._flush = False
        self._memory, self._gate = recall(seat.recollection), opening.gate
        self._before = (self._memory, self._gate)  # as they were before the answer that is being given
        self._guess: _Task | None = None  # answers the caller's turn that is going on, or has just ended
        self._telling: _Task | None = None  # fills the mouth
        self._unheard: deque[_Task] = deque()  # ended turns whose words alone are wanted; each is soon known
        self._unanswered = ""
        self._question = ""
        self._interrupted: tuple[Utterance, ...] = ()
        self._talked_over = False  # the caller began to speak during a line that is not to be stopped
        opening_line = (*opening.notice, *opening.greeting) if seat.recording_notice else opening.greeting
        self._say(opening.resumption if seat.recollection else opening_line)

    def step(self, frame: Frame) -> AgentFrame:
        """Take 80 ms of the caller, give 80 ms of the agent."""
        caller: list[CallerText] = []
        for heard in self._ear.hear(self._down.process(frame)):
            self._notice(heard)
        if self._talked_over and self._ear.speaking:
            self._give_way()
        caller += self._report_unheard()
        caller += self._take_turn()
        self._listen_to_thread()
        return self._frame(tuple(caller))

    def say(self, text: str, wish: Wish | None) -> None:
        """Speak a line of the bridge's own instead of what is being said, or is about to be said."""
        self._fall_silent()
        self._leave_unanswered()
        self._interrupted = ()
        recite, sentences, gate = self._opening.thinker.recite, cut(text, wish=wish), self._gate
        self._telling = self._start(lambda thought: recite(thought, sentences, gate))
        self._start_turn(question="")

    def press(self, digit: str) -> None:
        """A key was pressed: its tone is no speech, and a language model is told of it with the caller's next words."""
        self._memory = replace(self._memory, keys=(self._memory.keys + digit)[-MAX_KEYS:])
        for heard in self._ear.mute():
            self._notice(heard)

    def close(self) -> None:
        """Want nothing more from any thread."""
        for task in (self._guess, self._telling, *self._unheard):
            if task is not None:
                task.abandon()

    # -- the caller's turn

    def _notice(self, heard: Heard) -> None:
        match heard:
            case Onset():
                self._onset()
            case Pause(samples):
                think = self._opening.thinker.think
                before, memory, gate = self._unanswered, self._memory, self._gate
                self._guess = self._start(lambda thought: think(thought, samples, before, memory, gate))
            case Resumed():
                self._drop_guess()
            case Dismissed():
                self._drop_guess()
                self._resume()
            case Ended():
                assert self._guess is not None
                self._guess.ended = heard

    def _onset(self) -> None:
        self._leave_unanswered()  # if the turn before has not been answered yet, the caller goes on
        self._give_way()

    def _give_way(self) -> None:
        """The caller speaks: fall silent, at once or when the notice that must be heard is over."""
        if not (self._mouth.busy and self._persona.listening.barge_in):
            return
        self._talked_over = self._mouth.protected
        if not self._talked_over:
            if self._mouth.uttered < _TOO_EARLY and self._question:
                self._unanswered = self._question
                self._memory, self._gate = self._before
            self._interrupted = self._fall_silent()

    def _leave_unanswered(self) -> None:
        """Of a turn that has ended only the words are wanted; they are answered together with the next ones."""
        if self._guess is not None and self._guess.ended is not None:
            self._guess.thought.listen_only()
            self._unheard.append(self._guess)
            self._guess = None

    def _drop_guess(self) -> None:
        if self._guess is not None:
            self._guess.abandon()
            self._guess = None

    def _report_unheard(self) -> list[CallerText]:
        reports: list[CallerText] = []
        while self._unheard and self._unheard[0].known:
            task = self._unheard.popleft()
            reports += self._report(task)
            if task.thought.heard:
                self._unanswered = task.thought.question
        return reports

    def _report(self, task: _Task) -> list[CallerText]:
        """The caller's words, once."""
        heard, ended = task.thought.heard, task.ended
        if task.reported or not heard or ended is None:
            return []
        task.reported = True
        return [CallerText(heard, ended.start_ms, ended.end_ms)] if self._seat.caller_transcript else []

    # -- the agent's turn

    def _take_turn(self) -> list[CallerText]:
        """Once the caller's turn is over: report their words, and begin with the answer as soon as there is one."""
        task = self._guess
        if task is None or task.ended is None or not task.known:
            return []
        reports = self._report(task)
        if self._goes_on(task.thought):
            self._drop_guess()
            self._resume()
        elif self._free and (task.thought.utterances or task.future.done()):
            self._begin(task)
        return reports

    @property
    def _free(self) -> bool:
        """The agent says nothing and is about to say nothing."""
        return not self._mouth.busy and self._telling is None

    def _goes_on(self, thought: Thought) -> bool:
        """The caller said nothing after all, or only showed that they listen."""
        if thought.heard == "":
            return True
        return bool(self._interrupted and thought.heard and not self._memory.asked and is_backchannel(thought.heard))

    def _begin(self, task: _Task) -> None:
        self._guess = None
        self._telling = task
        self._unanswered = ""
        self._before = (self._memory, self._gate)
        self._interrupted = ()
        self._start_turn(task.thought.question)

    def _resume(self) -> None:
        """Say again, from its sentence, what was interrupted by mistake."""
        if self._interrupted and self._free:
            self._unanswered = ""
            self._start_turn(question="")
            self._say(self._interrupted)
        self._interrupted = ()

    def _listen_to_thread(self) -> None:
        """Put into the mouth what the thread has finished since."""
        task = self._telling
        if task is None:
            return
        finished = task.future.done()  # asked first: what comes before the end is then surely there
        while task.thought.utterances:
            self._mouth.add(task.thought.utterances.popleft())
        if finished:
            self._telling = None
            self._apologise_for(task.future)

    def _apologise_for(self, future: Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is None:
            return
        where = traceback.extract_tb(error.__traceback__)[-1]
        # Neither the error's text nor a traceback: both may quote what the caller said.
        log.error("slot %d: no answer, %s at %s:%s", self._number, type(error).__name__, where.filename, where.lineno)
        self._say(self._opening.apology)

    def _say(self, utterances: tuple[Utterance, ...]) -> None:
        for utterance in utterances:
            self._mouth.add(utterance)

    def _start_turn(self, question: str) -> None:
        self._turn += 1
        self._question = question
        self._mouth.start_turn()

    def _start(self, work: Callable[[Thought], None]) -> _Task:
        thought = Thought()
        return _Task(thought, self._submit(lambda: work(thought)))

    def _fall_silent(self) -> tuple[Utterance, ...]:
        """Stop, and have what was sent dropped; what was left unsaid."""
        if self._telling is not None:
            self._telling.abandon()
            self._telling = None
        self._flush = self._flush or self._mouth.busy
        return self._mouth.stop()

    # -- the frame

    def _frame(self, caller: tuple[CallerText, ...]) -> AgentFrame:
        # The agent has the floor while it thinks, too: a caller who waits for an answer is not idle.
        has_floor = not self._free or (self._guess is not None and self._guess.ended is not None)
        mouthful = self._mouth.next()
        verdicts: list[Verdict] = []
        for utterance in mouthful.begun:
            self._gate = utterance.gate
            if utterance.memory is not None:
                self._memory = utterance.memory
            if utterance.verdict is not None:
                verdicts.append(msgspec.structs.replace(utterance.verdict, at_ms=self._frames * FRAME_MS))
        flush, self._flush = self._flush, False
        self._frames += 1
        return AgentFrame(
            pcm=(mouthful.pcm.astype(np.float32) / np.float32(32768)).tobytes(),
            text=mouthful.text,
            turn=self._turn,
            caller=caller,
            caller_speaking=self._ear.speaking,
            agent_speaking=has_floor,
            verdicts=tuple(verdicts),
            flush=flush,
            wish=mouthful.wish,
        )
