"""Whether a call is being recorded: from the notice that must be heard first to the key that takes it all back.

    waiting ──the notice has been heard──▶ recording ──opt-out key──▶ refused
       └──────────────────opt-out key─────────────────────────────────▶ ┘

Only a mark of the carrier proves that the notice was heard. A call whose carrier returns none is not recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from bridge.call.ear import Ear
from bridge.facts.formats import PHONE_BYTES_PER_MS
from bridge.persona.schema import RecordingNotice
from bridge.transcript.records import RecordingRecord

State = Literal["waiting", "recording", "refused"]


class Recorder(Ear, Protocol):
    """Keeps both voices; see `bridge.call.recording`."""

    def permit(self, at: int) -> None:
        """The call may be kept from sample `at` on."""

    def discard(self) -> None:
        """Nothing of the call may be kept."""


class Consent:
    """The state of one call's recording. Owner: the call."""

    def __init__(
        self,
        recorder: Recorder | None,
        terms: RecordingNotice | None,
        write: Callable[[RecordingRecord], None],
        *,
        told: bool = False,
    ) -> None:
        """Without a `recorder` the call is not recorded and no key means anything; without `terms` it is at once.

        So it is with a caller who was `told` before.
        """
        self._recorder, self._terms, self._write = recorder, terms, write
        self._told = told
        self._state: State = "waiting"
        self._notice_mark: int | None = None

    def began(self) -> None:
        """The call's first sample is coming."""
        if self._terms is None or self._told:
            self._permit(0)

    def notice_ends(self, mark: int | None) -> None:
        """The notice has been heard once `mark` comes back."""
        self._notice_mark = mark

    def heard(self, mark: int | None, now: int) -> None:
        """The carrier says that everything before `mark` has been played; `now` in samples at 8 kHz."""
        if mark is not None and mark == self._notice_mark:
            self._permit(now)

    def refused_by(self, digit: str, now: int) -> str:
        """A key was pressed. What is to be said to a caller who has refused with it; empty where it means nothing."""
        terms = self._terms
        if self._recorder is None or terms is None or digit != terms.opt_out_key or self._state == "refused":
            return ""
        self._state = "refused"
        self._recorder.discard()
        self._write(RecordingRecord("deleted", now // PHONE_BYTES_PER_MS))
        return terms.opted_out

    def _permit(self, at: int) -> None:
        if self._recorder is not None and self._state == "waiting":
            self._state = "recording"
            self._recorder.permit(at)
            self._write(RecordingRecord("began", at // PHONE_BYTES_PER_MS))
