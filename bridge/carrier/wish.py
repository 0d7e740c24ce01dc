"""What the client of a compatible address asks for: a persona of ours, or a voice and a prompt of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.facts.errors import CarrierError

UNUSABLE: Final = 4422
"""Close code: what the client asks for cannot be understood. It is the HTTP status behind a 4."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`persona` names one of ours; otherwise `voice` and `text_prompt` make one for this call. No `seed`: any.

    `sampling` has names and values of `bridge.persona.schema.Sampling`. Nothing has been looked up.
    """

    voice: str | None = None
    text_prompt: str | None = None
    persona: str | None = None
    seed: int | None = None
    sampling: Mapping[str, float] = field(default_factory=dict)


def seed_of(given: str | int | None) -> int | None:
    """A seed; -1 and none mean any. Raises `CarrierError` for what is no whole number."""
    if given is None or given == "":
        return None
    try:
        seed = int(given)
    except ValueError:
        raise CarrierError("seed is no whole number", UNUSABLE) from None
    return None if seed < 0 else seed
