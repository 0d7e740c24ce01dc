"""When a call may be recorded, and who can take that back."""

from __future__ import annotations

import pytest

from bridge.call.consent import Consent
from bridge.persona.schema import RecordingNotice
from bridge.transcript.records import RecordingRecord

TERMS = RecordingNotice(notice="This call is recorded. Press 8 to refuse.", opt_out_key="8", opted_out="As you wish.")


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def caller(self, ulaw: bytes) -> None: ...

    def agent(self, at: int, ulaw: bytes) -> None: ...

    def cut(self, at: int) -> None: ...

    def permit(self, at: int) -> None:
        self.told.append(("permit", at))

    def discard(self) -> None:
        self.told.append(("discard", 0))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def written() -> list[RecordingRecord]:
    return []


def test_without_a_notice_a_call_is_recorded_from_its_first_sample(
    recorder: Recorder, written: list[RecordingRecord]
) -> None:
    consent = Consent(recorder, None, written.append)
    consent.began()
    assert recorder.told == [("permit", 0)]
    assert written == [RecordingRecord("began", 0)]


def test_recording_begins_when_the_end_of_the_notice_has_been_heard(
    recorder: Recorder, written: list[RecordingRecord]
) -> None:
    consent = Consent(recorder, TERMS, written.append)
    consent.began()
    consent.heard(3, 8_000)  # an earlier word of it
    consent.notice_ends(4)
    consent.heard(3, 16_000)
    assert recorder.told == []
    consent.heard(4, 24_000)
    consent.heard(4, 32_000)
    assert recorder.told == [("permit", 24_000)]
    assert written == [RecordingRecord("began", 3_000)]


def test_the_opt_out_key_deletes_the_recording_once(recorder: Recorder, written: list[RecordingRecord]) -> None:
    consent = Consent(recorder, TERMS, written.append)
    consent.notice_ends(4)
    consent.heard(4, 8_000)
    assert consent.refused_by("7", 9_000) == ""
    assert consent.refused_by("8", 16_000) == "As you wish."
    assert consent.refused_by("8", 17_000) == ""
    assert recorder.told == [("permit", 8_000), ("discard", 0)]
    assert written == [RecordingRecord("began", 1_000), RecordingRecord("deleted", 2_000)]


def test_a_caller_who_refuses_during_the_notice_is_never_recorded(
    recorder: Recorder, written: list[RecordingRecord]
) -> None:
    consent = Consent(recorder, TERMS, written.append)
    consent.notice_ends(4)
    assert consent.refused_by("8", 800)
    consent.heard(4, 8_000)
    assert recorder.told == [("discard", 0)]
    assert written == [RecordingRecord("deleted", 100)]


def test_where_nothing_is_recorded_the_key_is_a_key_like_any_other(written: list[RecordingRecord]) -> None:
    consent = Consent(None, TERMS, written.append)
    consent.began()
    assert consent.refused_by("8", 800) == ""
    assert written == []
