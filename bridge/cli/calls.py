"""`callbridge calls`: look at the record of calls. Works on DATA_DIR alone, whether a server runs or not."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli.lines import coloured, local_time
from bridge.facts.errors import BridgeError, SettingsError
from bridge.facts.settings import Settings, load_settings
from bridge.server.journal import read_transcript
from bridge.server.rows import CallEntry
from bridge.server.store import CallStore
from bridge.transcript.lines import clean, duration, lines
from bridge.transcript.records import Reading
from bridge.transcript.summary import summarise

app = typer.Typer(
    no_args_is_help=True,
    help="List, read, export and delete the calls that were answered.",
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="Instead of DATA_DIR.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="2026-01-31, '2026-01-31 09:30', today, yesterday, 90m, 24h or 7d.")
]

CSV_COLUMNS = ("call_id", "persona", "from", "to", "started_at", "ended", "speaker", "start_ms", "end_ms", "text")


class Format(StrEnum):
    """What `calls export` writes."""

    JSONL = "jsonl"
    CSV = "csv"
    TXT = "txt"


@app.command("list")
def list_calls(
    persona: Annotated[str | None, typer.Option(metavar="NAME", help="Calls to this persona only.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many at most.")] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List calls, the newest first.

    Examples:

        callbridge calls list

        callbridge calls list --persona dental --since 7d

        callbridge calls list --json --limit 1000
    """
    with archive(data_dir) as (_, store):
        found = store.list(persona=persona, since=_moment(since), limit=limit)
    if as_json:
        typer.echo(json.dumps([entry.as_dict() for entry in found], indent=2, ensure_ascii=False))
    elif found:
        _console().print(calls_table(found))
    else:
        typer.echo("No calls." if persona is None and since is None else "No calls match.")


