"""The script of a day: who calls, what they do, and how each call must have ended; the same each time for a seed.

The truth is written down here before anybody calls; nothing of it is read from the server.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "talk",
    "drop",
    "digits",
    "key_hangup",
    "opt_out",
    "transfer",
    "nobody",
    "gives_up",
    "idle",
    "endless",
    "forged",
    "forged_stream",
    "replayed",
    "never",
    "garbage",
    "ended_by_request",
    "called",
    "voicemail",
    "machine",
    "unreached",
    "not_to_be_called",
]

WEIGHTS: Final[dict[Kind, int]] = {
    "talk": 24,
    "drop": 12,
    "digits": 8,
    "key_hangup": 6,
    "opt_out": 6,
    "transfer": 8,
    "nobody": 8,
    "gives_up": 3,
    "idle": 5,
    "endless": 2,
    "forged": 4,
    "forged_stream": 3,
    "replayed": 4,
    "never": 3,
    "garbage": 3,
    "ended_by_request": 4,
    "called": 5,
    "voicemail": 4,
    "machine": 3,
    "unreached": 3,
    "not_to_be_called": 2,
}
"""How often each kind of call comes, of 120."""

ENDED: Final[dict[Kind, str]] = {
    "talk": "caller_hung_up",
    "drop": "carrier_lost",
    "digits": "caller_hung_up",
    "key_hangup": "agent_goodbye",
    "opt_out": "caller_hung_up",
    "transfer": "transfer",
    "nobody": "caller_hung_up",
    "gives_up": "transfer",
    "idle": "idle",
    "endless": "too_long",
    "forged": "",
    "forged_stream": "never_connected",
    "replayed": "caller_hung_up",
    "never": "never_connected",
    "garbage": "protocol_error",
    "ended_by_request": "caller_hung_up",
    "called": "caller_hung_up",
    "voicemail": "machine",
    "machine": "machine",
    "unreached": "never_connected",
    "not_to_be_called": "",
}
"""How the record of such a call must end; empty where there must be none."""

UNRECORDED: Final = frozenset({"opt_out", "forged", "forged_stream", "never", "unreached", "not_to_be_called"})
"""Kinds of which no recording may be left."""

WE_CALL: Final = frozenset({"called", "voicemail", "machine", "unreached", "not_to_be_called"})
"""Kinds in which we call somebody."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One call of the day. `number` is the person's, `moments` the packets of 20 ms for which they stay."""

    at: int
    kind: Kind
    number: str
    moments: int
    seed: int

    @property
    def ended(self) -> str:
        """How its record must end."""
        return ENDED[self.kind]


def plan(calls: int, seed: int) -> list[Caller]:
    """A day of so many calls, each kind at least once, those that take longest first."""
    chance = random.Random(seed)
    kinds = list(WEIGHTS) + chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=calls - len(WEIGHTS))
    chance.shuffle(kinds)
    kinds.sort(key=lambda kind: {"endless": 0, "idle": 1}.get(kind, 2))
    return [
        Caller(at, kind, f"+1202{seed % 10}56{at:04}", chance.randint(50, 180), chance.randrange(1 << 30))
        for at, kind in enumerate(kinds)
    ]


def truth(day: list[Caller]) -> Counter[str]:
    """How many records must have ended in which way."""
    return Counter(caller.ended for caller in day if caller.ended)
