"""The signature of a webhook: HMAC-SHA256 over its time and its body, in one header.

    Callbridge-Signature: t=1767225600,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd

`t` is the time of the attempt in seconds since 1970; `v1` the HMAC, in hexadecimal digits, of `t`, a full stop and the
body's bytes, under WEBHOOK_SECRET.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

HEADER: Final = "Callbridge-Signature"

TOLERANCE_SECONDS: Final = 300
"""A signature that is older is refused, so that what somebody has overheard cannot be sent again for ever."""

_FORM: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, body: bytes, at: int) -> str:
    """The header's value for an attempt at `at`, in seconds since 1970."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def problem(secret: str, body: bytes, header: str | None, now: float) -> str:
    """What is wrong with a signature, in words; nothing if it is right. For receivers written in Python."""
    if not header:
        return f"the header {HEADER} is missing"
    found = _FORM.fullmatch(header)
    if not found:
        return f"the header {HEADER} is not of the form t=…,v1=…"
    at = int(found[1])
    if not hmac.compare_digest(sign(secret, body, at), header):
        return "the signature does not fit the body: another secret, or the body was changed on its way"
    if abs(now - at) > TOLERANCE_SECONDS:
        return f"the signature is more than {TOLERANCE_SECONDS} s old: an old message sent again, or a wrong clock"
    return ""
