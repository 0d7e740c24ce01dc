"""`callbridge model download|status|verify`: get the PersonaPlex model, see what is there, prove that it computes."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from bridge.cli.needs import personaplex
from bridge.facts.settings import load_settings
from bridge.hub.catalogue import catalogue
from bridge.hub.disk import Status, advice
from bridge.hub.files import REPO, part_of, size_text

app = typer.Typer(
    no_args_is_help=True, help="Download the PersonaPlex model, see what is there, check what it computes."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Dir = Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="Instead of MODEL_DIR.")]


class Packed(StrEnum):
    """Weights whose error can be measured."""

    INT8 = "int8"
    FP8 = "fp8"


@app.command()
def download(
    directory: Dir = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit, instead of the newest.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Download files anew that differ from the hub's.")] = False,
) -> None:
    """Download the model's files, about 17 GB, into MODEL_DIR, and check them.

    The model is given to those who have accepted its licence: do that at https://huggingface.co/nvidia/personaplex-7b-v1,
    then put a token of type Read into HF_TOKEN (environment or `.env`). Ctrl-C stops; the same command goes on from
    there. Files that are there already are checked once and kept. HF_ENDPOINT names another hub.

    Examples:

        HF_TOKEN=hf_… callbridge model download

        callbridge model download --dir /srv/models/personaplex-7b-v1 --revision main
    """
    settings = load_settings(model_dir=directory)
    target = settings.model_dir
    with personaplex():
        from bridge.hub.download import download as bring
        from bridge.hub.remote import Hub

        hub = Hub(REPO, settings.hf_token.get_secret_value().strip() if settings.hf_token else None)
        bars = _Bars(Console(stderr=True))
        try:
            with bars.shown:
                done = bring(hub, target, revision=revision, replace=replace, progress=bars.moved)
        except KeyboardInterrupt:
            kept = sum(part.stat().st_size for part in target.glob(part_of(Path("*")).name))
            typer.echo(
                f"Stopped; {size_text(kept)} of unfinished files are kept. The same command goes on from there.",
                err=True,
            )
            raise typer.Exit(130) from None
    for name in done.already:
        typer.echo(f"{name} was there already")
    for name in done.fetched:
        typer.echo(f"{name} downloaded and checked")
    if done.voices:
        typer.echo(f"{len(done.voices)} voices unpacked")
    typer.echo(f"The model is in {done.directory.absolute()} (revision {done.revision[:12]}).")
    if directory is not None:
        typer.echo(f"Set MODEL_DIR={done.directory.absolute()} for the other commands.")


class _Bars:
    """A progress bar for each file in work; on a terminal only."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self.shown = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def moved(self, doing: str, name: str, have: int, total: int) -> None:
        """So many bytes are done of what is being done with this file."""
        key = (doing, name)
        if key not in self._tasks:
            # What lay there before says nothing about the speed.
            self._tasks[key] = self.shown.add_task(f"{doing} {name}", total=total, completed=have)
        self.shown.update(self._tasks[key], completed=have)


@app.command()
def status(directory: Dir = None, as_json: AsJson = False) -> None:
    """Say which models are on this machine: PersonaPlex file by file, and those of the CPU engine.

    Sizes are those of the hub once a download has begun, before that round figures. Nothing is asked of the network.

    Examples:

        callbridge model status

        callbridge model status --json
    """
    settings = load_settings(model_dir=directory)
    models = catalogue(settings.model_dir, settings.engine)
    if as_json:
        typer.echo(json.dumps(models, indent=2))
        return
    console = _console()
    ours, packaged = models[0], models[1:]
    console.print(Text.assemble((ours["name"], "bold"), f" in {ours['localPath']}: ", _coloured(ours["status"])))
    console.print(_file_table(ours["files"]))
    console.print(Text("\nModels of the CPU engine, which come inside packages", style="bold"))
    console.print(_package_table(packaged))
    for file in (file for model in packaged for file in model["files"] if file["status"] != Status.DOWNLOADED):
        console.print(Text(file["note"], style="red"), soft_wrap=True)
    if ours["status"] != Status.DOWNLOADED:
        console.print()
        for line in advice(settings.model_dir):
            console.print(line, soft_wrap=True)


