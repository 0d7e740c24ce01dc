"""Calls in slots: 80 ms of each caller in, 80 ms of each agent out, with a gate in between.

One step of the runtime is: codec encode → `listen` → candidates → gate → `speak` → codec decode (`parts.py`), over the
slots up to the last one that is taken (`machine.py`); slots without a frame are computed along and keep their state.
The host sends the sound, who runs, and the gate's rulings, and reads two small things back: the text candidates, where
there is a gate, and at the end the sound with its text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bridge.engine.personaplex.config import PersonaPlexError, Sampling
from bridge.engine.personaplex.graphs import Graphs, Record
from bridge.engine.personaplex.machine import Machine, Progress, cuda_graphs
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.packing import Keys
from bridge.engine.personaplex.pages import promised
from bridge.engine.personaplex.prompt import Voice, lay_out, prefill
from bridge.engine.personaplex.slots import Slots, Snapshot, check_sampling
from bridge.engine.personaplex.weights import WeightsError

Samples = NDArray[np.float32]

PARTS = ("encode", "temporal", "gate", "depformer", "decode")
"""The parts of a step, in order; `decode` ends with the sound on the host."""

BEGIN: Final = "begin"
"""Told before the first part."""


class NoRoomError(PersonaPlexError):
    """There is no memory for a further call; those that there are go on."""


@dataclass(frozen=True)
class Ruling:
    """What a gate decides for one call in one step.

    text: the token to say instead of the first candidate, or None to let it stand. silent: make the audio of this
    position silence. A frame is wholly silent where this position and the next are both ruled so, because a frame's
    acoustic codes follow its semantic one by a position.
    """

    text: int | None = None
    silent: bool = False


class Offer(NamedTuple):
    """What a gate is shown of one call: text tokens in the order in which they would be drawn, and their chances."""

    tokens: Sequence[int]
    chances: Sequence[float]


# {slot: what it might say} → a ruling for each slot that is not to go its own way
Gate = Callable[[Mapping[int, Offer]], Mapping[int, Ruling]]


@dataclass(frozen=True)
class Spoken:
    """What the agent says in one frame.

    pcm: float32 [1920] at 24 kHz, or None in the first frame of a call without a prompt. text: the token that
    belongs to that sound. ahead: the token of the next frame's sound, chosen already: 80 ms before it is heard.
    """

    pcm: Samples | None
    text: int | None
    ahead: int


class Runtime:
    """A model and a fixed number of slots. One thread owns it."""

    def __init__(
        self,
        model: Model,
        slots: int,
        *,
        keep_prompt: bool = True,
        sizes: Sequence[int] | None = None,
        most_pages: int | None = None,
        at_once: bool = False,
        keys: Keys = Keys.BF16,
        graphs: bool = True,
        record: Record | None = None,
        on_part: Callable[[str], None] = lambda part: None,
    ) -> None:
        """keep_prompt: voice and persona stay in the window however long a call lasts; otherwise they slide out of it
        with the rest (240 s at the published size). sizes: numbers of slots that a step may compute, by default the
        powers of two up to all of them. most_pages, at_once, keys: the memory of all windows, see `PagedWindow`.
        graphs: capture them where there is a GPU; `record` captures in another way. on_part: told `BEGIN`, then
        the name of each of `PARTS` once it is launched."""
        codec, language = model.config.mimi, model.config.lm
        if (codec.num_codebooks, codec.quantizer.bins) != (language.codebooks, language.card):
            raise WeightsError(
                f"codec and language model do not fit: {codec.num_codebooks} codes below {codec.quantizer.bins} "
                f"per frame, and {language.codebooks} below {language.card}"
            )
        self.model = model
        self.count = slots
        self._on_part = on_part
        self._stream = _own_stream(model.device)
        with self._on_device():
            self._slots = Slots(
                model.lm, slots, keep_prompt=keep_prompt, grow=True, most_pages=most_pages, at_once=at_once, keys=keys
            )
            self._hearing = model.mimi.encode_stream(slots)
            self._saying = model.mimi.decode_stream(slots)
            self._machine = Machine(
                model,
                self._slots,
                self._hearing,
                self._saying,
                sizes=sizes,
                record=record or (cuda_graphs(self._stream) if graphs else None),
            )
        self._positions: dict[int, int] = {}  # of open slots: how many have been listened to
        self._fresh: set[int] = set()  # opened with a prompt, first token not chosen yet
        self._ruled = False  # the device holds rulings of a gate

    @property
    def graphs(self) -> Graphs:
        """What became of the parts of steps."""
        return self._machine.graphs

    def warm_up(self, on_work: Progress = lambda done, total: None) -> None:
        """Do beforehand what the first steps would wait for; on a GPU, capture all graphs. No call may be open."""
        with self._on_device():
            self._machine.warm_up(on_work)
            if self._stream is not None:
                self._stream.synchronize()

    # -- calls

    def snapshot(self, voice: Voice | None, text: str | Sequence[int]) -> Snapshot:
        """Take in a voice and a persona, given as text or as token ids, for any number of calls to start from.

        May be called from another thread while calls go on: it reads the weights and touches no slot.
        """
        return snapshot(self.model, voice, text)

    def open(self, slot: int, prompt: Snapshot | None, seed: int, sampling: Sampling | None = None) -> None:
        """Start a call in a free slot: nothing of the one before remains. Without a prompt the model starts cold.

        seed: any 64-bit integer; the same seed and the same caller give the same call. Raises `ValueError` for a slot
        that is taken or does not exist, `slots.SamplingError`, and `NoRoomError`. Low slots make short steps.
        """
        if not 0 <= slot < self.count:
            raise ValueError(f"there is no slot {slot}: there are {self.count}")
        if slot in self._positions:
            raise ValueError(f"slot {slot} is taken")
        sampling = sampling or Sampling()
        check_sampling(sampling)
        frames = 0 if prompt is None else prompt.frames
        with self._on_device():
            if not self._slots.window.promise(slot, promised(self._slots.window.context, frames)):
                raise NoRoomError("the memory for keys and values is promised to the calls that there are")
            try:
                self._seat(slot, prompt, frames, _signed(seed), sampling)
            except BaseException:
                self.close(slot)
                raise
        self._positions[slot] = frames

    def close(self, slot: int) -> None:
        """End a call; the slot is free, and so is the memory of its window. Closing a free slot does nothing."""
        self._positions.pop(slot, None)
        self._slots.window.release(slot)
        self._fresh.discard(slot)

    def forbid(self, slot: int, tokens: Sequence[int]) -> None:
        """Text tokens that this call must never choose, until it is closed."""
        with self._on_device():
            self._slots.forbidden[slot] = False
            self._slots.forbidden[slot, list(tokens)] = True

    def _seat(self, slot: int, prompt: Snapshot | None, frames: int, seed: int, sampling: Sampling) -> None:
        self._slots.window.reserve(slot, frames + 1)  # its window can slide, whatever comes
        which = self._mask([slot])
        self._slots.reset(which)
        self._hearing.reset(which)
        self._saying.reset(which)
        self._slots.configure(slot, seed, sampling)
        if prompt is None:
            return
        self._slots.place(slot, prompt)
        self._fresh.add(slot)
        if self._stream is not None:  # it was made on another stream, and may be dropped before this one has read it
            for tensor in (prompt.kv, prompt.tokens, prompt.hidden):
                tensor.record_stream(self._stream)

    # -- memory

    @property
    def kv_bytes_used(self) -> int:
        """Bytes of keys and values that the open calls have pages for."""
        return self._slots.window.bytes_used

    @property
    def kv_bytes_reserved(self) -> int:
        """Bytes of keys and values taken from the device. Grows with the calls and is kept for those to come, or is
        taken at once."""
        return self._slots.window.bytes_reserved

    @property
    def kv_shortened(self) -> int:
        """Calls that found no memory for a whole window and slide earlier."""
        return self._slots.window.shortened

    def room(self, frames: int) -> int:
        """How many further calls can be opened, as far as memory goes, with prompts of so many frames."""
        return self._slots.window.room(promised(self._slots.window.context, frames))

    # -- the step

    def step(self, frames: Mapping[int, Samples], gate: Gate | None = None) -> dict[int, Spoken]:
        """Advance the calls that have a frame by 80 ms; the others stay as they are.

        frames: float32 [1920] at 24 kHz for open slots. The gate is called once for the step, and once more before
        it for calls whose first token has yet to be chosen. Raises `ValueError` for a slot that is not open and for
        a frame of another size.
        """
        if not frames:
            return {}
        pcm = self._gather(frames)
        with self._on_device():
            machine, size = self._machine, self._machine.size(1 + max(self._positions))
            fresh = self._fresh & frames.keys()
            if fresh:
                self._first_words(size, fresh, gate)
                self._fresh -= fresh
            self._on_part(BEGIN)
            self._grow(frames)
            machine.pcm.put(pcm)
            machine.run.put(self._runs(frames))
            machine.do("encode", size)
            self._on_part("encode")
            machine.listen(size)
            self._on_part("temporal")
            self._rule(size, frames, gate)
            self._on_part("gate")
            machine.do("speak", size)
            self._on_part("depformer")
            machine.do("decode", size)
            delivered = self._deliver(size, frames)
            self._on_part("decode")
        return delivered

    def _grow(self, slots: Collection[int]) -> None:
        """Pages for the positions to come, before any of them is listened to."""
        for slot in slots:
            self._slots.window.reserve(slot, self._positions[slot] + 1)
        for slot in slots:
            self._positions[slot] += 1
        self._slots.window.close_up()

    def _first_words(self, size: int, fresh: Collection[int], gate: Gate | None) -> None:
        """Choose and speak for calls whose prompt has been listened to and not answered."""
        self._machine.run.put(self._runs(fresh))
        self._machine.do("offer", size)
        self._rule(size, fresh, gate)
        self._machine.do("speak", size)

    def _rule(self, size: int, who: Collection[int], gate: Gate | None) -> None:
        """Let the gate decide on what is offered, and tell the device."""
        if gate is None and not self._ruled:
            return
        rulings = np.tile(np.array([-1, 0]), (self.count, 1))
        if gate is not None:
            (offers,) = self._machine.offers.fetch(size)
            for slot, ruling in gate({slot: _offer(offers[slot]) for slot in sorted(who)}).items():
                rulings[slot] = self._checked(ruling)
        self._machine.ruling.put(rulings)
        self._ruled = gate is not None

    def _checked(self, ruling: Ruling) -> tuple[int, bool]:
        if ruling.text is None:
            return -1, ruling.silent
        if not 0 <= ruling.text < self.model.config.lm.text_card:
            raise ValueError(f"the gate chose text id {ruling.text}, which the model does not have")
        return ruling.text, ruling.silent

    def _deliver(self, size: int, frames: Collection[int]) -> dict[int, Spoken]:
        sound, words = self._machine.said.fetch(size)
        said = {}
        for slot in frames:
            ahead, text, complete = words[slot].tolist()
            said[slot] = Spoken(sound[slot].copy(), text, ahead) if complete else Spoken(None, None, ahead)
        return said

    def _gather(self, frames: Mapping[int, Samples]) -> Samples:
        size = self.model.config.mimi.frame_samples
        pcm = np.zeros((self.count, size), dtype=np.float32)
        for slot, frame in frames.items():
            if slot not in self._positions:
                raise ValueError(f"slot {slot} is not open")
            if frame.shape != (size,):
                raise ValueError(f"a frame is {size} samples, and slot {slot} was given {list(frame.shape)}")
            pcm[slot] = frame
        return pcm

    def _runs(self, slots: Collection[int]) -> NDArray[np.bool_]:
        runs = np.zeros(self.count, bool)
        runs[list(slots)] = True
        return runs

    def _mask(self, slots: Collection[int]) -> Tensor:
        return torch.from_numpy(self._runs(slots)).to(self.model.device)

    def _on_device(self) -> AbstractContextManager[object]:
        """Everything of a runtime happens on its own stream, beside which prompts are taken in on others."""
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)


def _own_stream(device: torch.device) -> torch.cuda.Stream | None:
    if device.type != "cuda":
        return None
    # Before others: a prompt that is taken in meanwhile can wait.
    stream = torch.cuda.Stream(device, priority=-1)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))  # the weights may still be on their way
    return stream


def _offer(row: NDArray[np.int32]) -> Offer:
    """From a slot's row of `Desk.offers`."""
    return Offer(row[0].tolist(), row[1].view(np.float32).tolist())


def snapshot(model: Model, voice: Voice | None, text: str | Sequence[int]) -> Snapshot:
    """Voice and persona as a snapshot. Raises `prompt.PromptError`, and `WeightsError` for text without a tokeniser."""
    if isinstance(text, str):
        if model.tokeniser is None:
            raise WeightsError("this snapshot has no tokeniser: give the prompt as token ids")
        text = model.tokeniser.encode(text)
    prompt = lay_out(model.config.lm, model.config.prompt, voice, text, model.silence, model.sine)
    return prefill(model.lm, prompt)


def _signed(seed: int) -> int:
    """The same 64 bits as a signed number, which is what a tensor holds."""
    return (seed + 2**63) % 2**64 - 2**63
