from __future__ import annotations

import re
from pathlib import Path

from .calls import sound

GUIDE = Path(__file__).parents[3] / "docs" / "model-runtime.md"


def test_code_of_the_readers_guide_runs(tiny: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {"directory": tiny, "name": "GOLD0", "caller": sound(0, 3)})


def test_readers_guide_names_every_file() -> None:
    package = GUIDE.parents[1] / "bridge" / "engine" / "personaplex"
    named = set(re.findall(r"`(\w+\.py)`", GUIDE.read_text(encoding="utf-8")))
    assert {path.name for path in package.glob("*.py")} - {"__init__.py"} <= named
