"""What the language model remembers of each call: position, tokens, window, noise and sampling settings.

A slot's state changes only where a mask says so, in place and at fixed shapes; nothing here reads a value back to the
host. The rules of the token ring (who stands in which column, what a prompt has already decided) are in this file.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from bridge.engine.personaplex.config import LMConfig, PersonaPlexError, Sampling
from bridge.engine.personaplex.lm import LanguageModel
from bridge.engine.personaplex.packing import Keys
from bridge.engine.personaplex.paged import PagedWindow
from bridge.engine.personaplex.sampling import TOP_K_MAX

_OF_EACH_SLOT = (
    "position", "prompt_end", "pinned", "tokens", "hidden", "seed", "temperature", "top_k", "forbidden",
)  # fmt: skip


class SamplingError(PersonaPlexError):
    """Sampling settings that no call can have."""


@dataclass(frozen=True)
class Snapshot:
    """A prompt that has been taken in, ready to be copied into any slot.

    It stops in the middle of a step: the prompt's last position has been listened to, and nothing has been said yet.
    The call's own text and audio begin with the `speak` that follows, with the call's own noise.
    """

    kv: Tensor  # [layers, 2, n, heads, head_dim] of the last n positions
    tokens: Tensor  # int64 [rows, columns]: a slot's token ring
    hidden: Tensor  # [dim]: the temporal transformer's output at the last position
    frames: int  # of the prompt; the live call begins at this position


class Slots:
    """The state of `count` calls.

    The token ring: column p mod `columns` holds the row tokens that stand at position p. Row r there belongs to frame
    p − delay[r]; frames of the prompt (below `prompt_end`) keep what the prompt wrote, the rest is written as the call
    goes on. At position p the columns from p + 1 − max_delay (the frame being completed) to p + max_delay (caller codes
    that wait for their turn) are in use.
    """

    def __init__(
        self,
        lm: LanguageModel,
        count: int,
        *,
        keep_prompt: bool = False,
        grow: bool = False,
        most_pages: int | None = None,
        at_once: bool = False,
        keys: Keys = Keys.BF16,
    ) -> None:
        """keep_prompt: voice and persona stay in the window while the rest slides. grow: a slot has only the pages that
        `reserve` was asked for; otherwise all of them at once. The others as in `PagedWindow`."""
        config, device = lm.config, lm.device
        self.config = config
        self.count = count
        self._keep_prompt = keep_prompt
        self.columns = 2 * max(config.max_delay, 1)
        self.window = PagedWindow(
            layers=config.num_layers,
            slots=count,
            context=config.context,
            heads=config.num_heads,
            head_dim=config.dim // config.num_heads,
            max_period=config.max_period,
            device=device,
            dtype=lm.dtype,
            most_pages=most_pages,
            at_once=at_once,
            keys=keys,
        )
        if not grow:
            for slot in range(count):
                self.window.reserve(slot, config.context)
            self.window.lay_out()
        self.delays = torch.tensor(config.delays, device=device)
        self.initial = torch.tensor(config.initial, device=device)
        self.position = torch.zeros(count, dtype=torch.int64, device=device)
        self.prompt_end = torch.zeros(count, dtype=torch.int64, device=device)
        self.pinned = torch.zeros(count, dtype=torch.int64, device=device)
        self.tokens = self.initial[:, None].repeat(count, 1, self.columns)  # [B, rows, columns]
        self.hidden = torch.zeros(count, config.dim, dtype=lm.dtype, device=device)
        self.seed = torch.zeros(count, dtype=torch.int64, device=device)
        said = 1 + config.codebooks  # text, then the agent's audio
        self.temperature = torch.zeros(count, said, device=device)
        self.top_k = torch.ones(count, said, dtype=torch.int64, device=device)
        self.forbidden = torch.zeros(count, config.text_card, dtype=torch.bool, device=device)

    def first(self, count: int) -> Slots:
        """The first `count` of these slots: the same state, in the same tensors."""
        some = copy.copy(self)
        some.count = count
        for name in _OF_EACH_SLOT:
            setattr(some, name, getattr(self, name)[:count])
        return some

    def reset(self, which: Tensor) -> None:
        """Make the slots of a bool mask [B] as good as new. Old keys need no wiping: no position reaches them."""
        self.window.reset(which)
        self.position.masked_fill_(which, 0)
        self.prompt_end.masked_fill_(which, 0)
        self.pinned.masked_fill_(which, 0)
        self.tokens.copy_(torch.where(which[:, None, None], self.initial[:, None], self.tokens))
        self.hidden.masked_fill_(which[:, None], 0)
        self.forbidden.masked_fill_(which[:, None], False)

    def place(self, slot: int, snapshot: Snapshot) -> None:
        """Copy a prompt into a slot."""
        pinned = self._pinned(snapshot.frames)
        self.window.place_prompt(slot, snapshot.kv, snapshot.frames, pinned)
        self.pinned[slot] = pinned
        self.tokens[slot] = snapshot.tokens
        self.hidden[slot] = snapshot.hidden
        self.position[slot] = snapshot.frames - 1
        self.prompt_end[slot] = snapshot.frames

    def configure(self, slot: int, seed: int, sampling: Sampling) -> None:
        """Give a slot its noise stream and its settings. Raises `SamplingError`."""
        check_sampling(sampling)
        self.seed[slot] = seed
        self.temperature[slot, 0], self.temperature[slot, 1:] = sampling.text_temperature, sampling.audio_temperature
        self.top_k[slot, 0], self.top_k[slot, 1:] = sampling.text_top_k, sampling.audio_top_k

    def _pinned(self, frames: int) -> int:
        """How many first positions of a prompt stay: at most half a window, so that as much is left for what is said.

        A prompt longer than the window has lost its beginning before the call begins: nothing of it is kept.
        """
        context = self.config.context
        return min(frames, context // 2) if self._keep_prompt and frames <= context else 0

    def hear(self, codes: Tensor, run: Tensor) -> None:
        """Write the caller's codes int64 [B, codebooks] of the frame that has just arrived, each after its delay."""
        first = 1 + self.config.codebooks
        at = (self.position[:, None] + self.delays[first:]) % self.columns  # [B, codebooks]
        self._write(slice(first, None), at, codes, run)

    def input(self) -> Tensor:
        """The row tokens at each slot's position, int64 [B, rows]."""
        at = (self.position % self.columns)[:, None, None].expand(-1, self.config.rows, 1)
        tokens = self.tokens.gather(2, at)[..., 0]
        return torch.where(self.position[:, None] <= self.delays, self.initial, tokens)

    def decided(self) -> Tensor:
        """Text and agent tokens that the prompt has put at the next position: int64 [B, 1 + codebooks], −1 where
        it has put none."""
        said = 1 + self.config.codebooks
        ahead = self.position[:, None] + 1
        at = (ahead % self.columns)[..., None].expand(-1, said, 1)
        standing = self.tokens[:, :said].gather(2, at)[..., 0]
        return torch.where(ahead - self.delays[:said] < self.prompt_end[:, None], standing, -1)

    def say(self, tokens: Tensor, run: Tensor) -> None:
        """Write text and agent tokens int64 [B, 1 + codebooks] at the next position, and go there."""
        said = 1 + self.config.codebooks
        at = ((self.position + 1) % self.columns)[:, None].expand(-1, said)
        self._write(slice(0, said), at, tokens, run)
        self.position += run

    def spoken(self) -> tuple[Tensor, Tensor]:
        """The newest frame whose tokens are all known.

        → text and agent codes int64 [B, 1 + codebooks], and bool [B]: whether there is such a frame yet.
        """
        said = 1 + self.config.codebooks
        frame = self.position - self.config.max_delay
        at = (frame[:, None] + self.delays[:said]) % self.columns
        return self.tokens[:, :said].gather(2, at[..., None])[..., 0], frame >= 1

    def _write(self, rows: slice, columns: Tensor, tokens: Tensor, run: Tensor) -> None:
        ring, at = self.tokens[:, rows], columns[..., None]
        ring.scatter_(2, at, torch.where(run[:, None, None], tokens[..., None], ring.gather(2, at)))


def check_sampling(sampling: Sampling) -> None:
    """Raises `SamplingError` for temperatures below 0 and for a top-k outside 1 … TOP_K_MAX."""
    for kind in ("text", "audio"):
        temperature, top_k = getattr(sampling, f"{kind}_temperature"), getattr(sampling, f"{kind}_top_k")
        if not 0 <= temperature < float("inf"):
            raise SamplingError(f"{kind} temperature must be 0 (greedy) or more, and is {temperature}")
        if not 1 <= top_k <= TOP_K_MAX:
            raise SamplingError(f"{kind} top-k must be from 1 to {TOP_K_MAX}, and is {top_k}")


def initial_ring(config: LMConfig, columns: Tensor, frames: int) -> Tensor:
    """The token ring of a slot at the last position of a prompt.

    columns int64 [rows, frames + max_delay]: the tokens that stand at each position → int64 [rows, ring columns].
    """
    width = 2 * max(config.max_delay, 1)
    ring = torch.tensor(config.initial, device=columns.device)[:, None].repeat(1, width)
    for position in range(max(0, columns.shape[1] - width), columns.shape[1]):
        ring[:, position % width] = columns[:, position]
    return ring
