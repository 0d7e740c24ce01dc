"""`callbridge calls`: list, show, export."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from bridge.cli.calls import app
from bridge.cli.lines import coloured, local_time
from bridge.facts.errors import BridgeError
from bridge.server.journal import transcript_name
from bridge.transcript.lines import Line, clean, clock, duration, lines
from bridge.transcript.records import (
    AgentSaid,
    AgentUnheard,
    Call,
    CallerSaid,
    DigitPressed,
    Ended,
    Fault,
    Problem,
    Reading,
    Record,
    RecordingRecord,
    Summary,
    VerdictRecord,
    write,
)

TALK: list[Record] = [
    AgentSaid(" Good morning,", 1, 0, 800),
    AgentSaid(" Bright Dental.", 1, 800, 1600),
    CallerSaid("=Can I [bold]have\x1b[31m antibiotics?", 2000, 3600),
    VerdictRecord("antibiotics", "Medical advice", "caller", "refuse", 3700),
    AgentUnheard(" We are", 2, 4000, "caller_spoke"),
    DigitPressed("5", 5000),
    Problem("the recording ended early", 6000),
]
END = Ended("caller_hung_up", "the caller hung up", "2020-01-31T09:30:10.000Z", 10.0)


def call(number: int, persona: str, day: int) -> Call:
    return Call(
        call_id=f"{number:x}" * 16,
        persona=persona,
        from_number="+12025550143",
        to_number="+12025550100",
        carrier="twilio",
        carrier_id="CA0",
        started_at=f"2020-01-{day:02}T09:30:00.000Z",
        engine="cascade",
    )


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three calls on the disk; the index does not exist yet."""
    data_dir = tmp_path / "data"
    for number, persona, day, end in ((1, "dental", 10, [END]), (2, "waste", 20, [END]), (3, "dental", 31, [])):
        header = call(number, persona, day)
        path = data_dir / transcript_name(header.call_id, header.started_at)
        path.parent.mkdir(parents=True)
        path.write_bytes(write([header, *TALK, *end]))
    monkeypatch.chdir(tmp_path)
    return data_dir


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def succeed(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exception is None, result.output
    assert isinstance(result.stdout, str)
    return result.stdout


def error_of(*arguments: str) -> str:
    """The words for the person; `callbridge` itself prints them and exits with 1."""
    result = run(*arguments)
    assert isinstance(result.exception, BridgeError), result.output
    return str(result.exception)


def ids(output: str) -> list[str]:
    return [entry["call_id"][0] for entry in json.loads(output)]


@pytest.mark.usefixtures("archive")
def test_calls_are_listed_newest_first_with_how_they_ended() -> None:
    rows = succeed("list").splitlines()
    assert rows[0].split() == ["CALL", "BEGAN", "PERSONA", "FROM", "LENGTH", "TURNS", "GATE", "PROBLEMS", "ENDED"]
    assert [row.split()[0] for row in rows[1:]] == ["3" * 16, "2" * 16, "1" * 16]
    assert rows[1].split()[-1] == "interrupted"
    assert rows[2].split()[4:] == ["+12025550143", "0:10", "2", "1", "1", "caller_hung_up"]


@pytest.mark.usefixtures("archive")
def test_the_list_can_be_narrowed() -> None:
    assert ids(succeed("list", "--json")) == ["3", "2", "1"]
    assert ids(succeed("list", "--json", "--persona", "dental")) == ["3", "1"]
    assert ids(succeed("list", "--json", "--limit", "1")) == ["3"]
    assert ids(succeed("list", "--json", "--since", "2020-01-15")) == ["3", "2"]
    assert ids(succeed("list", "--json", "--since", "999999d")) == ["3", "2", "1"]
    assert succeed("list", "--since", "1m") == "No calls match.\n"
    assert ids(succeed("list", "--json", "--since", "today")) == []


@pytest.mark.usefixtures("archive")
def test_a_time_that_cannot_be_read_is_told_with_examples() -> None:
    for wrong in ("last week", "2020-13-01", "7x"):
        assert "24h" in error_of("list", "--since", wrong)


@pytest.mark.usefixtures("archive")
def test_a_call_is_shown_with_both_sides_verdicts_and_what_was_not_heard() -> None:
    output = succeed("show", "1")
    heading, conversation = output.split("\n\n")
    assert f"Call {'1' * 16}: dental (cascade)" in heading
    assert "From +12025550143 to +12025550100" in heading
    assert conversation.splitlines() == [
        "  0:00.0  agent   Good morning, Bright Dental.",
        "  0:02.0  caller  =Can I [bold]have [31m antibiotics?",
        "  0:03.7  gate    refuse: antibiotics (Medical advice), said by the caller",
        "  0:04.0  agent   We are [not heard: the caller spoke]",
        "  0:05.0  caller  [pressed 5]",
        "  0:06.0  problem the recording ended early",
        "  0:10.0          [caller_hung_up: the caller hung up]",
    ]


def test_a_call_is_shown_as_json_with_its_files(archive: Path) -> None:
    shown = json.loads(succeed("show", "3" * 16, "--json"))
    assert shown["ended"] == "interrupted"
    assert [turn["speaker"] for turn in shown["turns"]] == ["agent", "caller"]
    assert Path(shown["transcript"]).resolve() == archive / "calls" / "2020-01-31" / f"{'3' * 16}.jsonl"
    assert shown["recording"] is None


@pytest.mark.usefixtures("archive")
def test_a_call_that_does_not_exist_is_told_with_what_to_do() -> None:
    assert "callbridge calls list" in error_of("show", "ffff")


def test_a_transcript_that_is_gone_is_told_with_its_path(archive: Path) -> None:
    succeed("list")
    path = archive / "calls" / "2020-01-10" / f"{'1' * 16}.jsonl"
    path.unlink()
    assert path.name in error_of("show", "1")
    result = run("export")
    assert result.exit_code == 1
    assert path.name in result.stderr
    assert len(result.stdout.splitlines()) == 2


def test_a_folder_without_calls_is_told_with_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "DATA_DIR" in error_of("list")
    assert not (tmp_path / "data").exists()
    (tmp_path / "empty").mkdir()
    assert succeed("list", "--data-dir", "empty") == "No calls.\n"


@pytest.mark.usefixtures("archive")
def test_calls_are_exported_one_to_a_line_oldest_first() -> None:
    exported = [json.loads(line) for line in succeed("export").splitlines()]
    assert [each["call_id"][0] for each in exported] == ["1", "2", "3"]
    assert exported[0] == json.loads(succeed("show", "1", "--json"))
    chosen = [json.loads(line) for line in succeed("export", "3", "1").splitlines()]
    assert [each["call_id"][0] for each in chosen] == ["3", "1"]


def test_turns_are_exported_to_a_spreadsheet_that_takes_no_words_for_formulas(archive: Path) -> None:
    result = run("export", "1", "--format", "csv", "--out", "calls.csv")
    assert result.stderr == "1 calls written to calls.csv\n"
    with (archive.parent / "calls.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["speaker"] for row in rows] == ["agent", "caller"]
    assert rows[1]["text"] == "'=Can I [bold]have [31m antibiotics?"
    assert (rows[1]["start_ms"], rows[1]["from"], rows[1]["ended"]) == ("2000", "+12025550143", "caller_hung_up")


@pytest.mark.usefixtures("archive")
def test_calls_are_exported_as_text() -> None:
    text = succeed("export", "--format", "txt")
    assert text.count("Good morning, Bright Dental.") == 3
    assert "\x1b" not in text


@pytest.mark.usefixtures("archive")
def test_a_file_that_cannot_be_written_is_told_with_its_name() -> None:
    assert "nowhere/calls.csv" in error_of("export", "--out", "nowhere/calls.csv")


@pytest.mark.parametrize("command", ["list", "show", "export"])
def test_the_help_of_each_command_has_examples(command: str) -> None:
    assert f"callbridge calls {command}" in succeed(command, "--help")


# -- lines


def test_unheard_words_are_struck_through_and_verdicts_stand_out_on_a_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=100, _environ={})
    console.print(coloured(lines(Reading(tuple(TALK)))))
    shown = stream.getvalue()
    assert "\x1b[2;9mWe are" in shown
    assert "\x1b[1;31mrefuse: antibiotics" in shown
    assert "\x1b[31m antibiotics" not in shown
    assert "[bold]have" in shown


def test_lines_that_could_not_be_read_are_shown() -> None:
    shown = [str(line) for line in lines(Reading((TALK[0],), (Fault(3, "not a line of JSON"),)))]
    assert shown == [
        "  0:00.0  agent   Good morning,",
        "  0:00.0  problem line 3 of the file cannot be read: not a line of JSON",
    ]


def test_a_recording_that_was_refused_is_shown() -> None:
    shown = [str(line) for line in lines(Reading((RecordingRecord("began", 3000), RecordingRecord("deleted", 4000))))]
    assert shown == [
        "  0:03.0          [recording from here on]",
        "  0:04.0          [the caller refused: the recording was deleted]",
    ]


def test_a_summary_stands_at_the_end() -> None:
    shown = [str(line) for line in lines(Reading((END, Summary("They asked\x1b[2J for bread."))))]
    assert shown[-2:] == [
        "  0:00.0  summary They asked [2J for bread.",
        "  0:10.0          [caller_hung_up: the caller hung up]",
    ]


def test_masked_keys_are_shown_as_presses() -> None:
    assert str(lines(Reading((DigitPressed("", 0),)))[0]) == "  0:00.0  caller  [pressed a key]"


def test_times_and_words_are_written_for_people() -> None:
    assert (clock(0), clock(187_456), clock(3_600_000)) == ("0:00.0", "3:07.4", "60:00.0")
    assert (duration(9.6), duration(59.7), duration(3 * 3600 + 5)) == ("0:10", "1:00", "3:00:05")
    assert local_time("not a time") == "not a time"
    assert clean("a\x1b[2J\u202eb\n") == "a [2J b "
    assert str(Line(0, "end", "[idle]")) == "  0:00.0          [idle]"
