"""How much of a blocked phrase had left the gate when the gate stopped it: its first pieces, or an earlier sentence."""

from __future__ import annotations

from typing import Final

from bridge.gate.rules import Rules

TAIL: Final = 500
"""Characters of passed text that are remembered: a phrase has at most 120, and some spacing and padding."""


def tail(told: str, more: str) -> str:
    """What is remembered of the text that has passed, with more of it."""
    return (told + more)[-TAIL:]


def begun(rules: Rules, phrase: str, told: str, rest: str) -> str:
    """The end of `told`, the text that has passed, which belongs to the phrase that `rest` completes; often empty."""
    starts = [hit.start for hit in rules.find(told + rest) if hit.phrase == phrase and hit.end > len(told)]
    return told[min(starts) :] if starts else ""
