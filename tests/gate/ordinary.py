"""Ordinary sentences of service lines, from the patterns in tests/data/ordinary.txt. The same ones each time."""

from __future__ import annotations

import re
from math import gcd, prod
from pathlib import Path

PATTERNS = Path(__file__).parents[1] / "data" / "ordinary.txt"
MOST = 48
"""Sentences made of one pattern at most, so that none outweighs the others."""

_INNERMOST = re.compile(r"\{([^{}]*)\}")


def patterns() -> list[str]:
    """The patterns, with named slots filled in as alternatives."""
    slots: dict[str, str] = {}
    found: list[str] = []
    for line in PATTERNS.read_text("utf-8").splitlines():
        name, equals, choices = line.partition(" = ")
        if not line or line.startswith("#"):
            continue
        if equals and name.isidentifier():
            slots[name] = "|".join(choice.strip() for choice in choices.split("|"))
        else:
            found.append(_INNERMOST.sub(lambda slot: "{" + slots.get(slot[1], slot[1]) + "}", line))
    return found


def expand(pattern: str, most: int = MOST) -> list[str]:
    """Up to `most` different sentences of a pattern, spread over all that it can make."""
    flat = _flat(pattern)
    parts = [part.split("|") if at % 2 else [part] for at, part in enumerate(re.split(r"\{([^{}]*)\}", flat))]
    total = prod(map(len, parts))
    step = max(1, round(total * 0.6180339887))  # the golden ratio spreads them evenly
    while gcd(step, total) > 1:
        step += 1
    made: dict[str, None] = {}
    for number in range(total):
        made[_tidy(_nth(parts, number * step % total))] = None
        if len(made) == most:
            break
    return list(made)


def sentences() -> list[str]:
    """All of them, each once."""
    return list(dict.fromkeys(sentence for pattern in patterns() for sentence in expand(pattern)))


def _flat(pattern: str) -> str:
    """A slot within an alternative becomes alternatives of its own: {free|{a|b} more} is {free|a more|b more}."""
    while nested := re.search(r"\{([^{}]*\{[^{}]*\}[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", pattern):
        choices: list[str] = []
        for choice in re.split(r"\|(?![^{]*\})", nested[1]):
            inner = _INNERMOST.search(choice)
            filled = inner[1].split("|") if inner else [""]
            choices += [choice[: inner.start()] + one + choice[inner.end() :] for one in filled] if inner else [choice]
        pattern = pattern[: nested.start()] + "{" + "|".join(choices) + "}" + pattern[nested.end() :]
    return pattern


def _nth(parts: list[list[str]], number: int) -> str:
    chosen = []
    for choices in parts:
        number, place = divmod(number, len(choices))
        chosen.append(choices[place])
    return "".join(chosen)


def _tidy(text: str) -> str:
    """A sentence begins with a capital, and an abbreviation's full stop is the sentence's too."""
    text = re.sub(r"(?<=[ap]\.m)\.(?=[.?])", "", text)
    return text[0].upper() + text[1:]
