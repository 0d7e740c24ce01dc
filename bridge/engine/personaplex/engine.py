"""The PersonaPlex engine: calls of personas in the slots of the runtime.

Its voice and persona are taken in once, when the persona is prepared, and copied into a slot when a call comes. A
frame is one step of the runtime for all calls of the tick; between the text of a step and its sound stands each call's
own `call.Call`.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from bridge.engine.hearing.scribe import Scribe
from bridge.engine.interface import Frame, Memory, Seat
from bridge.engine.once import Once
from bridge.engine.personaplex.call import Call
from bridge.engine.personaplex.config import PAD, PersonaPlexError, Sampling
from bridge.engine.personaplex.meaning import Meaning
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.packing import Keys
from bridge.engine.personaplex.runtime import NoRoomError, Offer, Ruling, Runtime
from bridge.engine.personaplex.slots import Snapshot, check_sampling
from bridge.engine.personaplex.tokeniser import Tokeniser
from bridge.engine.personaplex.voice_files import read_voice
from bridge.engine.personaplex.voices import find_voice
from bridge.facts.errors import EngineError, EngineFullError
from bridge.facts.formats import FRAME_MS, MODEL_FRAME
from bridge.facts.speech import AgentFrame, Recollection, Wish
from bridge.gate.rules import compile_rules
from bridge.gate.scope import Scope
from bridge.gate.vocabulary import Vocabulary
from bridge.persona.prompt import model_prompt
from bridge.persona.schema import Persona

_MOST_RECALLED: Final = 4
"""Prompts of one call each that has not been seated yet; one that makes room is taken in again at its seat."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Prompt:
    """What a snapshot is made of: the voice's file as it was (path, time of change), and the persona as text."""

    voice: Path
    changed_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A persona that calls can begin with at once."""

    prompt: _Prompt
    snapshot: Snapshot
    vocabulary: Vocabulary
    sampling: Sampling
    scope: Scope | None


class PersonaPlexEngine:
    """Implements `bridge.engine.interface.Engine`. `prepare` may run beside the thread that does the rest."""

    name = "personaplex"
    tick_ms: int | None = FRAME_MS

    def __init__(
        self,
        model: Model,
        slots: int,
        *,
        model_dir: Path | None = None,
        custom_voice_dir: Path | None = None,
        closing_tag: bool = False,
        scribe: Scribe | None = None,
        prompt_bytes: int = 1 << 30,
        most_pages: int | None = None,
        keys: Keys = Keys.BF16,
        graphs: bool = True,
    ) -> None:
        """`slots` calls at once. Packaged voices lie in `model_dir`; `prompt_bytes` bounds the prompts kept ready.

        `most_pages`, `keys` and `graphs` as in `Runtime`; on a GPU all pages are taken now, so that graphs find them
        where they are, and nobody else takes them. Without a `scribe` nobody hears the callers' words. Raises
        EngineError for a model without a tokeniser.
        """
        if model.tokeniser is None:
            raise EngineError(
                "this model has no tokeniser, so that it can neither be given a persona nor be understood"
            )
        self._model = model
        self._tokeniser: Tokeniser = model.tokeniser
        self._pieces = [model.tokeniser.piece(token) for token in range(model.config.lm.text_card)]
        self._model_dir, self._custom_voice_dir = model_dir, custom_voice_dir
        self._closing_tag = closing_tag
        self._prompt_bytes = prompt_bytes
        self._prepared: OrderedDict[Persona, _Prepared] = OrderedDict()
        self._lock = threading.Lock()  # guards what stands above
        self._recalled: Once[_Prepared] = Once(_MOST_RECALLED)
        self._calls: dict[int, Call] = {}
        self._scribe = scribe
        self._meaning = Meaning()
        with torch.inference_mode():
            on_gpu = model.device.type == "cuda"
            self._runtime = Runtime(model, slots, most_pages=most_pages, at_once=on_gpu, keys=keys, graphs=graphs)
            self._warm_up()

    @property
    def details(self) -> dict[str, str]:
        """One model thinks and speaks; another one listens, where anybody wants the callers' words."""
        found = {"llm": "personaplex-7b-v1", "tts": "personaplex-7b-v1", "device": str(self._model.device)}
        if self._scribe is not None:
            found |= {"asr": "moonshine-tiny-en", "vad": "silero-vad"}
        if self._model.device.type == "cuda":
            about = torch.cuda.get_device_properties(self._model.device)
            found |= {"gpu": about.name, "gpu_memory_bytes": str(about.total_memory)}
        return found

    @property
    def capacity(self) -> int:
        """Number of slots."""
        return self._runtime.count

    @property
    def memory(self) -> Memory:
        """That of keys and values; calls are counted as having the longest prompt that is ready."""
        with self._lock:
            frames = max((kept.snapshot.frames for kept in self._prepared.values()), default=0)
        runtime = self._runtime
        calls = min(self.capacity, len(self._calls) + runtime.room(frames))
        return Memory(runtime.kv_bytes_used, runtime.kv_bytes_reserved, calls)

    def prepare(self, persona: Persona, recollection: Recollection = (), *, once: bool = False) -> None:
        """Take in voice and persona: one pass over some hundred frames, about the cost of as many steps of one call.

        A `recollection` is taken in with them, as part of the persona's information, and kept for one call. Raises
        EngineError: voice unknown or unreadable, text or sampling that the model cannot have.
        """
        if recollection or once:
            self._recalled.put((persona, recollection), self._prepare(persona, recollection))
        else:
            self._ready(persona)

    def open(self, slot: int, seat: Seat) -> None:
        """Seat a call: its prompt is copied into the slot. The greeting begins with its first frame."""
        self.close(slot)
        prepared = self._ready_for(seat)
        try:
            with torch.inference_mode():
                self._runtime.open(slot, prepared.snapshot, seat.seed, prepared.sampling)
        except (NoRoomError, torch.OutOfMemoryError) as error:
            raise EngineFullError(f"no memory for a further call: {error}") from None
        listener = None
        if self._scribe is not None and seat.caller_transcript:
            listener = self._scribe.listen(seat.persona.listening.wait_ms)
        self._calls[slot] = Call(
            seat.persona,
            prepared.vocabulary,
            self._tokeniser,
            listener,
            judge=self._meaning.judge(prepared.scope) if prepared.scope else None,
            resumed=bool(seat.recollection),
            notice=seat.recording_notice,
        )

    def step(self, frames: Mapping[int, Frame]) -> dict[int, AgentFrame]:
        """Take a caller frame for each of some slots; all slots are computed."""
        with torch.inference_mode():
            spoken = self._runtime.step(frames, self._rule)
        return {slot: self._calls[slot].frame(frames[slot], said) for slot, said in spoken.items()}

    def say(self, slot: int, text: str, wish: Wish | None = None) -> None:
        """Have the model say a line."""
        self._calls[slot].say(text, wish)

    def digit(self, slot: int, digit: str) -> None:
        """Take the tone of a key for silence in the transcript. The model hears it."""
        self._calls[slot].press()

    def close(self, slot: int) -> None:
        """Free the slot."""
        call = self._calls.pop(slot, None)
        if call is not None:
            call.close()
            self._runtime.close(slot)

    def render(self, text: str, language: str) -> bytes:
        """The model speaks only in calls."""
        return b""

    def shutdown(self) -> None:
        """Free all slots and stop the threads."""
        for slot in list(self._calls):
            self.close(slot)
        if self._scribe is not None:
            self._scribe.shutdown()
        self._meaning.shutdown()

    def _rule(self, offered: Mapping[int, Offer]) -> dict[int, Ruling]:
        return {slot: self._calls[slot].rule(offer) for slot, offer in offered.items()}

    def _warm_up(self) -> None:
        """What libraries and devices put off until they are first used shall not be put off until the first call."""
        self._runtime.warm_up(_tell)
        self._runtime.open(0, None, seed=0)
        self._runtime.step({0: np.zeros(MODEL_FRAME, np.float32)}, lambda offered: {0: Ruling(PAD)})
        self._runtime.close(0)

    # -- personas

    def _ready_for(self, seat: Seat) -> _Prepared:
        if not (seat.recollection or seat.once):
            return self._ready(seat.persona)
        return self._recalled.take((seat.persona, seat.recollection)) or self._prepare(seat.persona, seat.recollection)

    def _ready(self, persona: Persona) -> _Prepared:
        with self._lock:
            if persona in self._prepared:
                self._prepared.move_to_end(persona)
                return self._prepared[persona]
        prepared = self._prepare(persona)
        self._keep(persona, prepared)
        return prepared

    def _prepare(self, persona: Persona, recollection: Recollection = ()) -> _Prepared:
        try:
            return self._take_in(persona, recollection)
        except (PersonaPlexError, ValueError) as error:
            raise EngineError(f"persona {persona.name} cannot be used with this model: {error}") from None

    def _take_in(self, persona: Persona, recollection: Recollection) -> _Prepared:
        chosen = persona.sampling
        sampling = Sampling(chosen.text_temperature, chosen.text_top_k, chosen.audio_temperature, chosen.audio_top_k)
        check_sampling(sampling)
        vocabulary = Vocabulary(compile_rules(persona.blocked), self._pieces)
        voice = find_voice(persona.voice, self._model_dir, self._custom_voice_dir).path
        assert voice is not None
        text = model_prompt(persona, self._closing_tag, recollection)
        prompt = _Prompt(voice, voice.stat().st_mtime_ns, text)
        return _Prepared(prompt, self._snapshot(prompt), vocabulary, sampling, self._meaning.scope(persona))

    def _snapshot(self, prompt: _Prompt) -> Snapshot:
        """The prompt taken in, unless a persona with the same one has been prepared."""
        with self._lock:
            kept_ready = [*self._prepared.values(), *self._recalled.values()]
            same = next((kept.snapshot for kept in kept_ready if kept.prompt == prompt), None)
        if same is not None:
            return same
        with torch.inference_mode(), _beside(self._model.device):
            return self._runtime.snapshot(read_voice(self._model, prompt.voice), prompt.text)

    def _keep(self, persona: Persona, prepared: _Prepared) -> None:
        """Those unused for longest make room."""
        with self._lock:
            self._prepared[persona] = prepared
            while len(self._prepared) > 1 and self._kept_bytes() > self._prompt_bytes:
                self._prepared.popitem(last=False)

    def _kept_bytes(self) -> int:
        snapshots = {id(kept.snapshot): kept.snapshot for kept in self._prepared.values()}
        return sum(snapshot.kv.nbytes for snapshot in snapshots.values())


def _tell(done: int, total: int) -> None:
    if total > 100 and done in (0, total):
        log.info("%d of %d parts of steps are warm", done, total)


@contextmanager
def _beside(device: torch.device) -> Iterator[None]:
    """On a GPU, work in a stream of its own: a tick need not wait until a prompt has been taken in."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        yield
    stream.synchronize()
