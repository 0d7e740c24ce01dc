"""What a key may be good for."""

from __future__ import annotations

from typing import Final, Literal, get_args

Scope = Literal[
    "calls:read",
    "calls:listen",
    "calls:control",
    "talk",
    "personas:read",
    "personas:write",
    "voices:read",
    "voices:write",
    "models:read",
    "models:write",
    "system:read",
]

ALL_SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))
