"""The parts of a step over tensors that stay, for the first so many slots: what graphs are made of.

    encode   pcm → heard
    listen   heard → the temporal transformer → luck, offers
    offer    luck and offers of a position that has been listened to before (a prompt's last one)
    speak    offers, ruling → the depformer → said, words
    decode   said → sound

Each is a function of nothing but these tensors, the state of the slots and the weights. Between listen and speak stands
the gate: the host reads `offers` and writes `ruling`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from bridge.engine.personaplex.mimi import Stream
from bridge.engine.personaplex.model import Model
from bridge.engine.personaplex.sampling import TOP_K_MAX
from bridge.engine.personaplex.slots import Slots
from bridge.engine.personaplex.step import CANDIDATES, candidates, chances, listen, noise, speak


@dataclass(frozen=True)
class Desk:
    """What goes from part to part, and between them and the host. The first dimension is that of slots.

    run bool [B]: whose state changes. pcm float32 [B, frame samples]. heard int64 [B, codebooks].
    luck float32 [B, 1 + codebooks, TOP_K_MAX]. offers int32 [B, 2, CANDIDATES]: tokens, and the bits of their float32
    chances. ruling int64 [B, 2]: text, −1 for the first that is offered; whether the audio is to be silence.
    said int64 [B, 1 + codebooks]: the frame now complete. words int64 [B, 3]: the text chosen, that of the frame now
    complete, whether there is such a frame. sound float32 [B, frame samples].
    """

    run: Tensor
    pcm: Tensor
    heard: Tensor
    luck: Tensor
    offers: Tensor
    ruling: Tensor
    said: Tensor
    words: Tensor
    sound: Tensor

    def first(self, count: int) -> Desk:
        """The same tensors for the first `count` slots."""
        return Desk(*(getattr(self, field.name)[:count] for field in fields(self)))


def desk(model: Model, slots: int) -> Desk:
    """A desk at which nobody runs and every first candidate stands."""
    books, samples = model.config.lm.codebooks, model.config.mimi.frame_samples

    def new(dtype: torch.dtype, *shape: int) -> Tensor:
        return torch.zeros(slots, *shape, dtype=dtype, device=model.device)

    empty = Desk(
        run=new(torch.bool),
        pcm=new(torch.float32, samples),
        heard=new(torch.int64, books),
        luck=new(torch.float32, 1 + books, TOP_K_MAX),
        offers=new(torch.int32, 2, CANDIDATES),
        ruling=new(torch.int64, 2),
        said=new(torch.int64, 1 + books),
        words=new(torch.int64, 3),
        sound=new(torch.float32, samples),
    )
    empty.ruling[:, 0] = -1
    return empty


class Parts:
    """See the module."""

    def __init__(self, model: Model, slots: Slots, hearing: Stream, saying: Stream, desk: Desk) -> None:
        """All of them for the same number of slots."""
        self.model, self.slots, self.desk = model, slots, desk
        self._hearing, self._saying = hearing, saying
        self._silence = torch.tensor(model.silence, device=model.device)

    def first(self, count: int) -> Parts:
        """The parts for the first `count` slots, over the same tensors."""
        some = copy.copy(self)
        some.slots, some.desk = self.slots.first(count), self.desk.first(count)
        some._hearing, some._saying = self._hearing.first(count), self._saying.first(count)
        return some

    def encode(self) -> None:
        """The caller's sound as codes."""
        self.desk.heard.copy_(self.model.mimi.encode(self.desk.pcm, self._hearing, self.desk.run))

    def listen(self, bucket: int) -> None:
        """Take in the caller's codes, and offer text. bucket: pages of the window to look at."""
        listen(self.model.lm, self.slots, self.desk.heard, self.desk.run, bucket)
        self.offer()

    def offer(self) -> None:
        """Offer text for the next position."""
        desk, slots = self.desk, self.slots
        logits = self.model.lm.text_logits(slots.hidden)
        desk.luck.copy_(noise(slots))
        offered = candidates(logits, slots, desk.luck)
        desk.offers[:, 0] = offered
        desk.offers[:, 1] = chances(logits, slots, offered).view(torch.int32)

    def speak(self) -> None:
        """Choose the text, and the audio that follows from it, and go on to the next position."""
        desk = self.desk
        ruled = desk.ruling[:, 0]
        text = torch.where(ruled >= 0, ruled, desk.offers[:, 0, 0])
        forced = torch.where(desk.ruling[:, 1:] > 0, self._silence, -1)
        said, complete = speak(self.model.lm, self.slots, text, desk.run, desk.luck, forced)
        desk.said.copy_(said)
        desk.words.copy_(torch.stack((text, said[:, 0], complete), dim=1))

    def decode(self) -> None:
        """The sound of the frame now complete."""
        desk = self.desk
        run = desk.run & (desk.words[:, 2] > 0)
        codes = torch.where(run[:, None], desk.said[:, 1:], self._silence)  # idle slots may hold ids that are no codes
        desk.sound.copy_(self.model.mimi.decode(codes, self._saying, run))
