"""What stands for a person's number where numbers are masked, so that `callbridge calls forget` can still find them.

It is an HMAC of the number under a key of DATA_DIR. Whoever has a transcript alone learns nothing from it. Whoever has
the key as well can try all numbers: keep DATA_DIR/people.key to yourself, and delete it to make what was masked
unlinkable for good.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final

from bridge.facts.errors import BridgeError
from bridge.server.keys import write_once

KEY_FILE: Final = "people.key"
KEY_BYTES: Final = 32


def number_forms(number: str) -> tuple[str, ...]:
    """The ways in which carriers write a number: with plus, without, with the international prefix 00."""
    digits = re.sub(r"[^0-9]", "", number).removeprefix("00")
    if len(digits) < 3:  # a name, as SIP has them
        return (number.strip(),)
    return (number.strip(), f"+{digits}", digits, f"00{digits}")


class Pseudonyms:
    """Gives each number its key, the same in all calls of one DATA_DIR."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is the content of the key file."""
        self._secret = secret

    def __call__(self, number: str) -> str:
        """64 hexadecimal digits, the same for all forms of a number."""
        return hmac.new(self._secret, number_forms(number)[-1].encode(), hashlib.sha256).hexdigest()


def known(data_dir: Path) -> Pseudonyms | None:
    """Those of a DATA_DIR whose numbers were masked at some time; none where they never were."""
    path = data_dir / KEY_FILE
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BridgeError(f"{path} cannot be read: {error.strerror}") from None
    if len(secret) != KEY_BYTES:
        raise BridgeError(f"{path} is damaged. Put it back from a backup, or delete it: a new one is then made.")
    return Pseudonyms(secret)


def make(data_dir: Path) -> Pseudonyms:
    """Those of a DATA_DIR, whose key is made if there is none yet."""
    path = data_dir / KEY_FILE
    try:
        write_once(path, secrets.token_bytes(KEY_BYTES))
    except OSError as error:
        raise BridgeError(f"{path} cannot be written: {error.strerror}") from None
    found = known(data_dir)
    assert found is not None
    return found
