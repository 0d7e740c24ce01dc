from __future__ import annotations

import subprocess
import sys

import pytest

PACKAGE = "bridge.engine.personaplex"


@pytest.mark.parametrize("module", ["config", "voices", "loudness", "tokeniser"])
def test_torch_is_not_imported_by(module: str) -> None:
    code = f"import sys, {PACKAGE}.{module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
