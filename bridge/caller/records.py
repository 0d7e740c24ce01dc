"""The server's own record of a call, read over its HTTP API: what was said, what the gate stopped, where files lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from bridge.caller.errors import CallError
from bridge.server.journal import JournalError, transcript_name

OPENING_S: Final = 3.0
"""A call whose stream has just opened is known to the API within this time."""

CLOSING_S: Final = 5.0
"""The server finishes a call's record within this time of its end."""

Record = Mapping[str, Any]


class CallRecords:
    """The API of one server. `key` opens it: API_KEY, or the content of DATA_DIR/api.key on the same machine."""

    def __init__(self, client: httpx.AsyncClient, url: str, key: str | None) -> None:
        """Nothing is asked yet."""
        self._client = client
        self._base = f"{url.rstrip('/')}/api/calls"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def follow(self, call_id: str, on_record: Callable[[Record], None]) -> None:
        """Hand over each record of a call in progress as it comes, to its end. Raises `CallError`."""
        deadline = asyncio.get_running_loop().time() + OPENING_S
        # The stream is open before the server has entered the call: until then the address is not found.
        while not await self._try_to_follow(call_id, on_record):
            if asyncio.get_running_loop().time() > deadline:
                raise CallError(f"the server does not know call {call_id}")
            await asyncio.sleep(0.1)

    async def _try_to_follow(self, call_id: str, on_record: Callable[[Record], None]) -> bool:
        timeout = httpx.Timeout(10.0, read=None)
        address = f"{self._base}/{call_id}/events"
        try:
            async with self._client.stream("GET", address, headers=self._headers, timeout=timeout) as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    return False
                _check(response)
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        on_record(_object(line.removeprefix("data:").encode()))
        except httpx.HTTPError as error:
            raise CallError(f"the server's record of the call broke off: {error or type(error).__name__}") from None
        return True

    async def fetch(self, call_id: str) -> Record:
        """The record of a call that has ended; waits for its end to be written. Raises `CallError`."""
        deadline = asyncio.get_running_loop().time() + CLOSING_S
        while True:
            record = await self._fetch_once(call_id)
            if record.get("ended") is not None or asyncio.get_running_loop().time() > deadline:
                return record
            await asyncio.sleep(0.1)

    async def _fetch_once(self, call_id: str) -> Record:
        try:
            response = await self._client.get(f"{self._base}/{call_id}", headers=self._headers)
        except httpx.HTTPError as error:
            raise CallError(f"the server's record cannot be read: {error or type(error).__name__}") from None
        _check(response)
        return _object(response.content)


def located(record: Record, url: str, data_dir: Path | None) -> Record:
    """The record with the places of `transcript` and `recording`: files of this machine, or addresses at the server."""
    links = record.get("links", {})
    addresses = {"transcript": links.get("transcript_jsonl"), "recording": links.get("recording")}
    places = {name: url.rstrip("/") + path if path else None for name, path in addresses.items()}
    if data_dir is not None:
        with suppress(JournalError):  # another server may call its calls as it likes
            file = data_dir / transcript_name(str(record.get("call_id")), str(record.get("started_at")))
            if file.exists():
                places = {"transcript": str(file), "recording": str(file.with_suffix(".wav"))}
    return {**record, **places, "recording": places["recording"] if record.get("recording") else None}


def _check(response: httpx.Response) -> None:
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise CallError(
            "the server does not let us read its record of the call: set API_KEY to the server's key "
            "(on its machine it lies in DATA_DIR/api.key)"
        )
    if response.status_code != httpx.codes.OK:
        raise CallError(f"the server's record of the call cannot be read: it answered {response.status_code}")


def _object(data: bytes) -> Record:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        raise CallError("the server's record of the call is not JSON: does something else answer there?") from None
