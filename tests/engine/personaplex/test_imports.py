from __future__ import annotations

import subprocess
import sys

PACKAGE = "bridge.engine.personaplex"


def test_what_needs_no_torch_imports_none() -> None:
    modules = ", ".join(f"{PACKAGE}.{name}" for name in ("config", "voices", "loudness", "tokeniser"))
    subprocess.run([sys.executable, "-c", f"import sys, {modules}; sys.exit('torch' in sys.modules)"], check=True)
