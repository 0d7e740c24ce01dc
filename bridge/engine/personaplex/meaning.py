"""Whether what is said in a call keeps to the persona's topics: told by a thread beside the steps, never in their way.

A judgement takes some milliseconds, which no step has to spare. So a call asks and goes on; the answer is there at a
later token, and then the call acts on it. No torch.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from bridge.engine.embedding import Embedder, load_embedder
from bridge.facts.speech import Speaker
from bridge.gate.scope import Scope, Stray, compile_scope
from bridge.persona.schema import Persona

log = logging.getLogger(__name__)

_SCOPES: Final = 64
"""Personas whose topics are kept as vectors, half a megabyte each; the oldest makes room."""

Submit = Callable[[Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class Strayed:
    """Somebody left the topics: with which sentence, and in which utterance of the agent's."""

    speaker: Speaker
    stray: Stray
    turn: int


class Meaning:
    """Owner of the thread that judges, and of the embedder, which is loaded for the first persona with topics."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._pool = ThreadPoolExecutor(1, "meaning")
        self._lock = threading.Lock()  # guards the next two, and that they are made once
        self._embedder: Embedder | None = None
        self._scopes: OrderedDict[Persona, Scope] = OrderedDict()

    def scope(self, persona: Persona) -> Scope | None:
        """The topics of a persona, if it names any; 0.7 s for a large one, and as many for all others that wait.

        Raises EngineError if the embedder's weights are missing or not those that are pinned.
        """
        if persona.allowed is None:
            return None
        with self._lock:
            known = self._scopes.get(persona)
            if known is not None:
                return known
            self._embedder = self._embedder or load_embedder()
            scope = compile_scope(persona, self._embedder.embed)
            assert scope is not None
            self._scopes[persona] = scope
            while len(self._scopes) > _SCOPES:
                self._scopes.popitem(last=False)
        return scope

    def judge(self, scope: Scope) -> Judge:
        """Begin to judge one call."""
        return Judge(scope, self._submit)

    def shutdown(self) -> None:
        """Stop the thread; what was not judged yet never will be."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, work: Callable[[], None]) -> None:
        self._pool.submit(work).add_done_callback(_log_failure)


class Judge:
    """One call. Its methods belong to the thread that steps the engine, and never wait.

    Of each speaker one text at most waits to be judged: a newer one replaces it, and `superseded` counts that.
    """

    def __init__(self, scope: Scope, submit: Submit) -> None:
        """`submit` does a piece of work in another thread, soon, one after the other."""
        self.superseded = 0
        self._scope = scope
        self._submit = submit
        self._lock = threading.Lock()  # guards the next two
        self._waiting: dict[Speaker, tuple[str, int]] = {}
        self._at_work = False
        self._strayed: deque[Strayed] = deque(maxlen=2)

    def ask(self, speaker: Speaker, text: str, turn: int) -> None:
        """Have a text judged: the agent's sentence of that utterance, or what the caller asked meanwhile."""
        with self._lock:
            self.superseded += speaker in self._waiting
            self._waiting[speaker] = text, turn
            if self._at_work:
                return
            self._at_work = True
        self._submit(self._work)

    def take(self) -> Strayed | None:
        """The oldest judgement not taken yet that found something wrong."""
        return self._strayed.popleft() if self._strayed else None

    def close(self) -> None:
        """The call is over."""
        with self._lock:
            self._waiting.clear()

    # -- in the other thread

    def _work(self) -> None:
        try:
            while (next_one := self._next()) is not None:
                self._judge(*next_one)
        except BaseException:
            with self._lock:
                self._at_work = False  # a later text is another piece of work
            raise

    def _judge(self, speaker: Speaker, text: str, turn: int) -> None:
        stray = self._scope.stray(text) if speaker == "agent" else self._scope.stray_question(text)
        if stray is not None:
            self._strayed.append(Strayed(speaker, stray, turn))

    def _next(self) -> tuple[Speaker, str, int] | None:
        with self._lock:
            if not self._waiting:
                self._at_work = False
                return None
            speaker = next(iter(self._waiting))
            text, turn = self._waiting.pop(speaker)
            return speaker, text, turn


def _log_failure(future: Future[None]) -> None:
    """Neither the error's text nor a traceback: both may quote what was said."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.error("a sentence was not judged: %s at %s:%s", type(error).__name__, where.filename, where.lineno)
