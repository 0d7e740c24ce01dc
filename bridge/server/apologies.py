"""What a caller hears when the engine has failed: rendered long before, so that it needs no engine."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def apology(language: str) -> bytes:
    """The apology in `language` (such as "es" or "en-GB") as 8 kHz mu-law; in English where there is no other."""
    folder = resources.files("bridge") / "assets" / "apologies"
    recordings = {entry.name: entry for entry in folder.iterdir()}
    recording = recordings.get(f"{language.partition('-')[0]}.ulaw") or recordings["en.ulaw"]
    return recording.read_bytes()
