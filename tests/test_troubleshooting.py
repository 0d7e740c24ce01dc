"""The page of symptoms: what it quotes as the program's own words are the program's own words."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
# Words of one of these kinds are addresses, names and figures, and no sentences.
NO_SENTENCE = re.compile(r"^(callbridge \w|/|[\w./-]+$|https?:)")
PARTED = re.compile(r"…|%\.?\d*[sdfg]")


class Texts(ast.NodeVisitor):
    """Every text of a module, with … for what is put in when it runs."""

    def __init__(self, source):
        self.found = []
        self.visit(ast.parse(source))

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            self.found.append(node.value)

    def visit_JoinedStr(self, node):
        parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
        self.found.append("".join(parts))
        self.generic_visit(node)


@pytest.fixture(scope="module")
def texts():
    """All that the program may say."""
    found = [(ROOT / "Makefile").read_text()]
    for path in (ROOT / "bridge").rglob("*.py"):
        found += Texts(path.read_text()).found
    # The console's words are of TypeScript; each stands on a line of its own.
    for path in (ROOT / "console" / "src" / "i18n" / "en").glob("*.ts"):
        found += path.read_text().splitlines()
    return [PARTED.sub("…", " ".join(text.split())) for text in found]


def symptoms():
    """What the first column of the page's tables quotes."""
    for line in PAGE.splitlines():
        if line.startswith("| ") and not line.startswith(("| what you see", "|---")):
            for quoted in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
                if not NO_SENTENCE.match(quoted) and " " in quoted:
                    yield quoted


def says(text, quoted):
    """Whether a text of the program can come out as what is quoted: its fixed parts, in order."""
    place = 0
    for part in quoted.split("…"):
        place = text.find(part.strip(), place)
        if place < 0:
            return False
        place += len(part.strip())
    return True


@pytest.mark.parametrize("quoted", sorted(set(symptoms())))
def test_a_quoted_message_is_one_that_the_program_says(quoted, texts):
    assert any(says(text, quoted) for text in texts), quoted


def test_the_page_quotes_many_messages():
    assert len(set(symptoms())) > 40
