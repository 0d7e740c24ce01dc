from __future__ import annotations

import subprocess
import sys

PACKAGE = "bridge.engine.personaplex"


def test_what_needs_no_torch_imports_none() -> None:
    modules = ", ".join(f"{PACKAGE}.{name}" for name in ("config", "voices", "loudness", "tokeniser"))
    subprocess.run([sys.executable, "-c", f"import sys, {modules}; sys.exit('torch' in sys.modules)"], check=True)


def test_voices_are_listed_without_the_packages_of_the_model() -> None:
    """Their list is the server's too, which may run without the extra `personaplex`."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(('torch', 'safetensors', 'sentencepiece', 'huggingface_hub'))\n"
        f"from {PACKAGE}.voices import list_voices; sys.exit(len(list_voices(None)) != 18)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
