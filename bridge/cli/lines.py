"""A call's record on a terminal: the lines of `bridge.transcript.lines` in columns, with colours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from bridge.transcript.lines import Line, Who, clean, clock

_STYLE: dict[Who, str] = {
    "caller": "cyan",
    "agent": "green",
    "unheard": "strike dim",
    "gate": "bold red",
    "digit": "dim",
    "record": "dim",
    "problem": "yellow",
    "asked": "dim",
    "person": "dim",
    "carrier": "dim",
    "summary": "italic",
    "end": "dim",
}


def coloured(found: Sequence[Line]) -> Table:
    """The lines in columns with colours: verdicts stand out, unheard words are struck through."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for line in found:
        text = Text(line.text, _STYLE[line.who])
        if line.note:
            text = Text.assemble(text, (f" {line.note}", "dim"))
        grid.add_row(clock(line.at_ms), line.label, text)
    return grid


def local_time(utc: str) -> str:
    """An ISO 8601 time as date and time of day in the time zone of this machine."""
    try:
        return datetime.fromisoformat(utc).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return clean(utc)
