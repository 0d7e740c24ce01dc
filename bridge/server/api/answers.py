"""How the API says no, for its description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Detail(BaseModel):
    """What was wrong, and what to do about it."""

    detail: str = Field(examples=["there is no voice 'BOB'"])


def refusals(**why: str) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: `refusals(_404="there is no such voice")`."""
    return {int(status[1:]): {"model": Detail, "description": words} for status, words in why.items()}