@app.command("show")
def show_call(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="The call's id, or its beginning.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show both sides of a call with times, the gate's verdicts, and what the caller did not hear.

    Examples:

        callbridge calls show 3f9a

        callbridge calls show 3f9a1c0de4b25a77 --json
    """
    with archive(data_dir) as (settings, store):
        entry = store.find(call_id)
        reading = read_transcript(settings.data_dir, entry.transcript)
    if as_json:
        typer.echo(json.dumps(_as_object(entry, reading, settings.data_dir), indent=2, ensure_ascii=False))
        return
    console = _console()
    for heading in _heading(entry, settings.data_dir):
        console.print(Text(clean(heading)), soft_wrap=True)
    console.print()
    found = lines(reading)
    if console.is_terminal:
        console.print(coloured(found))
    else:
        typer.echo("\n".join(map(str, found)))


@app.command("export")
def export_calls(
    call_ids: Annotated[list[str] | None, typer.Argument(metavar="[CALL_ID]...", help="All calls if none.")] = None,
    form: Annotated[
        Format, typer.Option("--format", help="A call to a line, a turn to a row, or text.")
    ] = Format.JSONL,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of the standard output.")] = None,
    persona: Annotated[str | None, typer.Option(metavar="NAME", help="Calls to this persona only.")] = None,
    since: Since = None,
    data_dir: DataDir = None,
) -> None:
    """Export calls as JSON Lines (one call to a line), CSV (one turn to a row) or text.

    Examples:

        callbridge calls export --format csv --out calls.csv

        callbridge calls export 3f9a 77b2 --format txt
    """
    with archive(data_dir) as (settings, store):
        if call_ids:
            chosen: Sequence[CallEntry] = [store.find(each) for each in call_ids]
        else:
            chosen = store.list(persona=persona, since=_moment(since))[::-1]
        with _output(out) as stream:
            missing = _export(chosen, form, stream, settings.data_dir)
    if out is not None:
        typer.echo(f"{len(chosen) - len(missing)} calls written to {out}", err=True)
    if missing:
        typer.echo("\n".join(["Some transcripts could not be read:", *missing]), err=True)
        raise typer.Exit(1)


def _export(chosen: Sequence[CallEntry], form: Format, stream: IO[str], data_dir: Path) -> list[str]:
    """Write the calls; give the errors of those that cannot be read."""
    missing = []
    if form is Format.CSV:
        csv.writer(stream).writerow(CSV_COLUMNS)
    for entry in chosen:
        try:
            reading = read_transcript(data_dir, entry.transcript)
        except BridgeError as error:
            missing.append(f"  {entry.call_id}: {error}")
            continue
        match form:
            case Format.JSONL:
                stream.write(json.dumps(_as_object(entry, reading, data_dir), ensure_ascii=False) + "\n")
            case Format.CSV:
                csv.writer(stream).writerows(_rows(_as_object(entry, reading, data_dir)))
            case Format.TXT:
                stream.writelines(f"{clean(line)}\n" for line in _heading(entry, data_dir))
                stream.writelines(f"{line}\n" for line in lines(reading))
                stream.write("\n")
    return missing


def _as_object(entry: CallEntry, reading: Reading, data_dir: Path) -> dict[str, Any]:
    """The summary with what only the index and the disk know."""
    summary = summarise(reading.records)
    return summary | {
        "ended": summary["ended"] or entry.ended_how,
        "transcript": str(data_dir / entry.transcript),
        "recording": str(data_dir / entry.recording) if entry.recording else None,
        "unreadable_lines": [fault.line for fault in reading.faults],
    }


def _rows(call: dict[str, Any]) -> Iterator[list[str]]:
    for turn in call["turns"]:
        yield [_cell(turn.get(column, call.get(column))) for column in CSV_COLUMNS]


def _cell(value: object) -> str:
    """A spreadsheet must not take a caller's words for a formula; a telephone number is harmless."""
    text = clean("" if value is None else str(value))
    if text[:1] in {"=", "+", "-", "@"} and not re.fullmatch(r"\+?\d+", text):
        return "'" + text
    return text


def _heading(entry: CallEntry, data_dir: Path) -> list[str]:
    how = entry.ended_how or "in progress"
    seconds = "" if entry.seconds is None else f", {duration(entry.seconds)}"
    heading = [
        f"Call {entry.call_id}: {entry.persona} ({entry.engine}), {local_time(entry.started_at)}{seconds}, {how}",
        f"From {entry.from_number or 'unknown'} to {entry.to_number or 'unknown'}",
        f"Transcript {data_dir / entry.transcript}",
    ]
    return [*heading, f"Recording {data_dir / entry.recording}"] if entry.recording else heading


def calls_table(found: Sequence[CallEntry]) -> Table:
    """Calls for people to read."""
    table = Table(box=None, pad_edge=False)
    for name in ("CALL", "BEGAN", "PERSONA", "FROM"):
        table.add_column(name, no_wrap=name != "FROM")
    for name in ("LENGTH", "TURNS", "GATE", "PROBLEMS"):
        table.add_column(name, justify="right")
    table.add_column("ENDED")
    for entry in found:
        table.add_row(
            entry.call_id,
            local_time(entry.started_at),
            entry.persona,
            Text(clean(entry.from_number)),
            "" if entry.seconds is None else duration(entry.seconds),
            str(entry.turns),
            Text(str(entry.verdicts), style="bold red" if entry.verdicts else ""),
            Text(str(entry.problems), style="yellow" if entry.problems else ""),
            entry.ended_how or "in progress",
        )
    return table


def _console() -> Console:
    """A pipe gets whole lines, a terminal its own width."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=200)


@contextmanager
def archive(data_dir: Path | None) -> Iterator[tuple[Settings, CallStore]]:
    """The settings and the index."""
    settings = load_settings(data_dir=data_dir)
    if not settings.database_url and not settings.data_dir.is_dir():
        raise SettingsError(
            f"There is no record of calls at {settings.data_dir.absolute()}. It is made when the first call is "
            "answered; if it lies elsewhere, set DATA_DIR or use --data-dir."
        )
    store = CallStore(settings.database)
    try:
        if not store.list(limit=1):  # a new index, or one that was deleted: the files still have everything
            store.rebuild(settings.data_dir)
        yield settings, store
    finally:
        store.close()


@contextmanager
def _output(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    try:
        stream = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from None
    with stream:
        yield stream


def _moment(text: str | None) -> datetime | None:
    """A point in time as people write it, in the time zone of this machine."""
    if text is None:
        return None
    now = datetime.now(UTC).astimezone()
    if text in {"today", "yesterday"}:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=text == "yesterday")
    if ago := re.fullmatch(r"(\d{1,6})([mhd])", text):
        unit = {"m": "minutes", "h": "hours", "d": "days"}[ago[2]]
        try:
            return now - timedelta(**{unit: int(ago[1])})
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise SettingsError(f"--since {text!r}: write 2026-01-31, '2026-01-31 09:30', today, 90m, 24h or 7d.") from None