def _file_table(files: list[dict[str, Any]]) -> Table:
    table = _table(("FILE", False), ("STATUS", False), ("THERE", True), ("EXPECTED", True), ("", False))
    for file in files:
        about = "" if file["expectedSizeIsExact"] else "about "
        expected = about + _size(file["expectedSizeMb"]) if file["expectedSizeMb"] else ""
        table.add_row(file["name"], _coloured(file["status"]), _size(file["presentSizeMb"]), expected, file["note"])
    return table


def _package_table(models: list[dict[str, Any]]) -> Table:
    table = _table(("MODEL", False), ("TYPE", False), ("STATUS", False), ("SIZE", True), ("PACKAGE", False))
    for model in models:
        size = _size(model["presentSizeMb"])
        table.add_row(model["name"], model["type"], _coloured(model["status"]), size, model["package"])
    return table


def _table(*columns: tuple[str, bool]) -> Table:
    """A plain table of (heading, whether it holds numbers)."""
    table = Table(box=None, pad_edge=False)
    for heading, numbers in columns:
        table.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    return table


def _console() -> Console:
    """A pipe gets whole lines, a terminal its own width."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=200)


def _size(megabytes: float) -> str:
    return size_text(round(megabytes * 1e6)) if megabytes else ""


def _coloured(status: str) -> Text:
    return Text(status, style={"downloaded": "green", "partial": "yellow"}.get(status, "red"))


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a snapshot with cases.safetensors.")],
    weights: Annotated[Packed | None, typer.Option(help="Also measure what 8-bit weights cost.")] = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce the golden vectors that a snapshot carries in cases.safetensors, in float32 on the CPU.

    They were recorded from the published implementations: every token must be equal, logits and sound within 1e-3, and
    95 % of the codec's codes equal. Exit status 1 where it falls short. The published model carries none; its files
    are proved by their hashes (`callbridge model download`).

    Examples:

        callbridge model verify tests/engine/personaplex/tiny

        callbridge model verify tests/engine/personaplex/tiny --weights int8 --json
    """
    console = Console(stderr=True)
    with personaplex(), console.status("computing the golden vectors"):
        from bridge.engine.personaplex.measure import quantisation_error
        from bridge.engine.personaplex.quantise import Weights
        from bridge.engine.personaplex.verify import verify as replay

        report = replay(directory)
        error = quantisation_error(directory, Weights(weights)) if weights else None
    result = report.as_dict()
    if error is not None:
        result["quantisation"] = error.as_dict()
    if as_json:
        typer.echo(msgspec.json.encode(result))  # which writes null for an error without bounds
    else:
        _console().print(_verify_table(result))
        typer.echo("Everything is reproduced." if report.ok else "It falls short of the recorded vectors.")
    if not report.ok:
        raise typer.Exit(1)


def _verify_table(result: dict[str, Any]) -> Table:
    table = _table(("CASE", False), ("RESULT", True), ("ASKED FOR", True))
    for name in ("lm_unprompted", "lm_prompted_codes", "lm_prompted_pt"):
        rows = result[name]
        table.add_row(name, f"{rows['equal']} of {rows['frames']} frames equal" if rows else "not there", "all")
    for name in ("text_logits_max_error", "audio_logits_max_error", "mimi_pcm_max_error"):
        table.add_row(name, _figure(result[name]), "at most 0.001")
    equal = result["mimi_codes_equal"]
    table.add_row("mimi_codes_equal", "not there" if equal is None else f"{equal:.2%}", "at least 95 %")
    for name, value in result.get("quantisation", {}).items():
        table.add_row(f"quantisation {name}", _figure(value), "")
    return table


def _figure(value: object) -> str:
    return "not there" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
