"""`callbridge gate calibrate`: a threshold for the topics that a persona allows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.persona import Folder, file_of, read
from bridge.facts.errors import PersonaError
from bridge.gate.calibrate import Calibration, Scored
from bridge.gate.calibrate import calibrate as measure
from bridge.persona.edit import with_value
from bridge.persona.load import parse

_AROUND: Final = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15)
"""Thresholds that are shown, from the chosen one."""

_SHOWN: Final = 8
"""Mistakes of each kind that are shown."""


def calibrate(
    persona: Annotated[str, typer.Option(metavar="NAME", help="Name of the persona, or a persona file.")],
    write: Annotated[bool, typer.Option("--write", help="Write the threshold into the persona's file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    folder: Folder = None,
) -> None:
    """Choose `allowed.threshold` by the examples in a persona, each scored as if it were not in the file.

    Allowed are its `examples`, questions, answers and information; not allowed its `off_topic_examples`, and sentences
    on everyday subjects of our own. The threshold chosen is the one with the fewest mistakes of both kinds. Examples of
    blocked topics are shown and do not choose: they are near to what is allowed, and have a rule of their own.

    Examples:

        callbridge gate calibrate --persona dental

        callbridge gate calibrate --persona dental --write
    """
    from bridge.engine.embedding import load_embedder

    path = file_of(persona, folder)
    text = read(path)
    used = parse(text, path.stem)
    if used.allowed is None:
        hint = "there is nothing to calibrate; list the topics that it may talk about under allowed"
        raise PersonaError(f"{path} allows all topics but the blocked ones: {hint}")
    found = measure(used, load_embedder().embed)
    if write:
        _write(path, with_value(text, "allowed", "threshold", f"{found.threshold:.2f}"))
    if as_json:
        typer.echo(json.dumps(_as_object(found, used.allowed.threshold, write), ensure_ascii=False, indent=1))
    else:
        _show(found, used.allowed.threshold, path if write else None)


def _as_object(found: Calibration, current: float, written: bool) -> dict[str, Any]:
    refused, passed = found.mistakes(found.threshold)
    return {
        "threshold": found.threshold,
        "current": current,
        "written": written,
        "examples": {
            "allowed": len(found.allowed),
            "off_topic": len(found.elsewhere),
            "blocked": len(found.blocked),
            "everyday": len(found.everyday),
        },
        "confusion": [asdict(found.at(threshold)) for threshold in _thresholds(found)],
        "refused": [asdict(one) for one in refused],
        "passed": [asdict(one) for one in passed],
        "too_few": list(found.shortages),
    }


def _thresholds(found: Calibration) -> list[float]:
    return [round(found.threshold + step, 2) for step in _AROUND]


def _show(found: Calibration, current: float, written: Path | None) -> None:
    table = Table(
        "threshold",
        f"allowed, refused (of {len(found.allowed)})",
        f"off-topic, passed (of {len(found.elsewhere)})",
        f"blocked, passed (of {len(found.blocked)})",
        f"everyday, passed (of {len(found.everyday)})",
    )
    for threshold in _thresholds(found):
        row = found.at(threshold)
        mark = " ←" if threshold == found.threshold else ""
        counts = (row.refused, row.passed, row.passed_blocked, row.passed_everyday)
        table.add_row(f"{threshold:.2f}{mark}", *map(str, counts))
    Console().print(table)
    refused, passed = found.mistakes(found.threshold)
    _list("allowed, and would be refused", sorted(refused, key=lambda one: one.score))
    _list("off-topic, and would pass", sorted(passed, key=lambda one: -one.score))
    for shortage in found.shortages:
        typer.echo(f"Too few to be sure: {shortage}.")
    what = f"written into {written}" if written else "--write writes it into the file"
    typer.echo(f"threshold: {found.threshold:.2f} (now {current:.2f}); {what}")


def _list(title: str, mistakes: list[Scored]) -> None:
    if mistakes:
        typer.echo(f"{title}:")
    for one in mistakes[:_SHOWN]:
        typer.echo(f"  {one.score:5.2f}  {one.text}")
    if len(mistakes) > _SHOWN:
        typer.echo(f"  … and {len(mistakes) - _SHOWN} more")


def _write(path: Path, text: str) -> None:
    """Replace the file at once: a server that reads it meanwhile sees the old one or the new one."""
    other = path.with_suffix(".yaml.new")
    try:
        other.write_text(text, "utf-8")
        other.chmod(path.stat().st_mode & 0o7777)
        other.replace(path)
    except OSError as error:
        raise PersonaError(f"{path} cannot be written: {error.strerror}") from None
