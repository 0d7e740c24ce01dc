"""What can go wrong between a program and a bridge, by who has to act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from bridge.facts.errors import BridgeError


class ClientError(BridgeError):
    """The bridge did not do what it was asked for. `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        """Keep the status beside the words."""
        super().__init__(message)
        self.status = status


class NotReachedError(ClientError):
    """No bridge answers at the address, or the connection broke off."""


class NotAllowedError(ClientError):
    """401: no key, or none that works. 403: the key lacks a scope, or what was asked for may not be done."""


class NotFoundError(ClientError):
    """404: there is no such call, persona, voice or model."""


class ConflictError(ClientError):
    """409, 412, 428: somebody else was there first. Read again, then write with the newer etag."""


class InvalidError(ClientError):
    """400, 413, 415, 422: what was sent cannot be used. If it was a persona, `problems` has each with its line."""

    def __init__(self, message: str, status: int = 0, problems: Sequence[Mapping[str, Any]] = ()) -> None:
        """Keep the problems beside the words."""
        super().__init__(message, status)
        self.problems = tuple(problems)


class TooManyError(ClientError):
    """429: too many requests, or too many calls. `retry_after` is how many seconds to wait, 0 where it is not told."""

    def __init__(self, message: str, status: int = 0, retry_after: float = 0.0) -> None:
        """Keep the wait beside the words."""
        super().__init__(message, status)
        self.retry_after = retry_after


class ServerError(ClientError):
    """500 and more: the bridge is stopping, is full, its engine is not ready, or it has a fault. Try again later."""


_KINDS: Final[dict[int, type[ClientError]]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    428: ConflictError,
}


def refusal(status: int, headers: Mapping[str, str], body: bytes, what: str) -> ClientError:
    """The error that an answer of 400 or more stands for; `what` names the request. `headers` know no case."""
    answer = _object(body)
    words = f"{what}: {_words(answer.get('detail')) or f'the bridge answered {status}'}"
    if status == 429:
        after = headers.get("retry-after", "")
        return TooManyError(words, status, float(after) if after.isascii() and after.isdigit() else 0.0)
    if kind := _KINDS.get(status):
        return kind(words, status)
    if status >= 500:
        return ServerError(words, status)
    problems = answer.get("problems")
    return InvalidError(words, status, problems if isinstance(problems, list) else ())


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:  # an answer of a proxy's, or none
        return {}


def _words(detail: object) -> str:
    """`detail` as a sentence: it is one, or FastAPI's list of what is wrong where."""
    if isinstance(detail, list):
        found = [one for one in detail if isinstance(one, dict)]
        return "; ".join(f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg', '')}" for one in found)
    return str(detail) if detail else ""
