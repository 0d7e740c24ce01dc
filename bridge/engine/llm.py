"""Answers from a language model behind an OpenAI-compatible endpoint, streamed.

The protocol is `POST {base_url}/chat/completions` with `stream: true`: server-sent events, each `data:` line a JSON
chunk whose `choices[0].delta.content` is the next piece of text, until `data: [DONE]`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
import msgspec

from bridge.facts.errors import EngineError

_TIMEOUT: Final = httpx.Timeout(connect=3.0, read=8.0, write=3.0, pool=3.0)
"""Seconds. `read` bounds the wait for the first word and between words: a caller hears silence that long."""

_LONGEST_ANSWER: Final = 30.0
"""Seconds after which an answer that still streams is cut."""

_REASONING: Final = ("<think>", "</think>")

_LOADING: Final = 503
_RATE_LIMITED: Final = 429

Problem = Literal["failed", "loading", "busy"]
Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """An OpenAI-compatible endpoint. `base_url` ends before `/chat/completions`, as in `http://127.0.0.1:8000/v1`."""

    base_url: str
    model_id: str = "default"
    api_key: str | None = field(default=None, repr=False)
    temperature: float = 0.3
    top_p: float = 0.9
    max_tokens: int = 200


class LlmError(Exception):
    """The model gave no answer. `problem` picks what the caller hears; the message is for the log."""

    def __init__(self, problem: Problem, message: str) -> None:
        """Keep the kind of problem beside the message."""
        super().__init__(message)
        self.problem: Problem = problem


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_chunks = msgspec.json.Decoder(_Chunk)


class Llm:
    """One endpoint, for any number of threads."""

    def __init__(self, settings: LlmSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is sent before the first answer is wanted. Raises EngineError if the address is none."""
        # httpx logs every request with its whole address, which may carry a password.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._settings = settings
        self._clock = clock
        self._url = _completions_url(settings.base_url)
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT)

    def stream(self, messages: list[Message], wanted: Callable[[], bool]) -> Iterator[str]:
        """Yield the answer in pieces until it ends or is no longer `wanted`.

        Raises LlmError if the endpoint cannot be reached, refuses, breaks off or sends something else.
        """
        body: dict[str, Any] = {
            "model": self._settings.model_id,
            "messages": messages,
            "stream": True,
            "temperature": self._settings.temperature,
            "top_p": self._settings.top_p,
            "max_tokens": self._settings.max_tokens,
        }
        until = self._clock() + _LONGEST_ANSWER
        try:
            with self._client.stream("POST", self._url, json=body) as response:
                self._accept(response)
                for piece in without_reasoning(_pieces(response.iter_lines())):
                    if not wanted() or self._clock() > until:
                        return
                    yield piece
        except httpx.TimeoutException as error:
            raise LlmError("failed", f"{self._url.host} did not answer in time ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise LlmError(
                "failed", f"{self._url.host} is out of reach or broke off ({type(error).__name__})"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise LlmError("failed", f"{self._url.host} sent something other than chat completion chunks") from None

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _accept(self, response: httpx.Response) -> None:
        if response.status_code == _LOADING:
            raise LlmError("loading", f"{self._url.host} is still loading its model (503)")
        if response.status_code == _RATE_LIMITED:
            raise LlmError("busy", f"{self._url.host} limits our rate (429)")
        if not response.is_success:
            hint = {401: "; check LLM_API_KEY", 403: "; check LLM_API_KEY", 404: "; check LLM_BASE_URL and MODEL_ID"}
            status = response.status_code
            raise LlmError("failed", f"{self._url.host} refused with status {status}{hint.get(status, '')}")


def _completions_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/") + "/chat/completions")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise EngineError("LLM_BASE_URL is not an http address; it looks like http://127.0.0.1:8000/v1")
    return url


def without_reasoning(pieces: Iterable[str]) -> Iterator[str]:
    """Leave out a leading `<think>…</think>`, in which some models reason aloud before they answer."""
    stream = iter(pieces)
    text = ""
    for piece in stream:
        text += piece
        begun = text.lstrip()
        if begun.startswith(_REASONING[0]):
            if _REASONING[1] in begun:
                text = begun.partition(_REASONING[1])[2]
                break
        elif begun and not _REASONING[0].startswith(begun):
            break
    else:
        return
    yield text
    yield from stream


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        for choice in _chunks.decode(data).choices[:1]:
            if choice.delta.content:
                yield choice.delta.content
