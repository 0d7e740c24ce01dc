"""What numbers were before they were connected, so that `disconnect` can give it back: one small file in DATA_DIR."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bridge.connect.configuration import Configuration, ConnectError

FILE: Final = "twilio-numbers.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """A number's configuration before it was connected, and as it was connected."""

    before: Configuration
    after: Configuration


class Memory:
    """The file of one DATA_DIR. Numbers are told apart by account, too."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is read or made yet."""
        self.path = data_dir / FILE

    def find(self, account_sid: str, phone_number: str) -> Remembered | None:
        """What is remembered of a number. Raises `ConnectError` if the file cannot be used."""
        entry = self._read().get(f"{account_sid} {phone_number}")
        if entry is None:
            return None
        return Remembered(Configuration.read(entry["before"]), Configuration.read(entry["after"]))

    def keep(self, account_sid: str, phone_number: str, remembered: Remembered) -> None:
        """Remember a number, or anew. Raises `ConnectError`."""
        entries = self._read()
        entry = {"before": remembered.before.as_dict(), "after": remembered.after.as_dict()}
        self._write(entries | {f"{account_sid} {phone_number}": entry})

    def forget(self, account_sid: str, phone_number: str) -> None:
        """Remember nothing more of a number. Raises `ConnectError`."""
        entries = self._read()
        if entries.pop(f"{account_sid} {phone_number}", None) is not None:
            self._write(entries)

    def _read(self) -> dict[str, dict[str, dict[str, Any]]]:
        try:
            entries = json.loads(self.path.read_text("utf-8"))
            whole = all(isinstance(entry[which], dict) for entry in entries.values() for which in ("before", "after"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConnectError(f"{self.path} cannot be read: {error.strerror}") from None
        except (ValueError, AttributeError, TypeError, KeyError):
            whole = False
        if not whole:
            raise ConnectError(f"{self.path} is damaged; move it away to go on without what numbers were before")
        return dict(entries)

    def _write(self, entries: dict[str, Any]) -> None:
        """All or nothing, for the owner's eyes alone: addresses may hold passwords."""
        temporary = ""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{FILE}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(entries, file, indent=1)
            Path(temporary).replace(self.path)
        except OSError as error:
            if temporary:
                with suppress(OSError):
                    Path(temporary).unlink()
            raise ConnectError(
                f"{self.path} cannot be written: {error.strerror}. Nothing has been changed at Twilio."
            ) from None
