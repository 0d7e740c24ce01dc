"""The README of the examples: what it lists is there, and what is there is listed."""

import re
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_the_readme_lists_every_example_and_no_other():
    listed = re.findall(r"\]\(((?:python|curl|javascript)/[\w.]+)\)", (EXAMPLES / "README.md").read_text())
    there = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*") if path.suffix in (".py", ".sh", ".mjs")}
    assert set(listed) == there - {"javascript/bridge.mjs"}
