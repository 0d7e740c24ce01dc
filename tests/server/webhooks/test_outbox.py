"""Letters survive what happens to the process, and are gone when they should be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bridge.server.webhooks import outbox as module
from bridge.server.webhooks.outbox import FULL, Letter, Outbox, new_id

CALL = "0123456789abcdef"


def letter(number: int = 0, call_id: str = CALL) -> Letter:
    return Letter(new_id(1_767_225_600 + number), "call.ended", call_id, {"n": number})


def test_a_letter_is_there_after_a_restart_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    sent = letter()
    assert Outbox(tmp_path).put(sent)
    again = Outbox(tmp_path)
    again.tidy()
    assert list(again.letters(again.queue)) == [sent]
    assert again.counters.waiting == 1
    [path] = again.queue.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert again.queue.stat().st_mode & 0o777 == 0o700


def test_letters_come_in_the_order_of_their_events(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    for number in (3, 1, 2):
        outbox.put(letter(number))
    assert [one.body["n"] for one in outbox.letters(outbox.queue)] == [1, 2, 3]


def test_what_a_crash_left_half_written_is_removed_and_never_read(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(letter())
    part = outbox.queue / f".{letter().name}.part"
    part.write_text("{")
    broken = outbox.queue / letter(9).name
    broken.write_text("{")
    assert len(list(outbox.letters(outbox.queue))) == 1
    outbox.tidy()
    assert not part.exists()


def test_a_full_queue_makes_dead_letters_and_of_those_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    monkeypatch.setattr(module, "MAX_DEAD", 3)
    outbox = Outbox(tmp_path)
    assert [outbox.put(letter(number)) for number in range(7)] == [True, True, False, False, False, False, False]
    assert len(outbox.waiting()) == 2
    assert [one.body["n"] for one in outbox.letters(outbox.dead)] == [4, 5, 6]
    assert {one.last_error for one in outbox.letters(outbox.dead)} == {FULL}
    assert (outbox.counters.overflowed, outbox.counters.dead_dropped) == (5, 2)


def test_a_dead_letter_is_sent_again_under_its_old_id(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    sent = letter()
    outbox.put(sent)
    outbox.bury(msgspec.structs.replace(sent, attempts=16, last_error="500"))
    assert (outbox.waiting(), len(outbox.dead_letters())) == ([], 1)
    outbox.revive(next(outbox.letters(outbox.dead)))
    assert list(outbox.letters(outbox.queue)) == [sent]
    assert outbox.dead_letters() == []


def test_what_is_kept_of_a_call_that_is_forgotten_goes_from_both_folders(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    other = letter(3, "f" * 16)
    for one in (letter(1), letter(2), other):
        outbox.put(one)
    outbox.bury(next(outbox.letters(outbox.queue)))
    assert outbox.forget([CALL]) == 2
    assert list(outbox.letters(outbox.queue)) == [other]
    assert outbox.dead_letters() == []
    deleted = letter(4)
    outbox.save(deleted)  # an attempt was under way when it was deleted
    assert len(outbox.waiting()) == 1


def test_names_that_are_not_of_a_letter_are_not_touched(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(letter())
    note = outbox.queue / "notes.json"
    note.write_text("{}")
    assert len(list(outbox.letters(outbox.queue))) == 1
    assert note.exists()
