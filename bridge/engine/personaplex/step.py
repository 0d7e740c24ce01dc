"""One 80 ms step of many calls, in parts, so that a gate can stand between the text and the sound.

    listen      the caller's frame and the last tokens go through the temporal transformer
    candidates  the text of the next position, in the order in which it would be drawn
    (a gate)    may put another text in its place, before any sound of it is made
    speak       the depformer makes the audio of that text; both are written, the slot advances

Kyutai's schedule: the caller frame that has just arrived is an input of the step, and the step completes the agent's
audio frame of the same position. The text chosen in a step is that of the next audio frame, 80 ms ahead.

All shapes are fixed, all state is changed in place, and nothing is read back to the host: each part can be captured
as a graph. Rows of slots that do not run are computed too, and then dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bridge.engine.personaplex.lm import LanguageModel
from bridge.engine.personaplex.sampling import draw, gumbel_noise, heat, luck
from bridge.engine.personaplex.slots import Slots

# Text tokens that a gate is offered for each call, in the order in which they would be drawn: the top-k as trained.
CANDIDATES = 25

# Temperature at which the likelihood of candidates is given where sampling is greedy: all of it is the first one's.
_COLDEST = 0.01

# (codebook, float32 logits [B, card]): sees the depformer's logits as they are made
Watch = Callable[[int, Tensor], None]


def listen(lm: LanguageModel, slots: Slots, caller: Tensor, run: Tensor, bucket: int | None = None) -> None:
    """Take in caller codes int64 [B, codebooks] where `run` bool [B]. bucket: see `PagedWindow.at`."""
    slots.hear(caller, run)
    attend = slots.window.at(slots.position, slots.pinned, run, bucket)
    hidden = lm.temporal(lm.embed(slots.input())[:, None], attend)[:, 0]
    slots.hidden.copy_(torch.where(run[:, None], hidden, slots.hidden))


def noise(slots: Slots) -> Tensor:
    """The luck of the step at each slot's position: float32 [B, 1 + codebooks, TOP_K_MAX], see `sampling.luck`."""
    return luck(gumbel_noise(slots.seed, slots.position, 1 + slots.config.codebooks), slots.temperature, slots.top_k)


def candidates(logits: Tensor, slots: Slots, noise: Tensor) -> Tensor:
    """Text tokens int64 [B, CANDIDATES]: the first is the one sampled.

    If that one is refused, the second is a sample of what remains, and so on. logits float32 [B, text_card]; tokens
    forbidden to a slot are never among its candidates while enough others are left.
    """
    allowed = logits.masked_fill(slots.forbidden, float("-inf"))
    return draw(allowed, noise[:, 0], heat(slots.temperature[:, 0]), CANDIDATES)


def chances(logits: Tensor, slots: Slots, offered: Tensor) -> Tensor:
    """How likely each of the candidates is to be drawn, among them: float32 [B, CANDIDATES]."""
    temperature = slots.temperature[:, :1].clamp_min(_COLDEST)
    rank = torch.arange(offered.shape[1], device=offered.device)
    scaled = logits.gather(1, offered) / temperature
    return scaled.masked_fill(rank >= slots.top_k[:, :1], float("-inf")).softmax(dim=-1)


def speak(
    lm: LanguageModel,
    slots: Slots,
    text: Tensor,
    run: Tensor,
    noise: Tensor,
    forced: Tensor | None = None,
    watch: Watch | None = None,
) -> tuple[Tensor, Tensor]:
    """Make the audio of a text, write both at the next position, and advance the slots where `run`.

    text int64 [B]; forced int64 [B, codebooks]: audio tokens to take instead of sampled ones, −1 where free. What a
    prompt has decided stands. → the frame now complete, as `Slots.spoken`.
    """
    decided = slots.decided()
    fixed, text = decided[:, 1:], torch.where(decided[:, 0] >= 0, decided[:, 0], text)
    if forced is not None:
        fixed = torch.where(fixed >= 0, fixed, forced)
    free, divisor = fixed < 0, heat(slots.temperature[:, 1])

    def choose(codebook: int, logits: Tensor) -> Tensor:
        if watch is not None:
            watch(codebook, logits)
        token = draw(logits, noise[:, 1 + codebook], divisor)[:, 0]
        return torch.where(free[:, codebook], token, fixed[:, codebook])

    audio = lm.depform(slots.hidden, text, choose)
    slots.say(torch.cat((text[:, None], audio), dim=1), run)
    return slots.spoken()
