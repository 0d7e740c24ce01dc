"""Calls: those there were, those that go on, and what may be done with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from bridge.client.http import Channel, part
from bridge.client.sse import Event

PAGE: Final = 100
"""Calls that are asked for at once."""

Call = dict[str, Any]
"""A call as JSON: `call_id`, `persona`, `from`, `to`, `started_at`, `seconds`, `ended`, and more in `Calls.read`."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls, the newest first, and where the next ones begin; None where there are no more.

    `searched` is in how many transcripts words were looked for; a page of such a search may be empty and have a `next`.
    """

    calls: Sequence[Call]
    next: str | None
    searched: int | None = None


class Calls:
    """`bridge.calls`."""

    def __init__(self, channel: Channel) -> None:
        """Nothing is asked yet."""
        self._channel = channel

    def page(
        self,
        *,
        persona: str | None = None,
        q: str | None = None,
        caller: str | None = None,
        since: str | None = None,
        until: str | None = None,
        ended: str | None = None,
        verdicts: bool | None = None,
        limit: int = PAGE,
        after: str | None = None,
    ) -> Page:
        """Calls that fit, the newest first (scope `calls:read`).

        `q` is a number, a call's id, or words that were said; `caller` who called, or a part of it; `since` and `until`
        are moments in ISO 8601; `ended` is how they ended; `verdicts` those in which the gate stopped something;
        `after` the `next` of the page before.
        """
        params = {
            "persona": persona,
            "q": q,
            "from": caller,
            "since": since,
            "until": until,
            "ended": ended,
            "verdicts": verdicts,
            "limit": limit,
            "after": after,
        }
        answer = self._channel.json("GET", "/v1/calls", params=params)
        return Page(answer["calls"], answer["next"], answer.get("searched"))

    def all(self, **which: Any) -> Iterator[Call]:
        """Every call that fits, the newest first, page by page; `which` as for `page`."""
        page = self.page(**which)
        yield from page.calls
        while page.next:
            page = self.page(**which | {"after": page.next})
            yield from page.calls

    def read(self, call_id: str) -> Call:
        """One call as a whole: turns, verdicts, counters; also one that goes on (`calls:read`)."""
        return dict(self._channel.json("GET", f"/v1/calls/{part(call_id)}"))

    def events(self, call_id: str) -> Iterator[Event]:
        """The records of a call that goes on: those so far, then each as it comes, to its end (`calls:read`)."""
        return self._channel.events("GET", f"/v1/calls/{part(call_id)}/events")

    def place(
        self,
        to: str,
        persona: str,
        *,
        caller_id: str | None = None,
        record: bool | None = None,
        trunk: str | None = None,
    ) -> Call:
        """Call somebody (`calls:control`). Returns when the carrier has taken the order, with the call's id."""
        order = {"to": to, "persona": persona, "caller_id": caller_id, "record": record, "trunk": trunk}
        given = {name: value for name, value in order.items() if value is not None}
        return dict(self._channel.json("POST", "/v1/calls", json=given))

    def transfer(self, call_id: str, to: str | None = None, say: str | None = None) -> None:
        """Put the caller through to a person, by default the persona's (`calls:control`)."""
        order = {name: value for name, value in (("to", to), ("say", say)) if value is not None}
        self._channel.json("POST", f"/v1/calls/{part(call_id)}/transfer", json=order)

    def hang_up(self, call_id: str, say: str | None = None, *, now: bool = False) -> None:
        """End a call: after a goodbye, by default the persona's, or `now` without a word (`calls:control`)."""
        order = {"now": now} | ({} if say is None else {"say": say})
        self._channel.json("POST", f"/v1/calls/{part(call_id)}/hangup", json=order)

    def delete(self, call_id: str) -> None:
        """Delete a call that has ended: transcript, recording, row (`calls:control`)."""
        self._channel.json("DELETE", f"/v1/calls/{part(call_id)}")

    def transcript(self, call_id: str, form: Literal["jsonl", "txt", "json"] = "txt") -> str:
        """The transcript: to read (`txt`), as it was written (`jsonl`), as one object (`json`) (`calls:read`)."""
        return self._channel.ask("GET", f"/v1/calls/{part(call_id)}/transcript.{form}").text

    def recording(self, call_id: str, file: str | Path) -> Path:
        """Write the recording into a file: stereo WAV, 8 kHz, the caller on the left (`calls:listen`)."""
        return self._channel.save(f"/v1/calls/{part(call_id)}/recording.wav", Path(file))

    def waveform(self, call_id: str, points: int = 800) -> dict[str, Any]:
        """The recording as pairs of least and greatest values, to draw (`calls:listen`)."""
        path = f"/v1/calls/{part(call_id)}/waveform"
        return dict(self._channel.json("GET", path, params={"points": points}))
