"""What a caller hears when the engine has failed: rendered long before, so that it needs no engine.

An apology ends the call; a moment asks the caller to wait for the engine that takes the call over.
"""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def apology(language: str) -> bytes:
    """The apology in `language` (such as "es" or "en-GB") as 8 kHz mu-law; in English where there is no other."""
    return _line("apologies", language)


@cache
def moment(language: str) -> bytes:
    """ "One moment, please." in `language` as 8 kHz mu-law; in English where there is no other."""
    return _line("moments", language)


def _line(folder: str, language: str) -> bytes:
    recordings = {entry.name: entry for entry in (resources.files("bridge") / "assets" / folder).iterdir()}
    recording = recordings.get(f"{language.partition('-')[0]}.ulaw") or recordings["en.ulaw"]
    return recording.read_bytes()
