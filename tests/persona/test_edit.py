from __future__ import annotations

import pytest

from bridge.facts.errors import PersonaError
from bridge.persona.edit import with_value

FILE = """\
# What this is
name: shop   # the file's

allowed:   # and nothing else
  topics:
    - hats     # of all sizes
  # found by hand
  threshold: 0.25   # was 0.3
  count: 2

refusal: 'No: sorry.'
"""


def test_a_value_is_replaced_and_everything_else_stays() -> None:
    assert with_value(FILE, "allowed", "threshold", "0.31") == FILE.replace("0.25", "0.31")


@pytest.mark.parametrize("written", ["'0.25'", '"0.25"', "-0.5"])
def test_a_value_in_quotes_is_replaced_with_them(written: str) -> None:
    assert with_value(FILE.replace("0.25", written), "allowed", "threshold", "0.31") == FILE.replace("0.25", "0.31")


def test_a_key_that_is_not_there_becomes_the_first_of_its_group() -> None:
    without = FILE.replace("  threshold: 0.25   # was 0.3\n", "")
    assert with_value(without, "allowed", "threshold", "0.31") == without.replace(
        "  topics:", "  threshold: 0.31\n  topics:"
    )


def test_a_group_in_braces_keeps_them() -> None:
    text = "name: shop\nallowed: {topics: [hats], count: 2}  # short\n"
    changed = with_value(text, "allowed", "threshold", "0.31")
    assert changed == "name: shop\nallowed: {threshold: 0.31, topics: [hats], count: 2}  # short\n"
    assert with_value(changed, "allowed", "threshold", "0.4") == changed.replace("0.31", "0.4")


@pytest.mark.parametrize(
    "text",
    [
        "name: shop\n",
        "name: shop\nallowed:\n",
        "name: shop\nallowed: hats\n",
        "name: shop\nallowed:\n  threshold:\n    0.25\n  topics: [a]\n",
        "name: shop\nname: shoe\nallowed: {topics: [hats]}\n",
    ],
)
def test_where_it_is_not_certain_nothing_is_changed(text: str) -> None:
    with pytest.raises(PersonaError, match="by hand"):
        with_value(text, "allowed", "threshold", "0.31")
