"""Whoever has the secret can tell our messages from others'."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.server.webhooks.signature import TOLERANCE_SECONDS, problem, sign

SECRET, BODY, AT = "0123456789abcdef", b'{"event":"call.ended"}', 1_767_225_600


def test_a_signature_holds_for_its_body_its_secret_and_its_time() -> None:
    header = sign(SECRET, BODY, AT)
    assert problem(SECRET, BODY, header, AT + TOLERANCE_SECONDS) == ""
    assert "does not fit" in problem(SECRET, BODY + b" ", header, AT)
    assert "does not fit" in problem("another secret..", BODY, header, AT)
    assert "does not fit" in problem(SECRET, BODY, header.replace(str(AT), str(AT + 1)), AT)
    assert "old" in problem(SECRET, BODY, header, AT + TOLERANCE_SECONDS + 1)


@pytest.mark.parametrize("header", [None, "", "v1=", "t=1,v1=zz", "t=1,v1=" + "a" * 64 + ",t=2", "t=-1,v1=" + "a" * 64])
def test_what_is_no_signature_is_refused_in_words(header: str | None) -> None:
    assert "Callbridge-Signature" in problem(SECRET, BODY, header, 0)


def test_openssl_comes_to_the_same() -> None:
    script = f"printf '%s.%s' {AT} '{BODY.decode()}' | openssl dgst -sha256 -hmac {SECRET} -hex"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert sign(SECRET, BODY, AT) == f"t={AT},v1={done.stdout.split()[-1]}"


def test_the_example_of_the_documentation_knows_our_messages() -> None:
    page = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    header = sign(SECRET, BODY, int(time.time()))
    assert names["is_ours"](SECRET, BODY, header)
    assert not names["is_ours"](SECRET, BODY + b" ", header)
    assert not names["is_ours"](SECRET, BODY, sign(SECRET, BODY, int(time.time()) - 600))
