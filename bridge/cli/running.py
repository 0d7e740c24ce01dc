"""A bridge that runs already, as it tells of itself."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from bridge.facts.settings import Settings
from bridge.hub.files import size_text

_SECONDS: Final = 2.0
_MOST_BYTES: Final = 1 << 20
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here
"""Addresses that a server listens on and nobody can call, and those that reach it."""


def health(settings: Settings) -> dict[str, Any] | None:
    """What the bridge at the settings' address answers to /health; None where there is no bridge."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    opener = build_opener(ProxyHandler({}))  # this machine is not reached through a proxy
    try:
        with opener.open(f"http://{host}:{settings.port}/health", timeout=_SECONDS) as answer:
            told = json.loads(answer.read(_MOST_BYTES))
    except HTTPError as error:  # 503 while it starts or drains
        told = _json(error.read(_MOST_BYTES))
    except (OSError, HTTPException, ValueError):
        return None
    return told if isinstance(told, dict) and "engine_state" in told else None


def summary(told: dict[str, Any]) -> str:
    """Calls, what bounds them, and the memory of a running bridge, in words."""
    parts = [f"the {told['engine']} engine is {told['engine_state']}, {told['calls']} of {told['admitted']} calls"]
    bounds = (("memory", told.get("admitted_by_memory")), ("the time of steps", told.get("admitted_by_tick_time")))
    bounding = [f"{bound} by {by}" for by, bound in bounds if bound is not None]
    if bounding:
        parts.append(f"{told['capacity']} slots, {', '.join(bounding)}")
    if told.get("kv_reserved_bytes"):
        used, reserved = size_text(told["kv_used_bytes"]), size_text(told["kv_reserved_bytes"])
        parts.append(f"keys and values use {used} of {reserved}")
    return "; ".join(parts)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
