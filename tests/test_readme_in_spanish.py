"""README.es.md keeps step with README.md: the same sections, commands, links, rows and figures."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGLISH, SPANISH = ((ROOT / name).read_text() for name in ("README.md", "README.es.md"))


def headings(page):
    return [len(marks) for marks in re.findall(r"^(#+) ", without_blocks(page), re.M)]


def blocks(page):
    """The code blocks that name a language; the drawing at the top, which names none, is translated."""
    return re.findall(r"^ *```(sh|text|python)\n(.*?)^ *```", page, re.S | re.M)


def without_blocks(page):
    return re.sub(r"^ *```.*?^ *```", "", page, flags=re.S | re.M)


def links(page):
    return sorted(set(re.findall(r"\]\(([^)]+)\)", page)) - {"README.md", "README.es.md"})


def codes(page):
    return sorted(re.findall(r"`([^`\n]+)`", without_blocks(page)))


def figures(page):
    """Row by row, the numbers of the tables, whatever sign parts their decimals and thousands."""
    rows = re.findall(r"^\|.*\|$", without_blocks(page), re.M)
    return [re.sub(r"(?<=\d)[.,](?=\d)", "", " ".join(re.findall(r"−?\d[\d.,]*\d|−?\d", row))) for row in rows]


@pytest.mark.parametrize("part", [headings, blocks, links, codes, figures], ids=lambda part: part.__name__)
def test_both_have_the_same(part):
    assert part(ENGLISH)
    assert part(SPANISH) == part(ENGLISH)


def test_each_links_to_the_other():
    assert "](README.es.md)" in ENGLISH
    assert "](README.md)" in SPANISH


def test_a_figure_that_differs_is_seen():
    before, row, after = SPANISH.partition("| p50 ")
    assert row
    assert figures(f"{before}{row}9{after}") != figures(ENGLISH)
