"""Calls in slots: 80 ms of each caller in, 80 ms of each agent out, with a gate in between.

One step of the runtime is: codec encode → `listen` → candidates → gate → `speak` → codec decode, over all slots at
once; slots without a frame are computed along and keep their state. The host reads two small things back: the text
candidates, where there is a gate, and at the end the sound with its text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bridge.engine.personaplex.config import Sampling
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.prompt import Voice, lay_out, prefill
from bridge.engine.personaplex.slots import Slots, Snapshot, check_sampling
from bridge.engine.personaplex.step import candidates, chances, listen, noise, speak
from bridge.engine.personaplex.weights import WeightsError

Samples = NDArray[np.float32]

PARTS = ("encode", "temporal", "gate", "depformer", "decode")
"""The parts of a step, in order; `decode` ends with the sound on the host."""


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
        on_part: Callable[[str], None] = lambda part: None,
    ) -> None:
        """keep_prompt: voice and persona stay in the window however long a call lasts; otherwise they slide out of it
        with the rest (240 s at the published size). on_part: told the name of each of `PARTS` once it is launched."""
        codec, language = model.config.mimi, model.config.lm
        if (codec.num_codebooks, codec.quantizer.bins) != (language.codebooks, language.card):
            raise WeightsError(
                f"codec and language model do not fit: {codec.num_codebooks} codes below {codec.quantizer.bins} "
                f"per frame, and {language.codebooks} below {language.card}"
            )
        self.model = model
        self.count = slots
        self._on_part = on_part
        self._slots = Slots(model.lm, slots, keep_prompt=keep_prompt, grow=True)
        self._positions: dict[int, int] = {}  # of open slots: how many have been listened to
        self._hearing = model.mimi.encode_stream(slots)
        self._saying = model.mimi.decode_stream(slots)
        self._silence = torch.tensor(model.silence, device=model.device)
        self._fresh: set[int] = set()  # opened with a prompt, first token not chosen yet

    def snapshot(self, voice: Voice | None, text: str | Sequence[int]) -> Snapshot:
        """Take in a voice and a persona, given as text or as token ids, for any number of calls to start from.

        May be called from another thread while calls go on: it reads the weights and touches no slot.
        """
        return snapshot(self.model, voice, text)

    def open(self, slot: int, prompt: Snapshot | None, seed: int, sampling: Sampling | None = None) -> None:
        """Start a call in a free slot: nothing of the one before remains. Without a prompt the model starts cold.

        seed: any 64-bit integer; the same seed and the same caller give the same call. Raises `ValueError` for a slot
        that is taken or does not exist, and `slots.SamplingError`.
        """
        if not 0 <= slot < self.count:
            raise ValueError(f"there is no slot {slot}: there are {self.count}")
        if slot in self._positions:
            raise ValueError(f"slot {slot} is taken")
        sampling = sampling or Sampling()
        check_sampling(sampling)
        which = self._mask([slot])
        self._slots.reset(which)
        self._hearing.reset(which)
        self._saying.reset(which)
        self._slots.configure(slot, _signed(seed), sampling)
        if prompt is not None:
            self._slots.place(slot, prompt)
            self._fresh.add(slot)
        self._positions[slot] = 0 if prompt is None else prompt.frames

    def close(self, slot: int) -> None:
        """End a call; the slot is free, and so is the memory of its window. Closing a free slot does nothing."""
        self._positions.pop(slot, None)
        self._slots.window.release(slot)
        self._fresh.discard(slot)

    def forbid(self, slot: int, tokens: Sequence[int]) -> None:
        """Text tokens that this call must never choose, until it is closed."""
        self._slots.forbidden[slot] = False
        self._slots.forbidden[slot, list(tokens)] = True

    def step(self, frames: Mapping[int, Samples], gate: Gate | None = None) -> dict[int, Spoken]:
        """Advance the calls that have a frame by 80 ms; the others stay as they are.

        frames: float32 [1920] at 24 kHz for open slots. The gate is called once for the step, and once more before
        it for calls whose first token has yet to be chosen. Raises `ValueError` for a slot that is not open and for
        a frame of another size.
        """
        if not frames:
            return {}
        pcm = torch.from_numpy(self._gather(frames)).to(self.model.device)
        run = self._mask(frames)
        fresh = self._fresh & frames.keys()
        if fresh:
            self._answer(self._mask(fresh), fresh, gate)
            self._fresh -= fresh
        self._grow(frames)
        heard = self.model.mimi.encode(pcm, self._hearing, run)
        self._on_part("encode")
        listen(self.model.lm, self._slots, heard, run)
        ahead, said, complete = self._answer(run, frames, gate)
        sound = self._decode(said, run & complete)
        delivered = self._deliver(frames, ahead, said, complete, sound)
        self._on_part("decode")
        return delivered

    @property
    def kv_bytes_used(self) -> int:
        """Bytes of keys and values that the open calls have pages for."""
        return self._slots.window.bytes_used

    @property
    def kv_bytes_reserved(self) -> int:
        """Bytes of keys and values taken from the device. Grows with the calls and is kept for those to come."""
        return self._slots.window.bytes_reserved

    def _grow(self, slots: Collection[int]) -> None:
        """Pages for the positions to come, before any of them is listened to."""
        for slot in slots:
            self._slots.window.reserve(slot, self._positions[slot] + 1)
        for slot in slots:
            self._positions[slot] += 1

    def _answer(self, run: Tensor, who: Collection[int], gate: Gate | None) -> tuple[Tensor, Tensor, Tensor]:
        """Choose and speak for the slots that run. → text [B], the frame now complete [B, 1 + codebooks], whether."""
        lm, slots = self.model.lm, self._slots
        drawn = noise(slots)
        logits = lm.text_logits(slots.hidden)
        offered = candidates(logits, slots, drawn)  # [B, CANDIDATES]
        self._on_part("temporal")
        text, forced = offered[:, 0], None
        if gate is not None:
            likely = chances(logits, slots, offered)
            offers = list(map(Offer, offered.tolist(), likely.tolist()))
            text, forced = self._ruled(offers, who, gate)
        self._on_part("gate")
        said, complete = speak(lm, slots, text, run, drawn, forced)
        self._on_part("depformer")
        return text, said, complete

    def _ruled(self, offers: list[Offer], who: Collection[int], gate: Gate) -> tuple[Tensor, Tensor]:
        """The gate's text [B], and the audio it forces [B, codebooks], −1 where free."""
        rulings = gate({slot: offers[slot] for slot in sorted(who)})
        text, silent = [offer.tokens[0] for offer in offers], [False] * self.count
        for slot, ruling in rulings.items():
            if ruling.text is not None:
                if not 0 <= ruling.text < self.model.config.lm.text_card:
                    raise ValueError(f"the gate chose text id {ruling.text}, which the model does not have")
                text[slot] = ruling.text
            silent[slot] = ruling.silent
        device = self.model.device
        hushed = torch.tensor(silent, device=device)[:, None]
        return torch.tensor(text, device=device), torch.where(hushed, self._silence, -1)

    def _decode(self, said: Tensor, run: Tensor) -> Tensor:
        codes = torch.where(run[:, None], said[:, 1:], self._silence)  # idle slots may hold ids that are no codes
        return self.model.mimi.decode(codes, self._saying, run)

    def _deliver(
        self, frames: Mapping[int, Samples], ahead: Tensor, said: Tensor, complete: Tensor, sound: Tensor
    ) -> dict[int, Spoken]:
        pcm = sound.cpu().numpy()
        ids = torch.stack((ahead, said[:, 0], complete.long())).tolist()
        return {
            slot: Spoken(pcm[slot].copy(), ids[1][slot], ids[0][slot])
            if ids[2][slot]
            else Spoken(None, None, ids[0][slot])
            for slot in frames
        }

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

    def _mask(self, slots: Collection[int]) -> Tensor:
        mask = torch.zeros(self.count, dtype=torch.bool)
        mask[list(slots)] = True
        return mask.to(self.model.device)


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
